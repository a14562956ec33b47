"""export, --undo and verify-export of GGUF files, and of several edits, as a user types them."""

import json

import pytest
from broken import gguf
from test_exporting import by_hand, export, saved
from typed import assert_refused, run

import headpursuit as hp
from headpursuit.storage import sha256_of


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return gguf(tmp_path_factory.mktemp("gguf") / "m.gguf")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def flip(tmp_path):
    return by_hand(tmp_path, {"L1H2": -1})


def test_a_file_alone_is_edited_proven_and_taken_back(file, flip, tmp_path, monkeypatch):
    monkeypatch.setattr("headpursuit.models.load", lambda *_, **__: 1 / 0)  # no model is loaded
    out = tmp_path / "e.gguf"
    result = export(file, out, "--edit", flip, "--format", "gguf")
    assert result.exit_code == 0, result.output
    assert "blk.1.attn_output.weight: F32, 256 bytes changed, exact" in result.stdout
    assert "256 bytes of tensors changed; 29 of 30 tensors are byte-identical" in result.stdout
    assert f"written: {out} (gguf, " in result.stdout
    assert "taken back it is m.gguf bit by bit" in run("verify-export", out).stdout
    assert "every tensor compared with" in run("verify-export", out, "--model", file).stdout
    assert_refused(run("verify-export", flip), f"{flip} is no export: it has no manifest.json beside it; give")
    back = run("export", out, "--undo", "-o", tmp_path / "back.gguf")
    assert f"written: {tmp_path / 'back.gguf'}, the base bit by bit" in back.stdout
    assert (tmp_path / "back.gguf").read_bytes() == file.read_bytes()
    assert_refused(
        export(out, tmp_path / "f.gguf", "--edit", flip, "--format", "gguf"), "is edited already (L1H2 × -1)"
    )
    more = ("--format", "gguf", "--again")
    assert_refused(
        export(out, tmp_path / "f.gguf", "--edit", flip, *more), "makes the file it came from again; use --undo"
    )
    again = export(out, tmp_path / "f.gguf", "--edit", by_hand(tmp_path, {"L1H2": -2}), *more)
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize("form", ["gguf", "gguf-lora"])
def test_a_folder_is_run_and_compared(file, flip, tmp_path, form):
    result = export(file, tmp_path / "out", "--edit", flip, "--format", form)
    assert result.exit_code == 0, result.output
    assert "8 of 8 greedy answers are equal" in result.stdout
    again = run("verify-export", tmp_path / "out", "--device", "cpu")
    assert "acts like the live edit: logits differ by" in again.stdout, again.output
    (one,) = (tmp_path / "out").glob("*.gguf")
    alone = run("verify-export", one, "--model", file)
    assert alone.exit_code == 0, alone.output
    assert alone.stdout.startswith(f"{one}: L1H2 × -1, ")


def test_a_checkpoint_is_taken_back(checkpoint, flip, tmp_path):
    assert export(checkpoint, tmp_path / "out", "--edit", flip).exit_code == 0
    result = run("export", tmp_path / "out", "--undo", "-o", tmp_path / "back", "--device", "cpu")
    assert f"written: {tmp_path / 'back'}, the base bit by bit" in result.stdout, result.output
    more = run("export", tmp_path / "out", "--undo", "-o", tmp_path / "more", "--edit", flip)
    assert_refused(more, "--undo takes back the edit that the export names; no edit")
    assert_refused(
        run("export", checkpoint, "--undo", "-o", tmp_path / "more"), "is no export: it has no manifest.json"
    )


def test_several_edits_are_one_export(checkpoint, flip, tmp_path):
    (tmp_path / "b").mkdir()
    other = by_hand(tmp_path / "b", {"L1H2": 2, "L0H0": 0.5})
    result = export(checkpoint, tmp_path / "out", "--edit", flip, "--edit", other, "--format", "ia3")
    assert result.exit_code == 0, result.output
    said = (
        "made of 2 edits, whose scales are multiplied where they name one head: e.json (L1H2 × -1); e.json (L0H0 × 0.5"
    )
    assert said in result.stdout
    assert said in (tmp_path / "out" / "README.md").read_text()
    assert hp.Export.load(tmp_path / "out").edit == hp.Edit({"L1H2": -2, "L0H0": 0.5})


