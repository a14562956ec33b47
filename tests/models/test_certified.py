import json

import pytest
import tiny
import tiny_vision
import torch

from headpursuit.models import LanguageModel
from headpursuit.models import certified as room
from headpursuit.models.certified import certified, fingerprint


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "certificates_folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def counted(monkeypatch):
    """How often heads were looked for."""
    runs = []
    measure = room._measure
    monkeypatch.setattr(room, "_measure", lambda *inputs: (runs.append(1), measure(*inputs))[1])
    return runs


@pytest.mark.parametrize("family", ["llama", "gpt_neox", "gpt2"])
def test_the_same_weights_are_certified_once(family, folder, counted):
    first = certified(tiny.network(family), keep=True)
    assert certified(tiny.network(family), keep=True) == first
    assert len(counted) == 1
    assert len(list(folder.iterdir())) == 1


def test_other_weights_are_certified_anew(folder, counted):
    certified(tiny.network("llama"), keep=True)
    network = tiny.network("llama")
    network.model.layers[1].self_attn.o_proj.weight.data *= 1.001
    certified(network, keep=True)
    assert len(counted) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda network: network.config.update({"rms_norm_eps": 1e-3}),
        lambda network: network.set_attn_implementation("eager"),
        lambda network: network.to(torch.bfloat16),
        lambda network: setattr(network.model.layers[0], "mlp", type("Other", (torch.nn.Identity,), {})()),
    ],
)
def test_another_config_code_or_dtype_is_another_model(change):
    network = tiny.network("llama")
    before = fingerprint(network)
    change(network)
    assert fingerprint(network) != before


def test_a_model_with_hooks_is_not_taken_from_the_cache(folder, counted):
    certified(tiny.network("llama"), keep=True)
    network = tiny.network("llama")
    network.model.layers[0].mlp.register_forward_hook(lambda module, args, output: output * 2)
    certified(network, keep=True)
    assert len(counted) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sites": []}', '{"sites": [{"layer": 1}]}'])
def test_a_damaged_certificate_is_made_anew(content, folder, counted):
    first = certified(tiny.network("llama"), keep=True)
    file = next(folder.iterdir())
    file.write_text(content)
    assert certified(tiny.network("llama"), keep=True) == first
    assert len(counted) == 2
    assert json.loads(file.read_text())["certificate"]["n_heads"] == 12


def test_fresh_measures_again(folder, counted):
    network = tiny.network("llama")
    certified(network, keep=True)
    certified(network, keep=True, fresh=True)
    assert len(counted) == 2


def test_nothing_is_kept_of_a_model_without_a_name(folder):
    certified(tiny.network("llama"))
    assert not list(folder.iterdir())


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(room, "certificates_folder", lambda: tmp_path / "file")
    assert certified(tiny.network("llama"), keep=True)[1].n_heads == 12


def test_a_change_of_single_columns_is_seen():
    network = tiny.network("llama")
    before = fingerprint(network)
    network.model.layers[1].self_attn.o_proj.weight.data[:, 8:16] *= -1  # what an exported edit does
    assert fingerprint(network) != before


def test_another_processor_is_another_model():
    network = tiny.network("llama")
    ids, pixels = torch.tensor([[1, 2]]), torch.zeros(1, 3, 2, 2)
    probe = {"input_ids": ids, "pixel_values": pixels}
    known = fingerprint(network, (probe,))
    assert fingerprint(network, ({"pixel_values": pixels, "input_ids": ids},)) == known
    for other in ({"input_ids": ids}, probe | {"pixel_values": pixels + 1}, probe | {"input_ids": ids + 1}):
        assert fingerprint(network, (other,)) != known


def test_a_kept_certificate_is_of_one_processor(folder, counted):
    def certificate(mean):
        words = tiny_vision.tokenizer()
        processor = tiny_vision.PROCESSORS["llava"](words)
        processor.image_processor.image_mean = [mean] * 3
        return LanguageModel(tiny_vision.network("llava"), words, "llava", processor=processor).certificate

    assert certificate(0.5) == certificate(0.5)
    assert len(counted) == 1
    certificate(0.4)
    assert len(counted) == 2
