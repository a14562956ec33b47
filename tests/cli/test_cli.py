"""The command line on a tiny random model in a local folder, as a user types it."""

import json
from typing import get_args

import pytest
import tiny
import torch
from typed import assert_refused, run

from headpursuit.analysis import RankConfig, RankedHead, Ranking
from headpursuit.cli import options, running
from headpursuit.heads import Head
from headpursuit.models import Format
from headpursuit.studies import StudyConfig, usual_config
from headpursuit.studies.shown import ranking_shown

WORDS = (" red", " green", " blue", "red")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny"
    model = tiny.language_model("llama", WORDS)
    model.network.save_pretrained(path)
    model.tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def prompts(tmp_path):
    file = tmp_path / "prompts.txt"
    file.write_text("the sky is\n\nthe grass is\nthe long road to the sea is\n")
    return file


@pytest.fixture
def words(tmp_path):
    file = tmp_path / "hues.txt"
    file.write_text("# description: three colours\nred\ngreen\nblue\nultramarine\n")
    return file


def captured(folder, prompts, tmp_path, *more):
    result = run("capture", folder, "--prompts", prompts, "-o", tmp_path / "cap", "--device", "cpu", *more)
    assert result.exit_code == 0, result.output
    return tmp_path / "cap", result


def test_capture_says_what_it_certified_and_captured(folder, prompts, tmp_path):
    path, result = captured(folder, prompts, tmp_path)
    assert "certified: 12 heads in 3 layers" in result.stdout
    assert "captured 3 positions of 3 prompts" in result.stdout
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["model"] == str(folder)
    assert set(manifest["files"]) == {"moments.safetensors", "samples.safetensors"}


@pytest.mark.parametrize("positions", ["prompt", "generated", "all"])
def test_capture_positions(folder, prompts, tmp_path, positions):
    captured(folder, prompts, tmp_path, "--positions", positions, "--max-new-tokens", 4)
    manifest = json.loads((tmp_path / "cap" / "manifest.json").read_text())
    assert manifest["config"]["positions"] == positions
    assert manifest["n_samples"] > 3


def test_capture_without_samples(folder, prompts, tmp_path):
    path, _ = captured(folder, prompts, tmp_path, "--samples", 0)
    assert not (path / "samples.safetensors").exists()
    assert_refused(run("explain", path, "--rule", "l1"), "the l1 rule needs samples")


def test_explain_prints_every_head_and_one_in_full(folder, prompts, tmp_path):
    path, _ = captured(folder, prompts, tmp_path)
    table = run("explain", path, "--n-atoms", 2)
    assert table.exit_code == 0, table.output
    assert all(f"L{layer}H{head}" in table.stdout for layer in range(3) for head in range(4))
    full = json.loads(run("explain", path, "--head", "L1H2", "--n-atoms", 3, "--json").stdout)
    assert [e["head"] for e in full] == ["L1H2"]
    assert len(full[0]["tokens"]) <= 3
    assert "L1H2" in run("explain", path, "--head", "L1H2").stdout


def test_rank_prints_and_writes(folder, prompts, words, tmp_path):
    path, _ = captured(folder, prompts, tmp_path)
    out = tmp_path / "hues"
    result = run("rank", path, "--concept", words, "-o", out, "--n-draws", 4)
    assert result.exit_code == 0, result.output
    assert "hues: best 10 of 12 heads by specificity" in result.stdout
    assert "4 tokens stand for the concept; 1 word has no token of its own" in result.stdout
    assert {f.name for f in out.iterdir()} == {"manifest.json", "ranking.json", "heatmap.png", "heatmap.svg"}
    ranking = json.loads((out / "ranking.json").read_text())
    assert sorted(ranking["tokens"]) == [" blue", " green", " red", "red"]
    shown = json.loads(run("rank", path, "--concept", words, "--json", "--score", "explained").stdout)
    values = [entry["explained"] for entry in shown["entries"]]
    assert values == sorted(values, reverse=True)


def test_rank_says_how_many_heads_chance_does_not_explain(folder, prompts, words, tmp_path):
    path, _ = captured(folder, prompts, tmp_path)
    table = run("rank", path, "--concept", words, "--n-draws", 29, "--null", "matched").stdout
    shown = json.loads(run("rank", path, "--concept", words, "--n-draws", 29, "--null", "matched", "--json").stdout)
    assert shown["config"]["null"] == "matched"
    assert all(0 < entry["p"] <= 1 and 0 < entry["q"] <= 1 for entry in shown["entries"])
    n_found = sum(entry["q"] <= 0.05 for entry in shown["entries"])
    found = {0: "none of 12 heads is", 1: "1 of 12 heads is"}.get(n_found, f"{n_found} of 12 heads are")
    assert f"{found} explained better by the concept than by as many random tokens" in table
    below = any(entry["q"] < entry["p"] for entry in shown["entries"][:10])
    assert ("p looks at one head and its own 29 random dictionaries, so it is at least 0.033" in table) == below
    assert "random tokens of the same form and frequency, at a false-discovery rate of 5 %" in table


