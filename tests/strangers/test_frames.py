"""Prompts in their frames: what a chat template is told, what it writes, and what stands there twice."""

import json
import threading
import warnings
from datetime import date, datetime

import pytest
import torch
import transformers
from chatty import DATED, MARKED, NO_SYSTEM, ONLY_USERS, chatty
from tokenizers.processors import TemplateProcessing

import headpursuit as hp
from headpursuit.models import Framing, answer, batches
from headpursuit.models.templates import settings_of
from headpursuit.settings.chat import Chat, chat_of, parse_template_args
from headpursuit.user_errors import Note


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", {}),
        ("enable_thinking=false", {"enable_thinking": False}),
        ("enable_thinking=False", {"enable_thinking": False}),
        ("a=1, b = 2.5,c=null,d=None", {"a": 1, "b": 2.5, "c": None, "d": None}),
        ("reasoning=low", {"reasoning": "low"}),
        ('date_string="26 Jul 2024"', {"date_string": "26 Jul 2024"}),
        ("x=a=b", {"x": "a=b"}),
        ('{"names": ["a", "b"], "deep": {"c": true}}', {"names": ["a", "b"], "deep": {"c": True}}),
    ],
)
def test_settings_of_a_template_are_typed_as_json(text, settings):
    assert parse_template_args(text) == settings


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("enable_thinking", "cannot read 'enable_thinking' as a setting of a template; write name=value"),
        ("=3", "write name=value"),
        ("a b=3", "write name=value"),
        ("a=1,a=2", "the setting a of the template is given twice"),
        ("{'a': 1}", "no valid JSON"),
    ],
)
def test_what_is_no_setting_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_template_args(text)


def test_the_system_prompt_comes_first_and_settings_reach_the_template():
    model = chatty()
    frame = Chat("Be brief.", {"enable_thinking": False})
    assert model.as_message("Hi", chat=frame) == (
        "<s><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        "<think></think>"
    )
    assert model.as_message("Hi") == "<s><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_messages_with_a_system_prompt_of_their_own_keep_it():
    messages = [{"role": "system", "content": "Mine."}, {"role": "user", "content": "Hi"}]
    found = chatty().in_template(messages, Chat("Be brief."))
    assert "Mine." in found and "Be brief." not in found


@pytest.mark.parametrize(
    ("template", "frame", "reason"),
    [
        (MARKED, Chat(template={"enable_thinkin": False}), "reads no setting 'enable_thinkin'; it reads enable_think"),
        (ONLY_USERS, Chat(template={"a": 1}), "reads no setting 'a'; it reads none; leave the settings out"),
        (MARKED, Chat(template={"messages": []}), "reads no setting 'messages'"),
        (MARKED, Chat(template={"add_generation_prompt": False}), "reads no setting 'add_generation_prompt'"),
        (MARKED, Chat(template={"tokenize": True}), "reads no setting 'tokenize'"),
        (NO_SYSTEM, Chat("Be brief."), r"a system prompt and a text \(System role not supported\); leave `system` or"),
        (ONLY_USERS, Chat("Be brief."), "leaves the system prompt out; leave `system` out"),
        ("{{ nothing.at_all }}", Chat(), "cannot write a text .*; leave `chat` out"),
        ("{% if %}", Chat(template={"a": 1}), "reads no setting 'a'"),
        (None, Chat("Be brief."), "has no chat template; leave `chat` out"),
    ],
)
def test_what_a_template_cannot_write_is_refused_in_one_line(template, frame, reason):
    with pytest.raises(ValueError, match=reason) as refusal:
        chatty(template).as_message("Hi", chat=frame)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("dash", ["", "-"])
def test_marks_that_transformers_reads_hide_no_setting(dash):
    template = (
        "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{% generation %}{{ a }}{% endgeneration %}"
    )
    template = template.replace("{%", "{%" + dash).replace("%}", dash + "%}") + "{% endfor %}"
    assert settings_of(chatty(template).tokenizer) == ("a",)


