"""edit, export and verify-export as a user types them, on tiny models in local folders."""

import json
import shutil
import sys
from dataclasses import replace

import pytest
import tiny
import torch
from exporting import PackedLinear, files_at_most
from finished_study import save, study_result
from typed import assert_refused, run

import headpursuit as hp
from headpursuit.analysis import RankConfig, RankedHead, Ranking
from headpursuit.heads import Head
from headpursuit.models import load, unembedding
from headpursuit.studies import StudyConfig

BEST = (Head(1, 2), Head(2, 0), Head(0, 3))


def saved(folder, seed=0):
    model = tiny.language_model("llama", seed=seed)
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def ranking(model, tmp_path_factory):
    """A ranking in the folder that `rank` writes."""
    others = tuple(h for h in load(str(model), device="cpu").anatomy.heads if h not in BEST)
    entries = tuple(RankedHead(head, 0.5, 0.5, 3.0) for head in (*BEST, *others))
    sha = unembedding(load(str(model), device="cpu")).sha256
    folder = tmp_path_factory.mktemp("ranking")
    Ranking("hues", entries, RankConfig(), str(model), None, sha, (" red",)).save(folder / "ranking.json")
    return folder


def export(model, out, *more):
    return run("export", model, "-o", out, "--device", "cpu", *more)


def by_hand(folder, scales):
    file = folder / "e.json"
    file.write_text(json.dumps(scales))
    return file


@pytest.mark.parametrize("form", ["weights", "ia3", "lora"])
def test_export_writes_prints_and_verifies(model, ranking, tmp_path, form):
    out = tmp_path / "out"
    result = export(model, out, "--ranking", ranking, "--heads", 2, "--scale", -2, "--format", form)
    assert result.exit_code == 0, result.output
    assert "8 of 8 greedy answers are equal" in result.stdout
    assert f"written: {out} ({form}, " in result.stdout
    assert ("rank 8 for every module" in result.stdout) == (form == "lora")
    written = hp.Export.load(out)
    assert (written.format, written.concept) == (form, "hues")
    assert written.edit == hp.Edit({Head(1, 2): -2.0, Head(2, 0): -2.0})
    again = run("verify-export", out, "--device", "cpu")
    assert again.exit_code == 0, again.output
    assert "acts like the live edit: logits differ by" in again.stdout


def test_without_heads_and_scale_the_best_percent_is_flipped(model, ranking, tmp_path):
    assert export(model, tmp_path / "out", "--ranking", ranking / "ranking.json", "--format", "ia3").exit_code == 0
    assert hp.Export.load(tmp_path / "out").edit == hp.Edit({Head(1, 2): -1.0})


def test_an_edit_file_goes_from_edit_to_export(model, ranking, tmp_path):
    result = run("edit", ranking, "--heads", "25%", "--scale", 0.5, "-o", tmp_path / "e.json")
    assert result.exit_code == 0, result.output
    assert "L0H3 L1H2 L2H0 at scale 0.5, positions: all: " in result.stdout
    assert export(model, tmp_path / "out", "--edit", tmp_path / "e.json", "--format", "ia3").exit_code == 0
    assert hp.Export.load(tmp_path / "out").edit == hp.Edit(dict.fromkeys(BEST, 0.5))
    assert_refused(run("edit", ranking, "-o", tmp_path / "e.json"), "exists already")


@pytest.mark.parametrize(("scope", "read"), [("generated", "generated"), ("0,-1", [-1, 0]), ("3", [3])])
def test_an_edit_keeps_its_scope_and_is_then_not_exported(model, ranking, tmp_path, scope, read):
    assert run("edit", ranking, "--scope", scope, "-o", tmp_path / "e.json").exit_code == 0
    assert json.loads((tmp_path / "e.json").read_text())["scope"] == read
    assert_refused(export(model, tmp_path / "out", "--edit", tmp_path / "e.json"), "cannot be exported: weights and")


