"""Templates that write the date: one date for all prompts of a run, kept, and gone on with on another day."""

import json
from datetime import date

import pytest
import tiny
import tiny_study
import torch
from chatty import DATED, MARKED, chatty
from safetensors import safe_open
from safetensors.torch import save_file
from typed import assert_refused, run

import headpursuit as hp
from headpursuit.analysis import check_place, merge
from headpursuit.models import Chat, answer
from headpursuit.studies import StudyResult, register_study, study
from headpursuit.studies.tasks import declared, load_task

BEGUN, LATER = "2020-02-29", "2021-03-01"
TOLD = "{{ 'w290' if strftime_now('%Y') == '2020' else 'w291' }} {{ messages[-1].content }}"


def on(monkeypatch, day):
    monkeypatch.setattr("headpursuit.models.language_model.today", lambda: day)


def test_a_capture_keeps_the_date_its_prompts_were_written_at(tmp_path):
    model = chatty(DATED)
    captured = hp.capture(model, ["Hi"], hp.CaptureConfig(chat=True), output=tmp_path / "cap")
    assert captured.config.date == date.today().isoformat()
    assert hp.Capture.load(tmp_path / "cap").config == captured.config
    assert hp.capture(chatty(), ["Hi"], hp.CaptureConfig(chat=True)).config.date == ""


class Stop(Exception):
    """The power goes."""


@pytest.mark.parametrize("aged", [False, True])
def test_a_capture_resumed_on_another_day_writes_the_first_days_prompts(tmp_path, monkeypatch, aged):
    model, prompts, place = chatty(DATED if not aged else MARKED), [f"Hi {i}" for i in range(6)], tmp_path / "cap"
    config = hp.CaptureConfig(chat=True, batch_size=2)

    def stop(done, _):
        if done >= 4:
            raise Stop

    monkeypatch.setattr("headpursuit.analysis.capturing.CHECKPOINT_SECONDS", 0)
    on(monkeypatch, "2020-02-29")
    whole = hp.capture(model, prompts, config)
    with pytest.raises(Stop):
        hp.capture(model, prompts, config, output=place, progress=stop)
    if aged:  # as a version without these settings left it
        state = next((tmp_path / ".cap.unfinished").glob("*.safetensors"))
        with safe_open(state, "pt") as kept:
            tensors, said = {name: kept.get_tensor(name) for name in kept.keys()}, kept.metadata()  # noqa: SIM118
        task = {k: v for k, v in json.loads(said["task"]).items() if k not in ("system", "template_args", "date")}
        save_file(tensors, state, metadata=said | {"task": json.dumps(task)})
    on(monkeypatch, "2020-03-01")
    check_place(place, model.name, prompts, config, resume=True)
    resumed = hp.capture(model, prompts, config, output=place, resume=True)
    assert resumed.config == whole.config
    assert resumed.config.date == ("" if aged else "2020-02-29")
    assert all(torch.equal(resumed.moments[site].total, whole.moments[site].total) for site in whole.moments)


def test_a_capture_is_not_resumed_at_a_date_that_it_was_not_begun_at(tmp_path, monkeypatch):
    model, prompts, place = chatty(DATED), [f"Hi {i}" for i in range(6)], tmp_path / "cap"

    def stop(*_):
        raise Stop

    monkeypatch.setattr("headpursuit.analysis.capturing.CHECKPOINT_SECONDS", 0)
    with pytest.raises(Stop):
        hp.capture(model, prompts, hp.CaptureConfig(chat=True, date="2020-02-29"), output=place, progress=stop)
    other = hp.CaptureConfig(chat=True, date="2020-03-01")
    for go_on in (
        lambda: check_place(place, model.name, prompts, other, resume=True),
        lambda: hp.capture(model, prompts, other, output=place, resume=True),
    ):
        with pytest.raises(ValueError, match="was begun with date '2020-02-29', now '2020-03-01'"):
            go_on()