def test_a_date_is_what_the_template_takes_for_now():
    model = chatty(DATED)
    assert model.as_message("Hi", chat=Chat(date="2020-02-29")) == "Today is 29 Feb 2020, 00:00. Hi"
    assert model.as_message("Hi", chat=Chat(date="2020-02-29T09:30")) == "Today is 29 Feb 2020, 09:30. Hi"
    assert datetime.now().strftime("%d %b %Y") in model.as_message("Hi")


def test_the_clock_of_transformers_is_back_after_a_template_that_fails():
    model = chatty("{{ strftime_now('%Y') }}{{ raise_exception('no') }}")
    with pytest.raises(ValueError, match="cannot write a text"):
        model.as_message("Hi", chat=Chat(date="2020-02-29"))
    assert transformers.utils.chat_template_utils.datetime is datetime


def test_threads_that_write_at_other_dates_do_not_disturb_each_other():
    model, wrong = chatty(DATED), []

    def write(year):
        text = f"Today is 01 Jan {year}, 00:00. Hi"
        for _ in range(50):
            found = model.as_message("Hi", chat=Chat(date=f"{year}-01-01"))
            wrong.extend([found] * (found != text))

    threads = [threading.Thread(target=write, args=(year,)) for year in (1990, 2010)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_only_prompts_of_templates_that_ask_the_clock_get_a_date():
    assert chatty(DATED).dated(True) == Chat(date=date.today().isoformat())
    assert chatty(DATED).dated(Chat(date="2020-02-29")) == Chat(date="2020-02-29")
    assert chatty(MARKED).dated(True) == Chat()
    assert chatty(DATED).dated(False) is None


@pytest.mark.parametrize("wrong", ["tomorrow", "2026-02-30", "14.07.2026"])
def test_a_date_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=f"cannot read '{wrong}' as a date; write it like 2026-07-14"):
        Chat(date=wrong)


@pytest.mark.parametrize(
    ("given", "named"),
    [({"system": "x"}, "system"), ({"template_args": "a=1"}, "template_args"), ({"date": "2020-02-29"}, "date")],
)
def test_settings_of_a_frame_need_the_chat_template(given, named):
    with pytest.raises(ValueError, match=f"`{named}` would do nothing without the chat template; add `chat=True`"):
        chat_of(False, **given)
    assert chat_of(False) is False
    assert isinstance(chat_of(True, **given), Chat)
    json.dumps(chat_of(True, **given).template)


def leading(model, token="<s>"):
    """The tokenizer puts a token before every text."""
    number = model.tokenizer.convert_tokens_to_ids(token)
    model.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{token} $A", special_tokens=[(token, number)]
    )
    return model


def ids_of(model, prompt, chat=False):
    return batches(model, [prompt], 1, chat=chat)[0].input_ids[0].tolist()


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("text", ["Hi", "<s>Hi"])
def test_the_first_token_stands_there_once_whoever_writes_it(text, chat):
    model = leading(chatty())
    first = model.tokenizer.bos_token_id
    ids = ids_of(model, text, chat)
    assert ids[0] == first and ids.count(first) == 1
    assert ids == ids_of(model, "Hi", chat)


def test_a_typed_first_token_stays_where_nobody_else_writes_it():
    model = chatty(ONLY_USERS)
    for chat in (False, True):
        assert ids_of(model, "<s>Hi", chat) == model.tokenizer.encode("<s>Hi", add_special_tokens=False)
        assert len(ids_of(model, "Hi", chat)) == len(ids_of(model, "<s>Hi", chat)) - 1


def test_a_first_token_that_is_no_bos_stands_there_once_too():
    model = chatty()
    model.tokenizer.add_special_tokens({"cls_token": "[CLS]"})
    model.network.resize_token_embeddings(len(model.tokenizer))
    model.tokenizer.bos_token = None
    leading(model, "[CLS]")
    assert ids_of(model, "[CLS]Hi") == ids_of(model, "Hi")


