"""Two processes of `torchrun` that share the prompts, or that hold one model together. Each script runs once."""

import json
import os
import subprocess
import sys

import pytest
import tiny
import torch
import torch.distributed as dist
import transformers
from packaging.version import Version
from safetensors.torch import load_file

from headpursuit.analysis import Capture, CaptureConfig, capture
from headpursuit.heads import Edit
from headpursuit.models import answer, load, rescale

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(
        not (dist.is_available() and dist.is_gloo_available()),
        reason="this torch has no gloo to run two processes on a CPU",
    ),
]

PROMPTS = [tiny.text_of(range(5 + 9 * i, 6 + 9 * i + 5 * i % 7)) for i in range(13)]
CONFIG = CaptureConfig("all", batch_size=2, samples=20, max_new_tokens=3)
EDITS = {"first": {"L0H0": -2}, "second": {"L1H3": -2}, "both": {"L0H1": 0, "L0H2": 3, "L2H2": -1, "L2H1": 2}}
"""Of four heads, the first process holds two, the second the others."""

PREAMBLE = f"""
import json
import sys
from itertools import count
from pathlib import Path

import torch.distributed as dist
from safetensors.torch import save_file

from headpursuit.analysis import CaptureConfig, capture, capturing
from headpursuit.heads import Edit
from headpursuit.models import answer, load, rescale

PROMPTS, CONFIG, EDITS = {PROMPTS}, {CONFIG}, {EDITS}
saved, out = sys.argv[1], Path(sys.argv[2])
"""

SHARE_PROMPTS = """
def stop(*_):
    dist.barrier()  # both have begun before one keeps its state
    capturing.CHECKPOINT_SECONDS = 0
    if next(calls) == 2:
        raise InterruptedError

model, calls = load(saved, device="cpu"), count(1)
returned = capture(model, PROMPTS, CONFIG, output=out / "whole")
returned.save(out / f"returned-{dist.get_rank()}")
capture(model, PROMPTS[:1], CONFIG, output=out / "few")
try:
    capture(model, PROMPTS, CONFIG, output=out / "resumed", progress=stop)
except InterruptedError:
    dist.barrier()
kept, left = sorted(file.name for file in (out / ".resumed.unfinished").iterdir()), []
dist.barrier()
capture(model, PROMPTS, CONFIG, output=out / "resumed", resume=True, progress=lambda *step: left.append(step))
(out / f"interrupted-{dist.get_rank()}.json").write_text(json.dumps([kept, len(left)]))
dist.destroy_process_group()
"""

SHARE_MODEL = """
import torch

from headpursuit.models.sharding import whole_tensor

model = load(saved, tp_plan="auto")
rank = dist.get_rank()
report = {"certificate": str(model.certificate), "n_processes": model.network.tp_size, "answers": {}}
logits = {}
capture(model, PROMPTS, CONFIG, output=out / "cap")
for name, edit in ({"none": {}} | EDITS).items():
    with rescale(model, Edit.from_json(edit)), torch.no_grad():
        logits[name] = whole_tensor(model.network(torch.arange(5, 15)[None]).logits)
        report["answers"][name] = answer(model, PROMPTS, max_new_tokens=5)
save_file(logits, out / f"{rank}.safetensors")
(out / f"{rank}.json").write_text(json.dumps(report))
dist.destroy_process_group()
"""


def run(script, folder, family):
    """Run a script in two processes on a tiny model; where it wrote, and the model in one process."""
    saved, out = folder / "model", folder / "out"
    tiny.network(family).save_pretrained(saved)
    tiny.word_tokenizer().save_pretrained(saved)
    out.mkdir()
    (folder / "script.py").write_text(PREAMBLE + script)
    launch = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    done = subprocess.run(
        [*launch, folder / "script.py", saved, out],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return out, load(str(saved), device="cpu")


def assert_close(one, other, **tolerance):
    for layer, moments in one.moments.items():
        torch.testing.assert_close(moments.second, other.moments[layer].second, **tolerance)
        torch.testing.assert_close(moments.total, other.moments[layer].total, **tolerance)
        assert moments.count == other.moments[layer].count
        torch.testing.assert_close(one.samples.mixed[layer], other.samples.mixed[layer], **tolerance)
    for name in ("keys", "prompt_of", "position_of"):
        assert torch.equal(getattr(one.samples, name), getattr(other.samples, name))
    assert (one.n_prompts, one.identity, one.config) == (other.n_prompts, other.identity, other.config)


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def shared_prompts(tmp_path_factory):
    return run(SHARE_PROMPTS, tmp_path_factory.mktemp("prompts"), "llama")


@pytest.mark.parametrize(("name", "n_prompts"), [("whole", 13), ("few", 1)])
def test_two_processes_capture_what_one_does(shared_prompts, name, n_prompts):
    out, model = shared_prompts
    single = capture(model, PROMPTS[:n_prompts], CONFIG)
    assert_close(Capture.load(out / name), single, rtol=1e-6, atol=1e-9)


def test_every_process_returns_the_whole_capture(shared_prompts):
    out, _ = shared_prompts
    assert contents(out / "returned-0") == contents(out / "returned-1") == contents(out / "whole")


def test_interrupted_processes_go_on_each_from_its_own_state_and_end_with_the_same_bytes(shared_prompts):
    out, _ = shared_prompts
    for rank, n_left in enumerate([2, 1]):  # of 7 batches, after 2 in each process
        seen = json.loads((out / f"interrupted-{rank}.json").read_text())
        assert seen == [["0.safetensors", "1.safetensors"], n_left]
    assert contents(out / "resumed") == contents(out / "whole")


def test_one_folder_is_written_and_no_state_is_left(shared_prompts):
    out, _ = shared_prompts
    folders = {path.name for path in out.iterdir() if path.is_dir()}
    assert folders == {"whole", "few", "resumed", "returned-0", "returned-1"}


@pytest.fixture(scope="module")
def shared_model(tmp_path_factory):
    if Version(transformers.__version__) < Version("5.20"):
        pytest.skip("transformers before 5.20 shares a model between processes in another way")
    return run(SHARE_MODEL, tmp_path_factory.mktemp("model"), "llama_wide_heads")


@pytest.fixture(scope="module", params=[0, 1])
def seen(request, shared_model):
    """What each process saw."""
    out, _ = shared_model
    return json.loads((out / f"{request.param}.json").read_text()), load_file(out / f"{request.param}.safetensors")


def test_all_heads_of_a_shared_model_are_certified_in_every_process(seen):
    report, _ = seen
    assert report["n_processes"] == 2
    assert report["certificate"].startswith("certified: 12 heads in 3 layers")


def test_the_capture_of_a_shared_model_is_that_of_the_whole(shared_model):
    out, model = shared_model
    assert [path.name for path in out.iterdir() if path.is_dir()] == ["cap"]
    assert_close(Capture.load(out / "cap"), capture(model, PROMPTS, CONFIG), rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("name", ["none", *EDITS])
def test_an_edit_acts_on_a_shared_model_as_on_the_whole(shared_model, seen, name):
    (_, model), (report, logits), inputs = shared_model, seen, torch.arange(5, 15)[None]
    with rescale(model, Edit.from_json(EDITS.get(name, {}))):
        torch.testing.assert_close(logits[name], model.network(inputs).logits, rtol=1e-5, atol=1e-5)
        assert report["answers"][name] == answer(model, PROMPTS, max_new_tokens=5)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_a_shared_model_changes_what_it_says(seen, name):
    report, logits = seen
    assert (logits[name] - logits["none"]).abs().max() > 0.1
    assert report["answers"][name] != report["answers"]["none"]