def test_captures_of_other_dates_are_not_merged():
    one, other = (
        hp.capture(chatty(DATED), ["Hi"], hp.CaptureConfig(chat=True, date=day)) for day in ("2020-02-29", "2020-03-01")
    )
    with pytest.raises(ValueError, match="date is 2020-03-01"):
        merge([one, other])


@pytest.fixture
def dated(tmp_path, monkeypatch):
    """A model that is told the date, and a task with what it says on the day the study is begun."""

    def word_model(_made=tiny.word_model):
        model = _made()
        model.tokenizer.chat_template = TOLD
        return model

    on(monkeypatch, BEGUN)
    monkeypatch.setattr(declared, "neutral_texts", lambda: tiny_study.NEUTRAL)
    with monkeypatch.context() as patch:
        patch.setattr(tiny, "word_model", word_model)
        patch.setattr(tiny_study, "answer", lambda *given, **more: answer(*given, **more, chat=True))
        tiny_study.declare_task(tmp_path)
    return word_model(), tmp_path


def test_the_date_changes_what_the_model_says(dated):
    model, _ = dated
    prompts = [tiny_study.prompt(i) for i in range(6)]
    assert answer(model, prompts, chat=True) == answer(model, prompts, chat=Chat(date=BEGUN))
    assert answer(model, prompts, chat=True) != answer(model, prompts, chat=Chat(date=LATER))


def test_a_study_resumed_on_another_day_goes_on_at_the_day_it_was_begun(dated, monkeypatch):
    model, place = dated
    config, task = tiny_study.tiny_config(place, chat=True), load_task(str(place / "tiny-qa.yaml"))
    whole = study(model, config, place / "whole", task=task)
    assert whole.config.date == BEGUN
    assert f"--date {BEGUN}" in whole.command
    with tiny_study.breaking_in("edit"), pytest.raises(KeyboardInterrupt):
        study(model, config, place / "study", task=task)
    assert json.loads((place / "study" / "config.json").read_text())["date"] == BEGUN
    on(monkeypatch, LATER)
    resumed = study(model, config, place / "study", task=task, resume=True)
    assert (resumed.config, resumed.arms, resumed.examples) == (whole.config, whole.arms, whole.examples)
    assert StudyResult.load(place / "study").config.date == BEGUN


def test_a_study_is_not_resumed_at_another_date(dated):
    model, place = dated
    config, task = tiny_study.tiny_config(place, chat=True, date=BEGUN), load_task(str(place / "tiny-qa.yaml"))
    with tiny_study.breaking_in("edit"), pytest.raises(KeyboardInterrupt):
        study(model, config, place / "study", task=task)
    other = tiny_study.tiny_config(place, chat=True, date=LATER)
    with pytest.raises(ValueError, match=f"begun with other settings .date was '{BEGUN}', is '{LATER}'"):
        study(model, other, place / "study", task=task, resume=True)


def test_a_registered_study_takes_the_day_it_is_carried_out_and_keeps_it(dated, monkeypatch):
    model, place = dated
    config, task = tiny_study.tiny_config(place, chat=True, controls=1), load_task(str(place / "tiny-qa.yaml"))
    register_study(config, place / "study", task=task)
    assert json.loads((place / "study" / "config.json").read_text())["date"] == ""
    with tiny_study.breaking_in("edit"), pytest.raises(KeyboardInterrupt):
        study(model, config, place / "study", task=task, resume=True)
    on(monkeypatch, LATER)
    result = study(model, config, place / "study", task=task, resume=True)
    assert result.config.date == json.loads((place / "study" / "config.json").read_text())["date"] == BEGUN
    assert any(remark.endswith(": followed.") for remark in result.remarks)


