"""What is typed in a conversation: messages and commands."""

import json

import pytest
from worded import worded

from headpursuit.chatting import COMMANDS, HELP, Talk, obey
from headpursuit.heads import Edit
from headpursuit.settings import Chat

EDIT = Edit.uniform(["L1H0", "L1H1", "L1H2", "L1H3"], -8)


@pytest.fixture(scope="module")
def model():
    return worded()


@pytest.fixture
def talk(model):
    return Talk(model, EDIT, chat=Chat(), max_new_tokens=4)


def typed(talk, line):
    """What the model and what the program said to a line."""
    model_said, said = [], []
    obey(talk, line, model_said.append, said.append)
    return "".join(model_said), said


def test_a_line_is_a_message_and_two_slashes_begin_one(talk):
    assert typed(talk, "w20 w21\n")[0]
    assert typed(talk, "//w22")[0]
    assert talk.on
    assert [message.content for message in talk._said[::2]] == ["w20 w21", "/w22"]


def test_the_edit_is_shown_switched_and_rescaled(talk):
    assert typed(talk, "/edit") == ("", ["edit on: L1H0 × -8, L1H1 × -8, L1H2 × -8, L1H3 × -8"])
    assert typed(talk, "/off") == ("", ["edit off: L1H0 × -8, L1H1 × -8, L1H2 × -8, L1H3 × -8"])
    assert typed(talk, "/on")[1] == ["edit on: L1H0 × -8, L1H1 × -8, L1H2 × -8, L1H3 × -8"]
    assert typed(talk, "/scale 0.5")[1] == ["edit on: L1H0 × 0.5, L1H1 × 0.5, L1H2 × 0.5, L1H3 × 0.5"]


@pytest.mark.parametrize("line", ["", "/compare"])
def test_an_empty_line_compares(talk, line):
    typed(talk, "w20 w21")
    assert typed(talk, line) == (talk.compare(lambda _: None), ["without the edit:"])
    typed(talk, "/off")
    assert typed(talk, line)[1] == ["with the edit:"]


def test_another_edit_is_taken_from_a_file_or_typed(talk, tmp_path):
    file = tmp_path / "an edit.json"
    file.write_text(json.dumps({"L0H3": 0.25}))
    assert typed(talk, f"/edit {file}")[1] == ["edit on: L0H3 × 0.25"]
    assert typed(talk, "/edit 2.1, L0H0")[1] == ["edit on: L0H0 × -1, L2H1 × -1"]
    file.write_text(json.dumps({"scales": {"L0H3": 2}, "scope": "prompt"}))
    assert typed(talk, f"/edit {file}")[1] == ["edit on: L0H3 × 2, positions: prompt"]


def test_system_reset_help_and_quit(talk):
    typed(talk, "w20 w21")
    assert typed(talk, "/system w30")[1] == ["system prompt taken"]
    assert talk.chat == Chat("w30")
    assert typed(talk, "/system")[1] == ["no system prompt of yours"]
    assert typed(talk, "/reset")[1][0].startswith("2 messages forgotten; edit on")
    assert typed(talk, "/help")[1] == list(HELP)
    assert all(f"/{name}" in text for name, text in zip(COMMANDS, HELP, strict=True))
    with pytest.raises(EOFError):
        typed(talk, "/quit")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("/scael 2", "there is no command /scael; did you mean /scale"),
        ("/xyzzy", "there is no command /xyzzy; /help lists them"),
        ("/scale", "'' is no scale"),
        ("/scale two", "'two' is no scale; write a number"),
        ("/scale nan", "must be a finite number"),
        ("/off now", "/off takes nothing behind it, but 'now' stands there"),
        ("/edit nowhere.json", "'nowhere.json' is neither a file nor heads"),
        ("/edit L7H0", "L7H0 does not exist: the model has 12 heads"),
        ("/edit L1H0 1.0", "neither a file nor heads: L1H0 is named twice"),
        ("/", "there is no command /;"),
    ],
)
def test_bad_lines_are_refused_and_change_nothing(talk, line, text):
    with pytest.raises(ValueError) as refused:
        typed(talk, line)
    assert text in str(refused.value)
    assert (talk.edit, talk.on, talk.n_said) == (EDIT, True, 0)


def test_silence_is_said(talk, model, monkeypatch):
    monkeypatch.setattr(talk, "max_new_tokens", 1)
    first = model.tokenizer.encode(talk.ask("w20 w21", lambda _: None), add_special_tokens=False)[0]
    monkeypatch.setattr(model.network.generation_config, "eos_token_id", first)
    talk.reset()
    assert typed(talk, "w20 w21") == ("", ["(no answer)"])
