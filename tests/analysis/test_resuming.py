"""Captures that are interrupted, and go on."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count

import pytest
import tiny
import torch
from captured import PROMPTS, contents
from safetensors import safe_open
from safetensors.torch import save

from headpursuit.analysis import CaptureConfig, capture, capturing, read_prompts, recording
from headpursuit.models import load

CONFIG = CaptureConfig("prompt", batch_size=2, samples=10)


class Interrupted(Exception):
    pass


@pytest.fixture
def model():
    return tiny.word_model()


@pytest.fixture
def checkpoints(monkeypatch):
    """The state is kept after every batch."""
    monkeypatch.setattr(capturing, "CHECKPOINT_SECONDS", 0)


def stop_after(n_batches):
    calls = count(1)

    def progress(*_):
        if next(calls) == n_batches:
            raise Interrupted

    return progress


def interrupt(model, output, n_batches, config=CONFIG, **options):
    with pytest.raises(Interrupted):
        capture(model, PROMPTS, config, output=output, progress=stop_after(n_batches), **options)
    return output.with_name(f".{output.name}.unfinished") / "0.safetensors"


def assert_only_finished(path):
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_progress_counts_the_prompts_that_were_read_also_before_an_interruption(
    model, tmp_path, checkpoints, monkeypatch
):
    monkeypatch.setattr("headpursuit.models.capture._WINDOW", 4)
    config, told = replace(CONFIG, batch_size=3), []
    interrupt(model, tmp_path / "cap", 4, config)
    capture(model, PROMPTS, config, output=tmp_path / "cap", resume=True, progress=lambda *step: told.append(step))
    assert told == [(11, 13), (12, 13), (13, 13)]
    told.clear()
    capture(model, PROMPTS, config, progress=lambda *step: told.append(step))
    assert told == [(done, 13) for done in (3, 4, 7, 8, 11, 12, 13)]


@pytest.mark.parametrize("n_batches", [1, 4, 7])
@pytest.mark.parametrize("window", [4096, 6])
def test_an_interrupted_capture_ends_with_the_same_bytes(model, tmp_path, checkpoints, monkeypatch, window, n_batches):
    monkeypatch.setattr("headpursuit.models.capture._WINDOW", window)
    capture(model, PROMPTS, CONFIG, output=tmp_path / "whole" / "cap")
    output, read = tmp_path / "resumed" / "cap", []
    interrupt(model, output, n_batches)
    capture(model, PROMPTS, CONFIG, output=output, resume=True, progress=lambda *step: read.append(step))
    assert len(read) == 7 - n_batches
    assert contents(output) == contents(tmp_path / "whole" / "cap")
    assert_only_finished(output)


@pytest.mark.parametrize("config", [CaptureConfig("all", batch_size=2, max_new_tokens=3), replace(CONFIG, samples=0)])
def test_a_capture_interrupted_twice_ends_with_the_same_bytes(model, tmp_path, checkpoints, config):
    capture(model, PROMPTS, config, output=tmp_path / "whole" / "cap")
    output = tmp_path / "resumed" / "cap"
    interrupt(model, output, 2, config)
    interrupt(model, output, 3, config, resume=True)
    returned = capture(model, PROMPTS, config, output=output, resume=True)
    assert contents(output) == contents(tmp_path / "whole" / "cap")
    assert_only_finished(output)
    returned.save(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(output)


def test_a_short_capture_keeps_no_state(model, tmp_path):
    found = []
    capture(model, PROMPTS, CONFIG, output=tmp_path / "cap", progress=lambda *_: found.extend(tmp_path.iterdir()))
    assert found == []


def test_resume_begins_where_nothing_was_begun(model, tmp_path, checkpoints):
    captured = capture(model, PROMPTS, CONFIG, output=tmp_path / "cap", resume=True)
    assert captured.n_prompts == 13
    assert_only_finished(tmp_path / "cap")


BEGIN_AND_GO_ON = """
import sys, time
from headpursuit.analysis import CaptureConfig, capture, capturing, read_prompts
from headpursuit.models import load

