"""Edits as code for other libraries: the code is run as it is printed, and gives the live edit's logits."""

import os
import subprocess
import sys

import pytest
import tiny
import torch
from exporting import saved
from typed import assert_refused, run

from headpursuit.heads import Edit
from headpursuit.models import load, rescale, snippet

PROMPT = "The capital of Kenya is"
EDIT = Edit({"L0H3": 0.25, "L2H0": -1, "L2H1": -1, "L1H2": 1})


def logits_of(code, folder):
    """The logits that a snippet computes, in a process without headpursuit's changes."""
    (folder / "snippet.py").write_text(
        f"{code}\nimport torch\ntorch.save(logits.detach(), {str(folder / 'logits.pt')!r})\n"
    )
    told = subprocess.run(
        [sys.executable, folder / "snippet.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert told.returncode == 0, told.stderr[-2000:]
    return torch.load(folder / "logits.pt")


def live(model, edit):
    ids = model.tokenizer(PROMPT, return_tensors="pt")
    with torch.no_grad(), rescale(model, edit):
        return model.network(**ids).logits


def assert_acts_like_the_live_edit(tmp_path, family, form):
    model = load(str(saved(tmp_path / "model", family)), device="cpu")
    expected = live(model, EDIT)
    assert (expected - live(model, {})).abs().max() > 1e-3
    found = logits_of(snippet(model, EDIT, form), tmp_path)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.engines
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_transformers(tmp_path, family):
    assert_acts_like_the_live_edit(tmp_path, family, "transformers")


@pytest.mark.peers
@pytest.mark.parametrize("family", ["llama_wide_heads", "gpt2"])
@pytest.mark.parametrize(("form", "library"), [("nnsight", "nnsight"), ("transformer-lens", "transformer_lens")])
def test_other_libraries(tmp_path, family, form, library):
    pytest.importorskip(library)
    assert_acts_like_the_live_edit(tmp_path, family, form)


def test_the_command_prints_it(tmp_path):
    folder, edit = saved(tmp_path / "model"), tmp_path / "e.json"
    edit.write_text('{"L1H2": -1}')
    shown = run("edit", "show", edit)
    assert shown.exit_code == 0, shown.output
    assert "L1H2" in shown.stdout
    assert "positions: all" in shown.stdout
    code = run("edit", "show", edit, "--as", "transformers", "--model", folder)
    assert code.exit_code == 0, code.output
    assert code.stdout == snippet(load(str(folder), device="cpu"), {"L1H2": -1}, "transformers") + "\n"
    assert_refused(
        run("edit", "show", edit, "--as", "nnsight"), "does not say for which model it is; give it with --model"
    )
    (tmp_path / "heads.txt").write_text("1.2")
    assert "L1H2" in run("edit", "show", tmp_path / "heads.txt").stdout


@pytest.mark.parametrize(
    ("edit", "form", "text"),
    [
        (Edit({"L1H2": -1}, "prompt"), "transformers", "an edit of scope 'prompt' cannot be exported"),
        ({"L1H2": 1}, "nnsight", "the edit changes nothing"),
        ({"L1H9": -1}, "transformer-lens", "L1H9 does not exist"),
        ({"L1H2": -1}, "tensorflow", "no code can be written for 'tensorflow'; choose transformer-lens"),
    ],
)
def test_edits_that_code_cannot_hold(edit, form, text, as_users_run_it):
    with pytest.raises(ValueError) as refused:
        snippet(tiny.language_model(), edit, form)
    assert text in str(refused.value)


def test_a_gguf_file_is_no_checkpoint(monkeypatch):
    model = tiny.language_model()
    object.__setattr__(model, "name", "some/model.gguf")
    with pytest.raises(ValueError, match="is a GGUF file"):
        snippet(model, {"L1H2": -1}, "nnsight")
