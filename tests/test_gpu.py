"""What a GPU must do the same as the CPU. Run: pytest -m gpu."""

from dataclasses import replace

import pytest
import tiny
import torch

from headpursuit import CaptureConfig, Edit, Head, capture, rescale
from headpursuit.analysis import capturing
from headpursuit.models import replay
from headpursuit.models.batches import batches
from headpursuit.models.replay_memory import every_within, free_memory, layer_sizes
from headpursuit.models.text import read_logits
from headpursuit.pursuit import Dictionary, Moments, Signals, pursue, pursue_each

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")]

PROMPTS = [tiny.text_of(range(5 + i, 12 + 2 * i)) for i in range(12)]
CONFIG = CaptureConfig("prompt", batch_size=2, samples=10)


def models():
    on_gpu = tiny.word_model()
    on_gpu.network.to("cuda")
    return tiny.word_model(), on_gpu


@pytest.mark.parametrize("rule", ["l1", "l2", "forward"])
@pytest.mark.parametrize("n_atoms", [200, 5000])
def test_a_pursuit_chooses_the_same_atoms(rule, n_atoms):
    g = torch.Generator().manual_seed(0)
    mixed, write = torch.randn(100, 6, 16, generator=g), torch.randn(6, 16, 64, generator=g)
    vectors = torch.randn(n_atoms, 64, generator=g)
    here = pursue(Signals.from_samples(mixed, write), Dictionary.of(vectors), 10, rule=rule)
    signals = Signals.from_samples(mixed.cuda(), write.cuda())
    there = pursue(signals, Dictionary.of(vectors.cuda()), 10, rule=rule)
    assert torch.equal(there.atoms.cpu(), here.atoms)
    torch.testing.assert_close(there.explained.cpu(), here.explained, atol=1e-5, rtol=0)


def test_dictionaries_are_solved_together():
    g = torch.Generator().manual_seed(1)
    moments = Moments.of(torch.randn(100, 6, 16, generator=g).cuda())
    signals = Signals.from_moments(moments, torch.randn(6, 16, 64, generator=g).cuda())
    dictionaries = [Dictionary.of(torch.randn(50, 64, generator=g).cuda()) for _ in range(3)]
    for one, alone in zip(pursue_each(signals, dictionaries, 5), dictionaries, strict=True):
        assert torch.equal(one.atoms, pursue(signals, alone, 5, tile=50).atoms)


def test_a_capture_is_the_same_and_resumes(tmp_path, monkeypatch):
    monkeypatch.setattr(capturing, "CHECKPOINT_SECONDS", 0)
    on_cpu, on_gpu = models()
    here = capture(on_cpu, PROMPTS, CONFIG)

    def stop(done, _):
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture(on_gpu, PROMPTS, CONFIG, output=tmp_path / "cap", progress=stop)
    there = capture(on_gpu, PROMPTS, CONFIG, output=tmp_path / "cap", resume=True)
    assert torch.equal(there.samples.keys, here.samples.keys)
    for layer, moments in here.moments.items():
        torch.testing.assert_close(there.moments[layer].second, moments.second, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(there.samples.mixed[layer], here.samples.mixed[layer], atol=1e-3, rtol=1e-3)
    assert replace(there.identity, dtype="") == replace(here.identity, dtype="")


def test_replays_on_a_gpu_are_bit_equal_and_keep_to_its_memory():
    _, model = models()
    (batch,) = batches(model, PROMPTS[:2], 8)
    assert 0 < free_memory(model.device) <= torch.cuda.get_device_properties(0).total_memory
    edit = Edit({Head(1, 0): -1.0})
    with torch.no_grad(), rescale(model, edit):
        whole = read_logits(model, batch, logits_to_keep=1)[:, -1:]
    n_layers, n_bytes = layer_sizes(model, [batch])
    for memory in (n_layers * n_bytes, n_bytes, 0):
        read = replay(model, batch, every=every_within(n_layers, n_bytes, memory))
        assert read.n_bytes <= memory
        assert torch.equal(read.logits(edit), whole)


def test_rescaled_heads_give_the_same_logits():
    ids, edit = torch.arange(5, 15)[None], Edit({Head(1, 2): -1.0})
    logits = []
    for model in models():
        with rescale(model, edit), torch.no_grad():
            logits.append(model.network(ids.to(model.device)).logits.cpu())
    torch.testing.assert_close(*logits, atol=1e-3, rtol=1e-3)