def test_edit_refuses_unknown_scopes_and_counts(ranking, tmp_path, as_users_run_it):
    for options, text in (
        (("--scope", "answer"), "cannot read 'answer' as a scope; write all"),
        (("--heads", "13"), "13 heads were asked for, but there are 12"),
        (("--scale", "inf"), "must be a finite number"),
    ):
        assert_refused(run("edit", ranking, *options, "-o", tmp_path / "e.json"), text)
        assert not (tmp_path / "e.json").exists()


@pytest.mark.parametrize(
    ("version", "files", "reason"),
    [
        (2, {}, "was written by another version of headpursuit (format 2)"),
        (1, {}, "lists no ranking.json"),
        (1, {"ranking.json": "0"}, "is damaged: ranking.json does not match its checksum"),
    ],
)
def test_a_folder_that_is_not_whole_has_no_ranking(ranking, tmp_path, version, files, reason):
    folder = shutil.copytree(ranking, tmp_path / "folder")
    (folder / "manifest.json").write_text(json.dumps({"kind": "ranking", "version": version, "files": files}))
    assert_refused(run("edit", folder, "-o", tmp_path / "e.json"), reason)
    assert not (tmp_path / "e.json").exists()


def test_prompts_may_be_given(model, tmp_path):
    (tmp_path / "p.txt").write_text("so far\nand on\n")
    edit, out = by_hand(tmp_path, {"L1H2": -1}), tmp_path / "out"
    result = export(model, out, "--edit", edit, "--format", "ia3", "--prompts", tmp_path / "p.txt")
    assert "2 of 2 greedy answers" in result.stdout
    (tmp_path / "p.txt").write_text("so far\nand on\nand on\n")
    again = run("verify-export", out, "--device", "cpu", "--prompts", tmp_path / "p.txt", "--model", model)
    assert "3 of 3 greedy answers" in again.stdout


def test_a_study_of_this_edit_goes_into_the_card(model, ranking, tmp_path):
    ranked, study = Ranking.load(ranking / "ranking.json"), tmp_path / "study"
    config = StudyConfig("countries-qa", str(model), heads="2")
    save(study_result(ranked, 2, config=config), study)
    options = ("--ranking", ranking, "--format", "ia3", "--study", study)
    result = export(model, tmp_path / "out", *options, "--heads", 2)
    assert result.exit_code == 0, result.output
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| unedited model | 0.46 (0.39-0.53)" in card
    assert "Verdict: specific." in card
    assert_refused(export(model, tmp_path / "other", *options, "--heads", 3), "not this edit")
    save(study_result(replace(ranked, unembedding_sha256="0" * 64), 2, config=config), tmp_path / "foreign")
    foreign = export(model, tmp_path / "other", "--ranking", ranking, "--heads", 2, "--study", tmp_path / "foreign")
    assert_refused(foreign, "has another unembedding")
    save(study_result(ranked, 2, config=replace(config, scope="prompt")), tmp_path / "prompts")
    elsewhere = export(model, tmp_path / "other", "--ranking", ranking, "--heads", 2, "--study", tmp_path / "prompts")
    assert_refused(elsewhere, "not this edit")


# Refusals: one line, exit code 2, nothing written.


@pytest.mark.parametrize(
    ("scales", "text"),
    [
        ({"L1H9": -1}, "L1H9 does not exist: the model has 12 heads"),
        ({}, "holds no head"),
        ({"L1H2": 1}, "the edit changes nothing"),
        ({"scales": {"L1H2": -1}, "scope": "prompt"}, "an edit of scope 'prompt' cannot be exported"),
    ],
)
def test_edits_that_cannot_be_exported(model, tmp_path, scales, text):
    edit = by_hand(tmp_path, scales)
    assert_refused(export(model, tmp_path / "out", "--edit", edit), text)
    assert list(tmp_path.iterdir()) == [edit]


def test_a_ranking_or_edit_for_another_model(ranking, tmp_path):
    other = saved(tmp_path / "other", seed=1)
    text = "has another unembedding; rank the heads of this model"
    assert_refused(export(other, tmp_path / "out", "--ranking", ranking), text)
    run("edit", ranking, "-o", tmp_path / "e.json")
    assert_refused(export(other, tmp_path / "out", "--edit", tmp_path / "e.json"), text)


