"""push and pull as a user types them, against a stand-in for the hub."""

import os
import re
import shlex
import subprocess
import sys

import pytest
import tiny
from hub_server import READER, WRITER, point_at, running
from made_atlas import made_atlas
from typed import assert_refused, run

from headpursuit.analysis import RankConfig, RankedHead, Ranking, diff_atlases
from headpursuit.models import load, unembedding


@pytest.fixture
def hub(monkeypatch, tmp_path_factory):
    with running() as hub:
        point_at(hub, monkeypatch, tmp_path_factory.mktemp("home"))
        yield hub


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    made = tiny.language_model("llama")
    made.network.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def ranking(model, tmp_path_factory):
    loaded = load(str(model), device="cpu")
    entries = tuple(RankedHead(head, 0.5, 0.5, 3.0) for head in loaded.anatomy.heads)
    folder = tmp_path_factory.mktemp("ranking")
    made = Ranking("hues", entries, RankConfig(), str(model), None, unembedding(loaded).sha256, (" red",))
    made.save(folder / "ranking.json")
    return folder / "ranking.json"


def blocks(hub, name, language):
    card = hub.repositories[name].files["README.md"].decode()
    return re.findall(rf"```{language}\n(.*?)```", card, flags=re.S)


def test_the_commands_and_the_python_of_all_cards_run(hub, ranking, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / model.name).symlink_to(model)  # cards name a folder, and not where it lies
    (tmp_path / "prompts.txt").write_text("red and blue\n")
    pushed = run("push", ranking, "me/hues")
    assert pushed.exit_code == 0, pushed.output
    assert f"pushed: {hub.url}/me/hues (private, commit " in pushed.stdout
    assert "to get it: headpursuit pull me/hues -o hues\n" in pushed.stdout
    run_card(hub, "me/hues")
    assert run("push", "edit.json", "me/edit", "--tag", "v1").exit_code == 0
    run_card(hub, "me/edit", but="headpursuit export")
    made_atlas().save("OTHER")
    diff_atlases(made_atlas(), made_atlas()).save("compared")
    for folder, name in (("OTHER", "me/atlas"), ("compared", "me/diff")):
        assert run("push", folder, name).exit_code == 0
        run_card(hub, name)


def run_card(hub, name, but="nothing"):
    (commands,) = blocks(hub, name, "sh")
    for line in commands.splitlines():
        program, *words = shlex.split(line)
        assert program == "headpursuit"
        if not line.startswith(but):
            result = run(*words)
            assert result.exit_code == 0, f"{line}: {result.output}"
    (python,) = blocks(hub, name, "python")
    exec(compile(python, "card", "exec"), {})


def test_pull_says_what_came_and_how_to_use_it(hub, ranking, tmp_path):
    run("push", ranking, "me/hues", "--public", "--revision", "try")
    result = run("pull", "me/hues", "-o", tmp_path / "out", "--revision", "try")
    commit = hub.repositories["me/hues"].refs["try"]
    assert result.exit_code == 0, result.output
    assert f"pulled: {tmp_path}/out (ranking, 1 file, " in result.stdout
    assert f"from commit {commit}" in result.stdout
    assert f"to use it: headpursuit edit {tmp_path}/out -o edit.json" in result.stdout
    assert not hub.repositories["me/hues"].private


def test_errors_are_one_line_and_exit_code_2(hub, ranking, tmp_path, monkeypatch):
    assert_refused(run("push", tmp_path / "no.json", "me/hues"), "there is no file")
    assert_refused(run("push", ranking, "hues"), "write USER/NAME")
    assert_refused(run("pull", "me/hues", "-o", tmp_path / "out"), "there is no repository me/hues")
    monkeypatch.setenv("HF_TOKEN", READER)
    assert_refused(run("push", ranking, "me/hues"), "your token may not do this with me/hues")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert_refused(run("pull", "me/hues", "-o", tmp_path / "out"), "is out of reach")


def test_the_token_is_never_shown(hub, ranking):
    pushed = run("push", ranking, "me/hues")
    hub.status["/api/models/me/hues/commit"] = 403
    refused = run("push", ranking, "me/hues")
    assert_refused(refused, "your token may not do this with me/hues")
    stored = b"".join(hub.repositories["me/hues"].files.values()).decode()
    assert (WRITER in {token for _, _, token in hub.requests}) and WRITER not in pushed.output + refused.output + stored


@pytest.mark.engines
def test_the_environment_names_hub_and_token(hub, tmp_path):
    (tmp_path / "e.json").write_text('{"L0H1": -1}')
    given = {"HF_ENDPOINT": hub.url, "HF_TOKEN": WRITER, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-m", "headpursuit", "push", tmp_path / "e.json", "me/edit"]
    done = subprocess.run(command, env=os.environ | given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "edit.json" in hub.repositories["me/edit"].files
