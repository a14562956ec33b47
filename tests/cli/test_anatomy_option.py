"""`headpursuit --anatomy FILE` on a model whose heads cannot be found."""

import shlex

import pytest
import tiny
import unseen
from typed import assert_refused, run

from headpursuit.analysis import Ranking
from headpursuit.cli import running
from headpursuit.storage import read_json
from headpursuit.studies import load_result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unseen")
    unseen.network().save_pretrained(folder / "model")
    tiny.word_tokenizer().save_pretrained(folder / "model")
    (folder / "right.yaml").write_text("model.layers.*.mixer.out: {n_heads: 4, d_head: 8}\n")
    (folder / "wrong.yaml").write_text("model.layers.*.mixer.out: {n_heads: 2, d_head: 16}\n")
    (folder / "odd.yaml").write_text("model.layers.*.mixer.out: 4\n")
    (folder / "prompts.txt").write_text("w5 w40\nw6 w41\nw7 w42\n")
    (folder / "words.txt").write_text("w20\nw61\n")
    return folder


def test_every_command_takes_it_before_its_name(folder, tmp_path):
    handed, model = ("--anatomy", folder / "right.yaml"), folder / "model"
    told = run(*handed, "doctor", model, "--device", "cpu")
    assert told.exit_code == 0, told.output
    assert "12 heads" in told.stdout
    assert "handed" in told.stdout
    for arguments in (
        ("capture", model, "--prompts", folder / "prompts.txt", "-o", tmp_path / "cap", "--device", "cpu"),
        ("rank", tmp_path / "cap", "--concept", folder / "words.txt", "-o", tmp_path / "rank", "--n-draws", 2),
    ):
        done = run(*handed, *arguments)
        assert done.exit_code == 0, done.output
    assert len(read_json(tmp_path / "cap" / "manifest.json")["sites"]) == 3
    assert len(Ranking.load(tmp_path / "rank" / "ranking.json").entries) == 12


def test_the_command_that_repeats_a_run_has_it(folder, tmp_path, monkeypatch):
    handed, model = ("--anatomy", folder / "right.yaml"), folder / "model"
    run(*handed, "capture", model, "--prompts", folder / "prompts.txt", "-o", tmp_path / "cap", "--device", "cpu")
    few = ("--concept", folder / "words.txt", "--n-draws", 2, "--repeats", 2, "--fractions", 50, "--additions", 50)
    done = run(
        *handed, "sensitivity", tmp_path / "cap", *few, "--suggestions", 0, "--heads", 2, "-o", tmp_path / "first"
    )
    assert done.exit_code == 0, done.output
    command = shlex.split(load_result(tmp_path / "first").command)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    asked = []
    monkeypatch.setattr(running, "run_experiment", lambda _, config, *rest, **more: asked.append(config))
    again = run(*command[1:])
    assert again.exit_code == 0, again.output
    assert asked == [load_result(tmp_path / "first").config]
    assert asked[0].anatomy == str(folder / "right.yaml")


def test_of_two_files_the_command_s_own_holds(folder):
    refused = ("doctor", folder / "model", "--device", "cpu")
    assert_refused(run("--anatomy", folder / "wrong.yaml", *refused), "does not reach exactly its slice")
    planned = ("plan", "countries-qa", folder / "model", "--device", "cpu", "--anatomy", folder / "odd.yaml")
    assert_refused(run("--anatomy", folder / "right.yaml", *planned), "odd.yaml")
    assert_refused(run("--anatomy", folder / "odd.yaml", *planned[:-2]), "odd.yaml")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("", "no attention heads were seen in a forward pass of UnseenForCausalLM"),
        ("wrong.yaml", "a head at the attention does not reach exactly its slice of the input of"),
        ("odd.yaml", "odd.yaml, 'model.layers.*.mixer.out': expected n_heads and d_head of a module"),
        ("absent.yaml", "absent.yaml"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(folder, file, reason):
    handed = ("--anatomy", folder / file) if file else ()
    assert_refused(run(*handed, "doctor", folder / "model", "--device", "cpu"), reason)