def test_a_ranking_of_before_there_were_q_values_is_shown(capsys):
    entries = (RankedHead(Head(0, 1), 0.5, 0.1, 1.0),)
    running.show_parts(ranking_shown(Ranking("hues", entries, RankConfig(), "tiny", None, "", (" red",)), 10))
    assert "L0H1" in capsys.readouterr().out


def test_concepts_list_and_audit(folder, words):
    assert "countries" in run("concepts", "list").stdout
    result = run("concepts", "audit", words, "--model", folder, "--against", "colours")
    assert result.exit_code == 0, result.output
    assert "4 words, 4 tokens for 3 of them, 1 word dropped" in result.stdout
    assert "takes" in result.stdout
    assert "shared with colours" in result.stdout


def test_outputs_that_exist_are_refused_before_the_model_is_loaded(prompts, words, tmp_path):
    assert_refused(run("capture", "no-model", "--prompts", prompts, "-o", tmp_path), "exists already")
    assert_refused(run("rank", "no-capture", "--concept", words, "-o", tmp_path), "exists already")
    assert_refused(run("study", "countries-qa", "no-model", "-o", tmp_path), "exists already")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.jsonl", '{"prompt": "x"}\n{"prompt": \n', "a.jsonl, line 2: no valid JSON"),
        (
            "a.jsonl",
            '{"text": "x"}\n',
            "a.jsonl, line 1: there is no column 'prompt'; there is text; name ",
        ),
        ("a.jsonl", '{"prompt": ""}\n', "a.jsonl, line 1: the prompt is empty"),
        ("a.csv", "text,label\nx,y\n", "a.csv, line 2: there is no column 'prompt'; there is text, label; name"),
        ("a.txt", "\n \n", "a.txt holds no prompts"),
        ("a.parquet", "x", "a.parquet is no Parquet file that can be read"),
        ("a.txt", "word " * 200, "but the context holds 64"),
    ],
)
def test_bad_prompt_files(folder, tmp_path, name, content, text):
    (tmp_path / name).write_text(content)
    result = run("capture", folder, "--prompts", tmp_path / name, "-o", tmp_path / "cap")
    assert_refused(result, text)
    assert not (tmp_path / "cap").exists()


def test_missing_and_foreign_input(folder, prompts, words, tmp_path):
    path, _ = captured(folder, prompts, tmp_path)
    assert_refused(run("capture", folder, "--prompts", "none.txt", "-o", tmp_path / "x"), "there is no file none.txt")
    assert_refused(run("capture", tmp_path / "no", "--prompts", prompts, "-o", tmp_path / "x"), "there is no model at")
    assert_refused(run("rank", tmp_path / "no", "--concept", words), "expected a capture")
    assert_refused(run("rank", path, "--concept", "no-such-concept"), "neither a built-in concept nor a file")
    assert_refused(run("explain", path, "--head", "L9H9"), "L9H9 does not exist: the model has 12 heads")
    assert_refused(run("explain", path, "--head", "nine"), "'nine' is not a head")
    assert_refused(run("report", path), "is no study")
    assert_refused(run("study", "nope", folder), "there is no task 'nope'")
    (tmp_path / "void.txt").write_text("zzzzqq\n")
    assert_refused(run("rank", path, "--concept", tmp_path / "void.txt"), "has no token in this vocabulary")


def test_a_truncated_capture_is_refused_by_name(folder, prompts, words, tmp_path):
    path, _ = captured(folder, prompts, tmp_path)
    file = path / "moments.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    assert_refused(run("rank", path, "--concept", words), "moments.safetensors does not match its checksum")


def test_a_study_refuses_too_many_heads_before_it_writes_anything(folder, tmp_path):
    out = tmp_path / "study"
    assert_refused(run("study", "countries-qa", folder, "--heads", 13, "-o", out), "there are 12")
    assert_refused(
        run("study", "countries-qa", folder, "--heads", "x", "-o", out), "cannot read 'x' as a number of heads"
    )
    assert_refused(run("study", "countries-qa", folder, "--controls", 0, "-o", out), "controls is 0")
    assert_refused(run("study", "countries-qa", folder, "--scope", "ends", "-o", out), "cannot read 'ends' as a scope")
    assert_refused(run("study", "countries-qa", folder, "--other-concept", "no", "-o", out), "neither a built-in")
    assert not out.exists()


