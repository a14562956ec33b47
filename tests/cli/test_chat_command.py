"""chat as a user types it, from a pipe: what the model says is on stdout, all else on stderr."""

import json

import pytest
import tiny
from chatty import chatty
from typed import assert_refused
from typer.testing import CliRunner

from headpursuit.chatting import Talk
from headpursuit.cli.app import app
from headpursuit.cli.console import visible
from headpursuit.heads import Edit
from headpursuit.models import load
from headpursuit.settings import Chat


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A model with a chat template, and one without."""
    found = {}
    for name, model in (("framed", chatty()), ("plain", tiny.language_model())):
        model.network.config.max_position_embeddings = 400
        found[name] = tmp_path_factory.mktemp("model") / name
        model.network.save_pretrained(found[name])
        model.tokenizer.save_pretrained(found[name])
    return found


def chat(model, typed, *more):
    words = ["chat", model, "--device", "cpu", "--max-new-tokens", "4", *more]
    return CliRunner().invoke(app, [str(word) for word in words], input=typed)


@pytest.fixture
def edit(tmp_path):
    file = tmp_path / "e.json"
    file.write_text(json.dumps({f"L1H{i}": -8 for i in range(4)}))
    return file


def test_a_conversation_from_a_pipe(folders, edit):
    result = chat(folders["framed"], "hello\n\n/off\nmore\n", "--edit", edit)
    assert result.exit_code == 0, result.output
    talk = Talk(
        load(str(folders["framed"]), device="cpu"),
        Edit.uniform([f"L1H{i}" for i in range(4)], -8),
        chat=Chat(),
        max_new_tokens=4,
    )
    expected = [talk.ask("hello", print), talk.compare(print)]
    talk.switch(False)
    expected.append(talk.ask("more", print))
    assert result.stdout == "".join(f"{visible(text)}\n" for text in expected)
    told = result.stderr.splitlines()
    assert "edit on: L1H0 × -8" in told[-3]
    assert told[-2] == "without the edit:"
    assert told[-1].startswith("edit off: ")


def test_a_bad_line_is_one_line_and_the_rest_is_done(folders, edit):
    result = chat(folders["framed"], "/scael 2\n/scale 2\nhello\n/quit\nnever\n", "--edit", edit)
    assert result.exit_code == 2
    assert [line for line in result.stderr.splitlines() if line.startswith("headpursuit: ")] == [
        "headpursuit: there is no command /scael; did you mean /scale? /help lists them, and //scael is a message"
    ]
    assert "L1H0 × 2" in result.stderr
    assert result.stdout.count("\n") >= 1
    assert "Traceback" not in result.output


def test_ctrl_c_stops_an_answer_and_ends_a_conversation(folders, edit, monkeypatch):
    lines = iter(["hello", KeyboardInterrupt, "more", KeyboardInterrupt])
    asked = []

    def typed(_prompt):
        line = next(lines)
        if line is KeyboardInterrupt:
            raise line
        return line

    def interrupted(talk, text, tell):
        asked.append(text)
        tell("so ")
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr(Talk, "ask", interrupted)
    result = chat(folders["framed"], "", "--edit", edit)
    assert (result.exit_code, asked, result.stdout) == (0, ["hello"], "so \n")
    assert "stopped; what was said so far stays" in result.stderr


def test_without_a_template_lines_are_prompts(folders, edit):
    result = chat(folders["plain"], "hello\n", "--edit", edit)
    assert result.exit_code == 0, result.output
    assert "every line is a prompt of its own" in result.stderr
    framed = chat(folders["framed"], "hello\n", "--edit", edit, "--plain")
    assert "every line is a prompt of its own" in framed.stderr
    assert framed.stdout != chat(folders["framed"], "hello\n", "--edit", edit).stdout


def test_without_an_edit_and_with_a_list_of_heads(folders, tmp_path):
    assert "no edit; /help lists" in chat(folders["framed"], "").stderr
    (tmp_path / "heads.txt").write_text("1.2, 2.0\n")
    result = chat(folders["framed"], "/edit\n", "--edit", tmp_path / "heads.txt", "--scale", 0)
    assert result.stderr.splitlines()[-1] == "edit on: L1H2 × 0, L2H0 × 0"


def test_answers_cannot_steer_the_terminal(folders, monkeypatch):
    def steering(talk, text, tell):
        tell("a\x1b[2Jb")
        return "a\x1b[2Jb"

    monkeypatch.setattr(Talk, "ask", steering)
    assert chat(folders["framed"], "hello\n").stdout == "a\\x1b[2Jb\n"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--scale", "2"), "--heads and --scale are of an edit"),
        (("--plain", "--system", "be kind"), "leave --plain out"),
        (("--template-args", "depth=3"), "reads no setting 'depth'"),
        (("--edit", "nowhere.json"), "there is no file nowhere.json"),
    ],
)
def test_what_cannot_be_done_is_one_line(folders, options, text):
    assert_refused(chat(folders["framed"], "hello\n", *options), text)
    if options[0] == "--plain":
        assert_refused(chat(folders["plain"], "", "--system", "x"), "the model has none, so leave them out")
