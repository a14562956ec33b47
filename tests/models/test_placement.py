"""Models whose weights lie elsewhere until they are needed: placeholders without values, as parameters show them."""

import accelerate
import pytest
import tiny
import torch

from headpursuit.analysis import CaptureConfig, capture
from headpursuit.heads import Edit, Head
from headpursuit.models import LanguageModel, answer, heads_sha256, load, rescale, unembedding, write_weights
from headpursuit.models.anatomy import projection
from headpursuit.models.weights import bias_of

PROMPTS = [tiny.text_of(ids) for ids in ([5, 7, 9, 11], [100, 101], [33, 44, 55])]
EDIT = Edit({Head(0, 1): -2.0, Head(1, 2): 0.0, Head(2, 3): 3.0})
INPUTS = torch.arange(5, 15)[None]

DEVICE_MAPS = {
    "llama_bias": {
        "model.embed_tokens": "cpu",
        "model.rotary_emb": "cpu",
        "model.layers.0": "cpu",
        "model.layers.1": "disk",
        "model.layers.2": "disk",
        "model.norm": "cpu",
        "lm_head": "disk",
    },
    "gpt2": {
        "transformer.wte": "cpu",
        "transformer.wpe": "cpu",
        "transformer.h.0": "disk",
        "transformer.h.1": "cpu",
        "transformer.h.2": "disk",
        "transformer.ln_f": "cpu",
        "lm_head": "cpu",
    },
}


def mapped(family, folder):
    return load(str(folder / "model"), device_map=DEVICE_MAPS[family])


def in_main_memory(family, folder):
    network = accelerate.cpu_offload(tiny.network(family), execution_device="cpu")
    return LanguageModel(network, tiny.word_tokenizer())


def on_disk(family, folder):
    network = accelerate.disk_offload(tiny.network(family), folder / "weights", execution_device="cpu")
    return LanguageModel(network, tiny.word_tokenizer())


@pytest.fixture(scope="module", params=DEVICE_MAPS)
def plain(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    tiny.network(request.param).save_pretrained(folder / "model")
    tiny.word_tokenizer().save_pretrained(folder / "model")
    return request.param, folder, load(str(folder / "model"), device="cpu")


@pytest.fixture(scope="module", params=[mapped, in_main_memory, on_disk], ids=lambda place: place.__name__)
def models(request, plain):
    """The same weights, offloaded and at hand."""
    family, folder, model = plain
    offloaded = request.param(family, folder)
    assert "meta" in placement(offloaded).values()
    return offloaded, model


def placement(model):
    return {name: parameter.device.type for name, parameter in model.network.named_parameters()}


def test_heads_are_certified(models):
    offloaded, plain = models
    assert offloaded.anatomy == plain.anatomy
    assert offloaded.certificate.n_heads == 12


def test_weights_are_read_and_put_away_again(models):
    offloaded, plain = models
    before = placement(offloaded)
    for site in plain.anatomy.sites:
        assert torch.equal(write_weights(offloaded.network, site), write_weights(plain.network, site))
        here, there = (bias_of(projection(model.network, site)) for model in models)
        assert torch.equal(here, there)
    for gain in (False, True):
        assert torch.equal(unembedding(offloaded, gain=gain).vectors, unembedding(plain, gain=gain).vectors)
    assert placement(offloaded) == before


def test_hashes_are_those_of_the_model_at_hand(models):
    offloaded, plain = models
    assert heads_sha256(offloaded) == heads_sha256(plain)
    assert unembedding(offloaded).sha256 == unembedding(plain).sha256


@pytest.mark.parametrize("positions", ["prompt", "generated"])
def test_the_capture_is_that_of_the_model_at_hand(models, positions):
    config = CaptureConfig(positions, batch_size=2, max_new_tokens=3)
    offloaded, plain = (capture(model, PROMPTS, config) for model in models)
    for layer, moments in plain.moments.items():
        torch.testing.assert_close(offloaded.moments[layer].second, moments.second, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(offloaded.samples.mixed[layer], plain.samples.mixed[layer], atol=1e-6, rtol=1e-6)
    assert offloaded.n_samples == plain.n_samples


@torch.no_grad()
def test_an_edit_acts_as_on_the_model_at_hand(models):
    edited, answers = [], []
    for model in models:
        before = model.network(INPUTS).logits
        with rescale(model, EDIT):
            edited.append(model.network(INPUTS).logits)
            answers.append(answer(model, PROMPTS, max_new_tokens=4))
        assert torch.equal(model.network(INPUTS).logits, before)
        assert (edited[-1] - before).abs().max() > 0.1
    torch.testing.assert_close(*edited, atol=1e-6, rtol=1e-6)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("option", [{"device_map": "auto"}, {"device_map": {"": "cpu"}}, {"tp_plan": "auto"}])
def test_a_device_and_a_placement_exclude_each_other(tmp_path, option):
    with pytest.raises(ValueError, match="device 'cpu' and device_map or tp_plan exclude each other; give one of them"):
        load(str(tmp_path / "none"), device="cpu", **option)


def test_a_shared_model_needs_the_processes_that_share_it(tmp_path):
    with pytest.raises(ValueError, match="tp_plan shares a model between processes; start them with torchrun"):
        load(str(tmp_path), tp_plan="auto")


def test_a_model_whose_heads_cannot_be_shared_evenly_is_refused(tmp_path, monkeypatch):
    tiny.network("llama").save_pretrained(tmp_path)
    tiny.word_tokenizer().save_pretrained(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="num_attention_heads is 4, which 3 processes cannot share evenly"):
        load(str(tmp_path), tp_plan="auto")


def test_an_unknown_place_is_refused_in_one_line(tmp_path):
    tiny.network("llama").save_pretrained(tmp_path)
    tiny.word_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="cannot load .* as a language model: .*nodevice"):
        load(str(tmp_path), device_map={"": "nodevice"})
