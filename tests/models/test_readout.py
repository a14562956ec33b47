import pytest
import tiny
import torch

from headpursuit.models import AnatomyError, readout
from headpursuit.models.vocabulary import final_norm

TOKENS = [20, 61, 133, 7]


@pytest.mark.parametrize("family", ["llama", "gemma", "gpt2", "gpt_neox"])
def test_logits_are_the_readout_of_the_stream_over_the_norms_scale(family):
    """Differences of two streams of one scale: the constant drops out, the scale is one factor for all tokens."""
    model = tiny.word_model(family)
    norm, head = final_norm(model), model.network.get_output_embeddings()
    stream = torch.randn(32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = [head(norm(x))[TOKENS] for x in (stream, -stream)]  # a norm's scale does not see the sign
    expected = (logits[0] - logits[1]) / 2
    found = readout(model, TOKENS) @ stream
    factors = found / expected
    torch.testing.assert_close(factors, factors[:1].expand(4), atol=1e-4, rtol=1e-3)
    assert factors[0] > 0


def test_a_stream_that_is_normed_at_every_step_has_no_readout():
    with pytest.raises(AnatomyError, match="post_ln"):
        readout(tiny.word_model("bert"), TOKENS)