@pytest.fixture
def typed_in(dated, monkeypatch):
    """The same model in a folder, for the command line."""
    model, place = dated
    model.network.save_pretrained(place / "model")
    model.tokenizer.save_pretrained(place / "model")
    monkeypatch.chdir(place)
    (place / "p.txt").write_text("w5 w6\nw7 w8 w9\n")
    (place / "e.json").write_text('{"L1H2": 0}')
    return place


def test_commands_keep_the_date_and_go_on_at_it(typed_in, monkeypatch):
    common = ("study", "tiny-qa.yaml", "model", "--chat", "--heads", "2", "--scale", "-20", "--controls", "2")
    common += (
        "--other-concept",
        "shapes.txt",
        "--n-draws",
        "4",
        "--max-new-tokens",
        "4",
        "--no-baselines",
        "-o",
        "study",
    )
    with tiny_study.breaking_in("edit"):
        assert run(*common).exit_code == 130
    on(monkeypatch, LATER)
    result = run(*common, "--resume")
    assert result.exit_code == 0, result.output
    assert json.loads((typed_in / "study" / "config.json").read_text())["date"] == BEGUN

    result = run("capture", "model", "--prompts", "p.txt", "--chat", "--date", BEGUN, "-o", "cap")
    assert result.exit_code == 0, result.output
    assert hp.Capture.load("cap").config.date == BEGUN
    said = [
        json.loads(run("effects", "model", "--edit", "e.json", "--prompts", "p.txt", "--chat", *more, "--json").stdout)
        for more in (("--date", BEGUN), ("--date", LATER), ())
    ]
    assert said[0]["effects"] != said[1]["effects"] == said[2]["effects"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--system", "Be brief."), "--system would do nothing without the chat template; add --chat"),
        (("--template-args", "a=1", "--date", BEGUN), "--template-args and --date would do nothing without the chat"),
        (("--chat", "--date", "tomorrow"), "cannot read 'tomorrow' as a date; write it like 2026-07-14"),
        (("--chat", "--template-args", "thinking"), "cannot read 'thinking' as a setting of a template; write name=v"),
        (
            ("--chat", "--template-args", "thinking=false"),
            "the chat template reads no setting 'thinking'; it reads none",
        ),
        (("--chat", "--system", "w9"), "the chat template leaves the system prompt out; leave --system out"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ("capture", "model", "--prompts", "p.txt", "-o", "out"),
        ("effects", "model", "--prompts", "p.txt", "--edit", "e.json"),
        ("study", "tiny-qa.yaml", "model", "--other-concept", "shapes.txt", "-o", "out"),
    ],
    ids=lambda words: words[0],
)
def test_frames_that_cannot_be_are_refused_before_anything_is_written(typed_in, command, words, reason):
    assert_refused(run(*command, *words), reason)
    assert not (typed_in / "out").exists()
    assert not (typed_in / ".out.unfinished").exists()


def test_settings_in_a_file_are_a_mapping(typed_in):
    (typed_in / "model" / "chat_template.jinja").write_text("{{ a }} {{ messages[-1].content }}")
    declaration = (typed_in / "tiny-qa.yaml").read_text()
    (typed_in / "tiny-qa.yaml").write_text(
        declaration + "settings: {chat: true, template-args: {a: w9, b: [1, false]}}\n"
    )
    assert_refused(
        run("study", "tiny-qa.yaml", "model", "--other-concept", "shapes.txt"), "reads no setting 'b'; it reads a"
    )


def test_prompts_that_wear_their_frame_are_noted_once_on_stderr(typed_in):
    (typed_in / "model" / "chat_template.jinja").write_text("w3 {{ messages[-1].content }} w4 w4")
    (typed_in / "p.txt").write_text("w5 w6\nw3 w7 w4 w4\n")
    result = run("capture", "model", "--prompts", "p.txt", "--chat", "-o", "cap")
    assert result.exit_code == 0, result.output
    notes = [line for line in result.stderr.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert notes[0].startswith("note: 1 of 2 prompts already holds the template's w4 w4 and wears the frame twice")