folder, prompts, output = sys.argv[1:]
capturing.CHECKPOINT_SECONDS = 0
config = CaptureConfig("prompt", batch_size=2, samples=100)
model = load(folder, device="cpu")
capture(model, read_prompts(prompts), config, output=output, resume=True, progress=lambda *_: time.sleep(0.1))
"""


def batches_done(state):
    with safe_open(state, "pt") as kept:
        return int(kept.metadata()["n_batches"])


def killed(state, *arguments):
    """Let a process capture, and kill it at some moment after it has kept its state; the batches it has left behind."""
    before = state.stat().st_mtime_ns if state.exists() else 0
    process = subprocess.Popen([sys.executable, "-c", BEGIN_AND_GO_ON, *map(str, arguments)])
    try:
        while not state.exists() or state.stat().st_mtime_ns == before:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.5))
    finally:
        process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return batches_done(state)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.engines
def test_a_capture_killed_at_any_moment_ends_with_the_same_bytes(tmp_path):
    saved, file, output = tmp_path / "model", tmp_path / "prompts.txt", tmp_path / "resumed" / "cap"
    model = tiny.word_model()
    model.network.save_pretrained(saved)
    model.tokenizer.save_pretrained(saved)
    file.write_text("\n".join(PROMPTS * 5))
    state = output.with_name(".cap.unfinished") / "0.safetensors"
    first, second = (killed(state, saved, file, output) for _ in range(2))
    assert 1 <= first < second < 33

    model, config, read = load(str(saved), device="cpu"), CaptureConfig("prompt", batch_size=2, samples=100), []
    capture(model, read_prompts(file), config, output=output, resume=True, progress=lambda *step: read.append(step))
    assert len(read) == 33 - second
    capture(model, read_prompts(file), config, output=tmp_path / "whole")
    assert contents(output) == contents(tmp_path / "whole")
    assert_only_finished(output)


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"prompts": [*PROMPTS[:-1], "w9"]}, "other prompts"),
        ({"prompts": PROMPTS[::-1]}, "other prompts"),
        ({"config": replace(CONFIG, positions="last")}, "positions 'prompt', now 'last'"),
        ({"config": replace(CONFIG, batch_size=3)}, "batch_size 2, now 3"),
        ({"config": replace(CONFIG, samples=11)}, "samples 10, now 11"),
    ],
)
def test_an_unfinished_capture_of_other_things_is_refused_and_left_alone(
    model, tmp_path, checkpoints, changed, difference
):
    state = interrupt(model, tmp_path / "cap", 2)
    before = state.read_bytes()
    options = {"prompts": PROMPTS, "config": CONFIG} | changed
    with pytest.raises(ValueError, match=f"cap.unfinished was begun with {difference}.*resume it with what it was"):
        capture(model, **options, output=tmp_path / "cap", resume=True)
    assert state.read_bytes() == before


def with_other_heads(model):
    model.network.model.layers[1].self_attn.o_proj.weight.data += 1
    return model


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda _: tiny.word_model("mistral"), "model 'tiny-llama', now 'tiny-mistral'"),
        (lambda _: tiny.word_model(seed=1), "another 'tiny-llama', which differs in the unembedding;"),
        (with_other_heads, "another 'tiny-llama', which differs in the output projections;"),
    ],
)
def test_an_unfinished_capture_of_another_model_is_refused(model, tmp_path, checkpoints, change, difference):
    interrupt(model, tmp_path / "cap", 2)
    with pytest.raises(ValueError, match=f"was begun with {difference}"):
        capture(change(model), PROMPTS, CONFIG, output=tmp_path / "cap", resume=True)


def test_an_unfinished_capture_is_refused_unless_it_is_to_be_resumed(model, tmp_path, checkpoints):
    before = interrupt(model, tmp_path / "cap", 2).read_bytes()
    with pytest.raises(
        FileExistsError, match="cap was interrupted; go on with it .`resume=True`., or remove .*unfinished"
    ):
        capture(model, PROMPTS, CONFIG, output=tmp_path / "cap")
    assert (tmp_path / ".cap.unfinished" / "0.safetensors").read_bytes() == before


def test_resume_without_an_output_is_refused(model):
    with pytest.raises(ValueError, match="resume goes on with an interrupted capture to an output; name the output"):
        capture(model, PROMPTS, resume=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state[:-10],
        lambda state: state[:50],
        lambda state: state[:-1] + bytes([state[-1] ^ 1]),
        lambda _: b"",
        lambda _: b"a file of somebody else's, in the wrong place",
        lambda _: save({"weight": torch.zeros(2)}, {"format": "pt"}),
        lambda _: save({"weight": torch.zeros(2)}),
    ],
)
def test_a_damaged_or_foreign_state_is_refused_by_name(model, tmp_path, checkpoints, damage):
    state = interrupt(model, tmp_path / "cap", 2)
    state.write_bytes(damage(state.read_bytes()))
    with pytest.raises(ValueError, match="cap.unfinished/0.safetensors is (damaged|no state of an unfinished capture)"):
        capture(model, PROMPTS, CONFIG, output=tmp_path / "cap", resume=True)


def test_a_checkpoint_that_fails_leaves_the_one_before(model, tmp_path, checkpoints, monkeypatch):
    capture(model, PROMPTS, CONFIG, output=tmp_path / "whole" / "cap")
    output = tmp_path / "full" / "cap"
    state = interrupt(model, output, 3)
    before = state.read_bytes()

    def full(tensors, file, metadata):
        file.write_bytes(b"half of")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(recording, "save_file", full)
        with pytest.raises(OSError, match="0.safetensors cannot be written: No space left on device"):
            capture(model, PROMPTS, CONFIG, output=output, resume=True)
    assert contents(state.parent) == {"0.safetensors": before}
    capture(model, PROMPTS, CONFIG, output=output, resume=True)
    assert contents(output) == contents(tmp_path / "whole" / "cap")
    assert_only_finished(output)


@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
def test_a_head_that_breaks_in_a_later_batch_is_named_and_not_kept(model, tmp_path, checkpoints, bad):
    model.anatomy  # noqa: B018 - certified before the network breaks
    capture(model, PROMPTS, CONFIG, output=tmp_path / "whole" / "cap")
    calls, output = count(1), tmp_path / "broken" / "cap"

    def spoil(_, args):
        if next(calls) == 3:
            args[0][..., 24:] = bad  # the last of four heads

    hook = model.network.model.layers[2].self_attn.o_proj.register_forward_pre_hook(spoil)
    with pytest.raises(ValueError, match="head L2H3 wrote infinite or undefined values; try dtype float32"):
        capture(model, PROMPTS, CONFIG, output=output)
    hook.remove()
    assert batches_done(output.with_name(".cap.unfinished") / "0.safetensors") == 2
    capture(model, PROMPTS, CONFIG, output=output, resume=True)
    assert contents(output) == contents(tmp_path / "whole" / "cap")
