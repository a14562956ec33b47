"""Prompts in their frames: what a chat template is told, what it writes, and what stands there twice."""

import json
import threading
from datetime import date, datetime

import pytest
import tiny
import transformers

from headpursuit.models.chat import Chat, chat_of, parse_template_args
from headpursuit.models.templates import settings_of

MARKED = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is defined and not enable_thinking %}"
    "<think></think>{% endif %}{% endif %}"
)
DATED = "Today is {{ strftime_now('%d %b %Y, %H:%M') }}. {{ messages[0].content }}"
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{{ messages[0].content }}"
)
ONLY_USERS = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"


def chatty(template=MARKED):
    model = tiny.language_model()
    model.tokenizer.add_special_tokens(
        {"bos_token": "<s>", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}
    )
    model.network.resize_token_embeddings(len(model.tokenizer))
    model.tokenizer.chat_template = template
    return model


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
        (NO_SYSTEM, Chat("Be brief."), r"a system prompt and a text \(System role not supported\); leave --system or"),
        (ONLY_USERS, Chat("Be brief."), "leaves the system prompt out; leave --system out"),
        ("{{ nothing.at_all }}", Chat(), "cannot write a text .*; leave --chat out"),
        ("{% if %}", Chat(template={"a": 1}), "reads no setting 'a'"),
        (None, Chat("Be brief."), "has no chat template; leave --chat out"),
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
    [({"system": "x"}, "--system"), ({"template_args": "a=1"}, "--template-args"), ({"date": "2020-02-29"}, "--date")],
)
def test_settings_of_a_frame_need_the_chat_template(given, named):
    with pytest.raises(ValueError, match=f"{named} would do nothing without the chat template; add --chat"):
        chat_of(False, **given)
    assert chat_of(False) is False
    assert isinstance(chat_of(True, **given), Chat)
    json.dumps(chat_of(True, **given).template)