def test_ctrl_c_ends_with_130_and_leaves_nothing(folder, prompts, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("headpursuit.analysis.captures.save_file", interrupt)
    result = run("capture", folder, "--prompts", prompts, "-o", tmp_path / "cap")
    assert result.exit_code == 130
    assert "headpursuit: interrupted" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["prompts.txt"]


@pytest.fixture
def unfinished(folder, prompts, tmp_path, monkeypatch):
    """A capture of `prompts` that was interrupted, and no model from then on."""
    with monkeypatch.context() as patch:
        patch.setattr("headpursuit.analysis.capturing.CHECKPOINT_SECONDS", 0)
        patch.setattr("headpursuit.analysis.capturing._finished", lambda *_: 1 / 0)
        assert isinstance(try_capture(folder, prompts, tmp_path).exception, ZeroDivisionError)
    monkeypatch.setattr("headpursuit.cli.analyse.open_model", None)
    return tmp_path / ".cap.unfinished"


def try_capture(folder, prompts, tmp_path, *more):
    return run("capture", folder, "--prompts", prompts, "-o", tmp_path / "cap", *more)


def test_an_unfinished_capture_is_refused_before_the_model_is_loaded(folder, prompts, tmp_path, unfinished):
    refused = try_capture(folder, prompts, tmp_path)
    assert_refused(refused, "cap was interrupted; go on with it (--resume), or remove")
    for more, difference in (
        (("--positions", "prompt"), "positions 'last', now 'prompt'"),
        (("--samples", 3), "samples 1000, now 3"),
        (("--prompts", other_prompts(tmp_path)), "other prompts"),
    ):
        refused = try_capture(folder, prompts, tmp_path, "--resume", *more)
        assert_refused(refused, f"{unfinished} was begun with {difference}; resume it with what it was begun with")
    refused = try_capture("another/model", prompts, tmp_path, "--resume")
    assert_refused(refused, f"was begun with model '{folder}', now 'another/model'")
    assert isinstance(try_capture(folder, prompts, tmp_path, "--resume").exception, TypeError)  # at the model


def other_prompts(tmp_path):
    file = tmp_path / "others.txt"
    file.write_text("the sky is\n")
    return file


def test_a_damaged_state_is_refused_before_the_model_is_loaded(folder, prompts, tmp_path, unfinished):
    (unfinished / "0.safetensors").write_bytes(b"half of")
    assert_refused(try_capture(folder, prompts, tmp_path, "--resume"), "0.safetensors is damaged")


def test_a_full_disk_is_one_line_and_leaves_nothing(folder, prompts, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("headpursuit.analysis.captures.save_file", full)
    result = run("capture", folder, "--prompts", prompts, "-o", tmp_path / "cap")
    assert_refused(result, f"{tmp_path / 'cap'} cannot be written: No space left on device")
    assert [p.name for p in tmp_path.iterdir()] == ["prompts.txt"]


def test_bugs_are_not_hidden(folder, prompts, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr("headpursuit.models.read_mixed", broken)
    monkeypatch.setattr("headpursuit.analysis.capturing.read_mixed", broken)
    result = run("capture", folder, "--prompts", prompts, "-o", tmp_path / "cap")
    assert isinstance(result.exception, RuntimeError)


def test_too_little_memory_is_one_clear_line(folder, prompts, tmp_path, monkeypatch):
    def greedy(*_, **__):
        return torch.empty(2**60)

    monkeypatch.setattr("headpursuit.analysis.capturing.read_mixed", greedy)
    assert_refused(run("capture", folder, "--prompts", prompts, "-o", tmp_path / "cap"), "can't allocate memory")


def test_choices_are_the_librarys():
    assert get_args(options.FormatChoice) == get_args(Format)


def test_what_a_task_decides_is_the_librarys_default_for_text():
    assert usual_config("countries-qa", "m") == StudyConfig("countries-qa", "m")


def test_an_unknown_choice_is_a_usage_error(tmp_path):
    result = run("explain", tmp_path, "--rule", "l7")
    assert result.exit_code == 2
    assert "'l7' is not one of" in result.stderr


def test_heads_that_are_not_ranked_are_refused_before_anything_is_read(tmp_path):
    result = run("rank", tmp_path / "none", "--concept", "countries", "--sites", "encoder")
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert "invalid value for '--sites': 'encoder' is not one of 'self', 'cross'" in line


def test_version_and_help():
    assert run("--version").stdout.startswith("headpursuit 0.")
    assert all(name in run("--help").stdout for name in ("demo", "capture", "explain", "rank", "study", "report"))


def test_a_capture_is_read_again_in_its_dtype_and_from_elsewhere(folder, prompts, words, tmp_path):
    path, _ = captured(folder, prompts, tmp_path, "--dtype", "bfloat16")
    assert run("rank", path, "--concept", words, "--top", 3, "--gain", "--no-centre").exit_code == 0
    assert_refused(run("rank", path, "--concept", words, "--dtype", "float32"), "give the model and dtype")
    moved = folder.with_name("moved")
    folder.rename(moved)
    try:
        assert_refused(run("explain", path), "say where it is with --model")
        assert run("explain", path, "--model", moved, "--n-atoms", 2).exit_code == 0
    finally:
        moved.rename(folder)


def test_an_audit_shows_every_spelling_and_survives_words_without_tokens(folder, words, tmp_path):
    result = run("concepts", "audit", words, "--model", folder, "--spellings")
    assert "' RED'" in result.stdout
    (tmp_path / "void.txt").write_text("zzzzqq\n")
    void = run("concepts", "audit", tmp_path / "void.txt", "--model", folder)
    assert void.exit_code == 0, void.output
    assert "1 word, 0 tokens for 0 of them, 1 word dropped" in void.stdout
