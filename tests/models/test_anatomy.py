from dataclasses import replace

import pytest
import tiny
import torch
import transformers as hf

from headpursuit.heads import Head
from headpursuit.models import AnatomyError, HeadSite
from headpursuit.models.anatomy import Anatomy, locate, projection
from headpursuit.models.certificate import certify
from headpursuit.models.certified import certified
from headpursuit.models.weights import bias_of, write_weights

WIDTHS = {"llama_wide_heads": 24, "qwen3": 16, "gemma": 16}


@pytest.mark.parametrize("family", tiny.CONFIGS)
def test_every_head_is_found_and_certified(family):
    anatomy, certificate = certified(tiny.network(family))
    assert [(s.layer, s.n_heads, s.d_head) for s in anatomy.sites] == [(i, 4, WIDTHS.get(family, 8)) for i in range(3)]
    assert certificate.n_heads == 12
    assert certificate.identity
    assert certificate.isolation
    assert certificate.firing == 3
    assert max(certificate.conservation, certificate.silence) < 1e-5


@pytest.mark.parametrize("family", tiny.CONFIGS)
def test_heads_and_bias_add_up_to_the_projections_output(family):
    """Conservation, computed here on other input than the certificate's."""
    network = tiny.network(family)
    seen = {}
    anatomy = locate(network)
    for site in anatomy.sites:
        module = projection(network, site)
        module.register_forward_hook(lambda m, args, out, s=site: seen.update({s: (args[0][0], out[0])}))
    network(torch.randint(5, 300, (1, 13)))
    for site, (mixed, written) in seen.items():
        heads = mixed.unflatten(-1, (site.n_heads, site.d_head))
        total = sum(heads[:, h] @ write_weights(network, site)[h] for h in range(site.n_heads))
        bias = bias_of(projection(network, site))
        torch.testing.assert_close(total + (0 if bias is None else bias), written, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("n_heads", "d_head"),
    [(2, 16), (8, 4)],  # every shape fits, but a head reaches half a slice, or two
)
def test_a_wrong_division_into_heads_is_not_certified(n_heads, d_head):
    network = tiny.network("llama")
    sites = tuple(replace(site, n_heads=n_heads, d_head=d_head) for site in locate(network).sites)
    with pytest.raises(AnatomyError, match=f"{n_heads} slices were expected, 4 found"):
        certify(network, Anatomy(sites))


def test_a_projection_that_is_not_the_output_projection_is_not_certified():
    network = tiny.network("llama")
    sites = tuple(HeadSite(s.layer, s.path.replace("o_proj", "q_proj"), 4, 8) for s in locate(network).sites)
    with pytest.raises(AnatomyError, match="does not reach exactly its slice.*none found"):
        certify(network, Anatomy(sites))


def test_an_extra_term_in_the_projection_is_not_certified():
    network = tiny.network("llama")
    projection(network, locate(network).sites[1]).register_forward_hook(lambda m, args, out: out * 1.01)
    with pytest.raises(AnatomyError, match="do not add up to the projection's output.*layers.1.self_attn.o_proj"):
        certify(network, locate(network))


def test_a_model_without_attention_is_refused():
    config = hf.MambaConfig(vocab_size=300, hidden_size=32, num_hidden_layers=2, state_size=4)
    with pytest.raises(AnatomyError, match="no attention heads were seen in a forward pass of MambaForCausalLM"):
        locate(hf.MambaForCausalLM(config).eval())


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_heads_are_found_in_either_attention_implementation(implementation):
    network = tiny.network("qwen2")
    network.set_attn_implementation(implementation)
    assert certified(network)[0].n_heads == 12


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_certified(dtype):
    assert certified(tiny.network("llama_bias").to(dtype))[1].tolerance > 1e-3


def test_unknown_heads_are_named_with_what_there_is():
    anatomy = locate(tiny.network("qwen3"))
    with pytest.raises(
        ValueError, match=r"L3H0 does not exist: the model has 12 heads: layers 0-2 with 4 heads of width 16"
    ):
        anatomy.site_of(Head(3, 0))
    with pytest.raises(ValueError, match="L0H4 does not exist"):
        anatomy.site_of(Head(0, 4))
    assert anatomy.site_of(Head(2, 3)).slice_of(3) == slice(48, 64)


def test_weights_that_are_no_plain_matrix_are_read_by_sending_unit_vectors():
    class PackedLinear(torch.nn.Module):
        def __init__(self, linear):
            super().__init__()
            self.inner = linear

        def forward(self, x):
            return self.inner(x)

    network = tiny.network("llama_bias")
    site = locate(network).sites[0]
    expected = write_weights(network, site)
    parent = network.get_submodule(site.path.rpartition(".")[0])
    parent.o_proj = PackedLinear(parent.o_proj)
    torch.testing.assert_close(write_weights(network, site), expected)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_write_weights_carry_no_gradient(family):
    """Else every pursuit would remember all its steps for a backward pass."""
    network = tiny.network(family)
    assert not any(write_weights(network, site).requires_grad for site in locate(network).sites)