def test_a_mark_that_begins_every_message_is_not_taken_for_the_first_token():
    model = chatty(MARKED.replace("{{ bos_token }}", ""))
    model.tokenizer.bos_token = "<|im_start|>"
    ids = ids_of(model, "<|im_start|>user\nHi<|im_end|>", True)
    assert ids.count(model.tokenizer.convert_tokens_to_ids("<|im_start|>")) == 3


FRAMED = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("prompts", "chat", "note"),
    [
        (["Hi", "a < b", "<|other|>"], True, ""),
        (["Hi", FRAMED], False, ""),
        (
            ["Hi", FRAMED, FRAMED, FRAMED],
            True,
            "3 of 4 prompts already hold the template's <|im_start|> and wear the frame twice: leave the chat template "
            "(`chat`) out, or give the bare texts",
        ),
        (["Hi", "the end<|im_end|>"], True, "1 of 2 prompts already holds the template's <|im_end|> and wears the fr"),
        (["<s>Hi", "Hi"], False, "1 of 2 prompts begin with <s>, which is written before every prompt anyway: it stan"),
        (["<s>Hi", "Hi"], True, "1 of 2 prompts begin with <s>"),
        (
            ["<s>" + FRAMED],
            True,
            "wears the frame twice: leave the chat template (`chat`) out, or give the bare texts",
        ),
    ],
)
def test_prompts_that_wear_their_frame_are_counted(prompts, chat, note):
    found = Framing.of(leading(chatty()), chat).note(prompts)
    assert found.startswith(note) or note in found
    assert bool(found) == bool(note)


def test_frames_of_plain_text_are_known_by_what_follows_the_message():
    model = chatty("{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}")
    assert "1 of 2 prompts already holds the template's [/INST]" in Framing.of(model, True).note(
        ["[INST] a [/INST]", "b"]
    )


@pytest.mark.parametrize(
    "run",
    [
        lambda model, prompts: answer(model, prompts, max_new_tokens=1, chat=True),
        lambda model, prompts: hp.capture(model, prompts, hp.CaptureConfig(chat=True)),
        lambda model, prompts: hp.effects(model, {"L1H2": 0}, prompts, chat=True),
    ],
    ids=["answer", "capture", "effects"],
)
def test_whoever_reads_prompts_tells_of_their_frames(run):
    with pytest.warns(Note, match="1 of 2 prompts already holds the template's <|im_start|>"):
        run(chatty(), ["Hi", FRAMED])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(chatty(), ["Hi", "Ho"])


def test_a_chat_reaches_what_is_read():
    model = chatty()
    frame = Chat("Be brief.", {"enable_thinking": False})
    text = model.as_message("Hi", chat=frame)
    assert ids_of(model, "Hi", frame) == model.tokenizer.encode(text, add_special_tokens=False)
    config = hp.CaptureConfig(chat=True, system="Be brief.", template_args="enable_thinking=false")
    assert config.frame == frame
    by_hand = hp.capture(model, [text])
    assert torch.equal(hp.capture(model, ["Hi"], config).moments["L1"].total, by_hand.moments["L1"].total)
    assert not torch.equal(
        hp.capture(model, ["Hi"], hp.CaptureConfig(chat=True)).moments["L1"].total, by_hand.moments["L1"].total
    )
    with pytest.raises(ValueError, match="`system` would do nothing without the chat template; add `chat=True`"):
        hp.CaptureConfig(system="Be brief.")


def test_captures_of_earlier_versions_stay_readable(tmp_path):
    hp.capture(chatty(), ["Hi"], hp.CaptureConfig(chat=True), output=tmp_path / "cap")
    manifest = json.loads((tmp_path / "cap" / "manifest.json").read_text())
    for name in ("system", "template_args", "date"):
        del manifest["config"][name]
    (tmp_path / "cap" / "manifest.json").write_text(json.dumps(manifest))
    assert hp.Capture.load(tmp_path / "cap").config == hp.CaptureConfig(chat=True)