def test_which_edit_must_be_clear(model, ranking, tmp_path):
    edit, out = by_hand(tmp_path, {"L1H2": -1}), tmp_path / "out"
    for options, text in (
        ((), "give either --ranking or --edit"),
        (("--ranking", ranking, "--edit", edit), "give either --ranking or --edit"),
        (("--edit", edit, "--heads", 2), "--heads and --scale go with --ranking or a list"),
        (("--edit", edit, "--scale", 2), "--heads and --scale go with --ranking or a list"),
        (("--edit", ranking / "ranking.json"), "is no edit: it says it is 'ranking'"),
        (("--ranking", edit), "is no ranking"),
        (("--ranking", tmp_path / "none.json"), "there is no file"),
    ):
        assert_refused(export(model, out, *options), text)


def test_a_wrong_base_for_an_adapter(model, tmp_path):
    export(model, tmp_path / "out", "--edit", by_hand(tmp_path, {"L1H2": -1}), "--format", "ia3")
    other = saved(tmp_path / "other", seed=1)
    assert_refused(run("verify-export", tmp_path / "out", "--device", "cpu", "--model", other), "wrong base: ")


def test_a_damaged_export_and_none_at_all(model, tmp_path):
    export(model, tmp_path / "out", "--edit", by_hand(tmp_path, {"L1H2": -1}), "--format", "ia3")
    (tmp_path / "out" / "README.md").write_text("what I have to say about it")
    assert run("verify-export", tmp_path / "out").exit_code == 0
    (tmp_path / "out" / "adapter_config.json").write_text("{}")
    assert_refused(run("verify-export", tmp_path / "out"), "adapter_config.json does not match its checksum")
    assert_refused(run("verify-export", tmp_path / "none"), "there is no folder")


def test_an_output_that_exists(model, tmp_path):
    edit = by_hand(tmp_path, {"L1H2": -1})
    assert_refused(export(model, tmp_path, "--edit", edit), "exists already")


@pytest.mark.parametrize("form", ["weights", "ia3", "lora"])
def test_a_full_disk_leaves_nothing(model, tmp_path, form):
    edit = by_hand(tmp_path, {"L1H2": -1})
    with files_at_most(300):
        result = export(model, tmp_path / "out", "--edit", edit, "--format", form)
    assert_refused(result, "ile too large")
    assert list(tmp_path.iterdir()) == [edit]


def test_without_peft_the_extra_is_named(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    edit = by_hand(tmp_path, {"L1H2": -1})
    result = export(model, tmp_path / "out", "--edit", edit, "--format", "ia3")
    assert_refused(result, "install it with: pip install 'headpursuit[export]'")


@pytest.mark.parametrize("form", ["weights", "lora"])
def test_a_quantised_base_and_a_shared_weight(model, tmp_path, form, monkeypatch):
    loaded = load(str(model), device="cpu")
    monkeypatch.setattr("headpursuit.models.load", lambda *_, **__: loaded)
    layers, edit = loaded.network.model.layers, by_hand(tmp_path, {"L1H2": -1})
    weight = layers[0].self_attn.o_proj.weight
    layers[0].self_attn.o_proj.weight = layers[1].self_attn.o_proj.weight
    assert_refused(export(model, tmp_path / "out", "--edit", edit, "--format", form), "share one weight")
    layers[0].self_attn.o_proj.weight = weight
    layers[1].self_attn.o_proj = PackedLinear(layers[1].self_attn.o_proj)
    assert_refused(export(model, tmp_path / "out", "--edit", edit, "--format", form), "use format 'ia3'")
    assert list(tmp_path.iterdir()) == [edit]


def test_an_export_that_does_not_act_like_the_live_edit(model, tmp_path, monkeypatch):
    from headpursuit.models.export import adapters

    monkeypatch.setattr(adapters, "_factors", lambda *_: (torch.ones(8, 32), torch.ones(32, 8)))
    edit = by_hand(tmp_path, {"L1H2": -1})
    result = export(model, tmp_path / "out", "--edit", edit, "--format", "lora")
    assert_refused(result, "the exported lora do not act like the live edit")
    assert list(tmp_path.iterdir()) == [edit]
