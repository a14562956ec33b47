"""Passes that begin at the first edited layer give bit by bit what whole passes give."""

import pytest
import torch
from tiny import CONFIGS, FLAGGED, language_model, network, text_of, word_model

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.models import LanguageModel, replay, replay_refusal
from headpursuit.models.batches import batches
from headpursuit.models.text import read_logits

PROMPTS = ["one two", "a longer prompt of more words", "three"]


def batch_of(model, prompts=PROMPTS):
    """The first batch; where padding changes what a model writes, that is one prompt."""
    return batches(model, prompts, 8)[0]


@torch.no_grad()
def whole(model, batch, edit, n_read=1):
    with hp.rescale(model, edit):
        return read_logits(model, batch, logits_to_keep=n_read)[:, -n_read:]


@pytest.mark.parametrize("family", [*CONFIGS, *FLAGGED])
def test_bit_equal_to_rescale_from_every_layer(family):
    model = language_model(family)
    assert replay_refusal(model) == ""
    batch = batch_of(model)
    read = replay(model, batch)
    assert torch.equal(read.base, whole(model, batch, {}))
    for layer in range(3):
        for edit in ({f"L{layer}H1": -1}, {f"L{layer}H0": 0, "L2H3": 2}):
            edited = hp.Edit(edit)
            assert torch.equal(read.logits(edited), whole(model, batch, edited)), (family, layer)
    assert torch.equal(read.logits(Edit({})), read.base)


def test_layers_below_the_first_edited_one_do_not_run():
    model = language_model()
    read = replay(model, batch_of(model))
    ran = []
    for number, layer in enumerate(model.network.model.layers):
        layer.self_attn.o_proj.register_forward_hook(lambda *_, n=number: ran.append(n))
    read.logits(hp.Edit({"L1H0": -1}))
    assert ran == [1, 2]
    assert read.share(hp.Edit({"L1H0": -1})) == pytest.approx(2 / 3)
    assert read.share(hp.Edit({"L0H0": -1})) == 1


@pytest.mark.parametrize("scope", ["all", "prompt", (0, -1), (1,)])
def test_scopes_are_followed(scope):
    model = language_model()
    batch = batch_of(model)
    edit = Edit({Head(1, 0): -1.0, Head(2, 2): 0.0}, scope)
    assert torch.equal(replay(model, batch).logits(edit), whole(model, batch, edit))


def test_logits_of_several_tokens_or_of_all():
    model = language_model()
    batch, edit = batch_of(model), hp.Edit({"L1H0": -1})
    assert replay(model, batch, n_read=3).logits(edit).shape[1] == 3
    assert torch.equal(replay(model, batch, n_read=3).logits(edit), whole(model, batch, edit, 3))
    assert torch.equal(replay(model, batch, n_read=0).logits(edit), whole(model, batch, edit, 0))


def test_another_base_edit_runs_from_where_it_differs():
    model = language_model()
    batch = batch_of(model)
    read = replay(model, batch)
    first, both = hp.Edit({"L1H0": -1}), hp.Edit({"L1H0": -1, "L2H1": 0})
    upon = read.under(first)
    assert torch.equal(upon.base, whole(model, batch, first))
    assert torch.equal(upon.logits(both), whole(model, batch, both))
    assert upon.share(both) < read.share(both)
    # A head of the base edit that is left out, or has another scale, is a difference too.
    for other in ({"L2H1": 0}, {"L1H0": 2, "L2H1": 0}, {"L0H0": -1, "L1H0": -1}):
        assert torch.equal(upon.logits(hp.Edit(other)), whole(model, batch, hp.Edit(other)))


def test_another_scope_than_the_base_edits_runs_whole():
    model = language_model()
    batch = batch_of(model)
    upon = replay(model, batch).under(hp.Edit({"L1H0": -1}))
    edit = Edit({Head(1, 0): -1.0}, (-1,))
    assert upon.share(edit) == 1
    assert torch.equal(upon.logits(edit), whole(model, batch, edit))


@pytest.mark.parametrize("every", [0, 2, 3])
def test_fewer_layers_kept_take_less_memory_and_give_the_same(every):
    model = language_model()
    batch, edit = batch_of(model), hp.Edit({"L2H0": -1})
    full, less = replay(model, batch), replay(model, batch, every=every)
    assert full.n_bytes == 3 * batch.input_ids.numel() * 32 * 4
    assert less.n_bytes == (3 // every if every else 0) * batch.input_ids.numel() * 32 * 4
    assert torch.equal(less.logits(edit), whole(model, batch, edit))
    assert less.share(edit) == {0: 1.0, 2: pytest.approx(1 / 3), 3: 1.0}[every]


def test_the_model_is_as_it_was_afterwards_also_after_an_error():
    model = language_model()
    batch = batch_of(model)
    read, before = replay(model, batch), whole(model, batch, {})
    with pytest.raises(ValueError, match="L9H0 does not exist"):
        read.logits(hp.Edit({"L9H0": -1}))
    read.logits(hp.Edit({"L2H0": -1}))
    assert torch.equal(whole(model, batch, {}), before)
    layers = model.network.model.layers
    assert all("forward" not in layer.__dict__ and not layer._forward_hooks for layer in layers)


def test_a_forward_of_its_own_is_put_back():
    model = language_model()
    layer = model.network.model.layers[0]
    own = layer.forward
    layer.forward = lambda *args, **kwargs: own(*args, **kwargs)  # as accelerate does it
    kept = layer.__dict__["forward"]
    replay(model, batch_of(model)).logits(hp.Edit({"L2H0": -1}))
    assert layer.__dict__["forward"] is kept


class Reaching(torch.nn.Module):
    """The last layer of a network, which looks at what entered the first one too."""

    def __init__(self, first, last):
        super().__init__()
        self.last, self.attention_type = last, getattr(last, "attention_type", None)
        self.seen = None
        first.self_attn.register_forward_pre_hook(self._see, with_kwargs=True)

    def _see(self, _, args, kwargs):
        self.seen = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]

    def forward(self, hidden_states, *args, **kwargs):
        return self.last(hidden_states + self.seen, *args, **kwargs)


def test_layers_that_look_past_the_one_below_are_read_whole_and_it_is_said():
    net = network("llama")
    net.model.layers[2] = Reaching(net.model.layers[0], net.model.layers[2])
    model = LanguageModel(net, language_model().tokenizer, "")
    batch, edit = batch_of(model), hp.Edit({"L2H0": -1})
    assert "layer" in replay_refusal(model)
    read = replay(model, batch)
    assert read.share(edit) == 1 and read.n_bytes == 0
    assert torch.equal(read.logits(edit), whole(model, batch, edit))


@pytest.mark.parametrize("wrong", [{"every": -1}, {"n_read": -1}])
def test_what_cannot_be_is_refused(wrong):
    model = word_model()
    with pytest.raises(ValueError, match="neither can be below 0"):
        replay(model, batch_of(model, [text_of([5, 6])]), **wrong)