def test_the_rank_is_said_and_can_be_set(checkpoint, flip, tmp_path):
    result = export(checkpoint, tmp_path / "out", "--edit", flip, "--format", "lora", "--rank", 12)
    assert "rank 12 for every module, alpha the same; vLLM needs --max-lora-rank 16" in result.stdout
    assert_refused(export(checkpoint, tmp_path / "no", "--edit", flip, "--rank", 12), "a rank is one of a LoRA")


def test_what_is_refused_of_files(file, checkpoint, flip, tmp_path):
    out = tmp_path / "e.gguf"
    how = ("--edit", flip, "--format", "gguf")
    (tmp_path / "cut.gguf").write_bytes(file.read_bytes()[:9000])
    (tmp_path / "foreign.gguf").write_text("version https://git-lfs")
    known = {"scales": {"L1H2": -1}, "scope": "all", "kind": "edit", "version": 1, "model": "other", "concept": ""}
    (tmp_path / "other.json").write_text(json.dumps(known | {"revision": None, "unembedding_sha256": "0" * 64}))
    for command, text in (
        (export(checkpoint, out, *how), "is no GGUF file, and headpursuit converts none: give the file"),
        (export(checkpoint, tmp_path / "out", *how), "is no GGUF file, and headpursuit converts none: give the file"),
        (export("smollm2-135m", out, *how), "python tools/fetch_models.py smollm2-135m"),
        (export(tmp_path / "none.gguf", out, *how), "there is no model at"),
        (export(tmp_path / "cut.gguf", out, *how), "cut.gguf is cut off or damaged"),
        (export(tmp_path / "foreign.gguf", out, *how), "foreign.gguf is no GGUF file"),
        (export(file, out, "--edit", tmp_path / "other.json", *how[2:]), "chosen for other, but"),
        (export(file, out, *how, "--rank", 3), "the file alone is written and no model is run"),
        (run("verify-export", file), "m.gguf is no file that headpursuit edited"),
        (run("verify-export", tmp_path / "cut.gguf"), "cut.gguf is cut off or damaged"),
        (run("verify-export", flip), "is no export: it has no manifest.json"),
        (run("export", file, "--undo", "-o", out), "m.gguf is no file that headpursuit edited"),
        (run("export", file, "--undo", "-o", tmp_path / "back"), "is named like a folder; give NAME.gguf"),
    ):
        assert_refused(command, text)
    assert not out.exists()


NONSENSE = ("{}", "[]", '{"peft_type": "NONSENSE"}', '{"peft_type": "IA3", "target_modules": 3}', "nonsense")


@pytest.mark.parametrize("content", NONSENSE)
def test_nonsense_in_an_adapters_config_is_one_line(checkpoint, flip, tmp_path, content):
    """Also where the manifest has its checksum."""
    folder = tmp_path / "out"
    assert export(checkpoint, folder, "--edit", flip, "--format", "ia3").exit_code == 0
    (folder / "adapter_config.json").write_text(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["adapter_config.json"] = sha256_of(folder / "adapter_config.json")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert_refused(run("verify-export", folder, "--device", "cpu"), "cannot load")


def test_an_edit_that_changes_nothing_is_not_written(tmp_path):
    from headpursuit.analysis import RankConfig, RankedHead, Ranking

    entries = tuple(RankedHead(hp.Head(0, i), 0.5, 0.5, 3.0) for i in range(4))
    Ranking("hues", entries, RankConfig(), "m", None, "0" * 64, (" red",)).save(tmp_path / "ranking.json")
    result = run("edit", tmp_path / "ranking.json", "--scale", 1, "-o", tmp_path / "e.json")
    assert_refused(result, "the edit changes nothing: every scale is 1")
    assert not (tmp_path / "e.json").exists()
