import tiny
import torch

from headpursuit.heads import Edit, Head
from headpursuit.models import rescale, twin


def logits(model):
    with torch.no_grad():
        return model.network(torch.tensor([range(5, 11)])).logits


def test_a_twin_shares_weights_and_no_edits():
    model = tiny.word_model()
    other = twin(model)
    for ours, theirs in zip(model.network.parameters(), other.network.parameters(), strict=True):
        assert ours is theirs
    base, edit = logits(model), Edit({Head(0, 1): 5.0})
    with rescale(model, edit):
        edited = logits(model)
        assert torch.equal(logits(other), base)
        with rescale(other, Edit({Head(2, 0): -2.0})):
            assert torch.equal(logits(model), edited)
            assert not torch.equal(logits(other), base)
    assert not torch.equal(edited, base)
    assert torch.equal(logits(other), base)
    assert other.anatomy.heads == model.anatomy.heads
