"""Log-probabilities of continuations, against a plain forward pass for each prompt by itself."""

import pytest
import torch
from tiny import FLAGGED, language_model, text_of, word_model

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.models import Continuation, answer_ids, likelihoods, neutral_text, spelled


@torch.no_grad()
def by_hand(model, ids, before, steps, edit=None):
    """One prompt, one token after the other, without batches, padding or replays."""
    n_prompt, total, ids, margins = len(ids), 0.0, [*ids, *before], []
    for step in steps:
        with hp.rescale(model, edit or {}, prompt_length=n_prompt):
            likely = model.network(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        total += float(likely[list(step)].logsumexp(0))
        others = [float(value) for i, value in enumerate(likely) if i not in step]
        margins.append(float(likely[list(step)].logsumexp(0)) - max(others))
        ids.append(step[0])
    return total, min(margins)


def check(found, expected):
    for values, by_hand_values in zip((found.log_probability, found.margin), zip(*expected, strict=True), strict=True):
        torch.testing.assert_close(values, torch.tensor(by_hand_values), rtol=1e-4, atol=1e-4)


CASES = [
    ([5, 6, 7], (), ((20,),)),
    ([8, 9], (), ((21,), (22,), (23,))),
    ([10, 11, 12, 13, 14, 15], (30, 31), ((24,),)),
    ([16], (32,), ((25,), (26, 27, 28))),
    ([17, 18], (), ((40, 41, 42, 43),)),
]


@pytest.mark.parametrize("batch_size", [1, 2, 8])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_as_by_hand(family, batch_size):
    model = word_model(family)
    found = likelihoods(model, [Continuation(text_of(p), s, b) for p, b, s in CASES], batch_size=batch_size)
    edit = hp.Edit({"L1H0": -1, "L2H3": 0})
    plain = [by_hand(model, *case) for case in CASES]
    edited = [by_hand(model, *case, edit) for case in CASES]
    check(found.base, plain)
    check(found.under(edit), edited)
    assert (found.under(edit).log_probability - found.base.log_probability).abs().max() > 1e-3
    upon = found.upon(hp.Edit({"L1H0": -1})).under(edit)
    assert torch.equal(upon.log_probability, found.under(edit).log_probability)


SCOPES = ["prompt", "generated", (0, -1), (1,)]
ALL_SCOPES = [
    *(("llama", scope) for scope in SCOPES),
    *((family, (0, -1)) for family in ("gpt2", *FLAGGED)),
    *(pytest.param(f, s, marks=pytest.mark.slow) for f in ("gpt2", *FLAGGED) for s in SCOPES if s != (0, -1)),
]


@pytest.mark.parametrize(("family", "scope"), ALL_SCOPES)
def test_scopes_and_models_that_do_not_pad(family, scope):
    model = word_model(family)
    found = likelihoods(model, [Continuation(text_of(p), s, b) for p, b, s in CASES])
    edit = Edit({Head(1, 0): -20.0}, scope)
    changed = found.under(edit).log_probability != found.base.log_probability
    assert changed.any()
    # Nothing that is generated comes before the answers' first tokens.
    assert scope != "generated" or not changed[[0, 4]].any()
    check(found.under(edit), [by_hand(model, *case, edit) for case in CASES])


def test_memory_and_share_are_told():
    model = word_model()
    found = likelihoods(model, [Continuation(text_of([5, 6]), ((7,),)), Continuation(text_of([8]), ((9,),))])
    assert found.n_bytes > 0
    assert found.share(hp.Edit({"L2H0": -1})) == pytest.approx(1 / 3)


def test_undefined_log_probabilities_are_refused():
    model = word_model()
    assert model.anatomy.n_heads == 12  # certified before it breaks
    with torch.no_grad():
        model.network.lm_head.weight[9] = float("nan")
    with pytest.raises(ValueError, match="undefined"):
        likelihoods(model, [Continuation(text_of([5]), ((6,),))])
    with pytest.raises(ValueError, match="undefined"):
        neutral_text(model, [text_of([5, 6])]).under(Edit({}))
    with pytest.raises(ValueError, match="undefined"):
        neutral_text(model, [text_of([5, 6])]).loss_under(Edit({}))


def test_a_neutral_text_of_one_token_says_nothing():
    found = neutral_text(word_model(), [text_of([5]), text_of([5, 6])]).under(hp.Edit({"L1H0": -1}))
    assert [float(values[0]) for values in found] == [0, 0]
    assert all(float(values[1]) > 0 for values in found)


def test_neutral_text_stands_for_what_is_generated():
    model, text, heads = word_model(), text_of([5, 6, 7, 8]), {Head(1, 0): -1.0}
    kl, _ = neutral_text(model, [text], scope_of_answers=True).under(Edit(heads, "generated"))
    assert torch.equal(kl, neutral_text(model, [text]).under(Edit(heads))[0])
    assert neutral_text(model, [text]).under(Edit(heads, "generated"))[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("steps", [(), ((),), ((1, 2), (3,))])
def test_continuations_that_cannot_be(steps):
    with pytest.raises(ValueError, match="continuation"):
        Continuation("a", steps)


def test_answers_as_tokens():
    model = word_model()
    prompts = [text_of([5, 6, 7]), text_of([8])]
    ids = answer_ids(model, prompts, max_new_tokens=4)
    assert [model.tokenizer.decode(i, skip_special_tokens=True) for i in ids] == hp.answer(
        model, prompts, max_new_tokens=4
    )


def test_spelled_words():
    model = language_model(words=[" red"])
    assert len(spelled(model, "red", spaced=True)) == 1
    assert len(spelled(model, "red", spaced=False)) == 3


@torch.no_grad()
def test_neutral_text_as_by_hand():
    model = word_model()
    texts = [[5, 6, 7, 8, 9], [10, 11, 12]]
    found = neutral_text(model, [text_of(t) for t in texts])
    edit = hp.Edit({"L1H0": -1})
    for which in (edit, hp.Edit({})):
        kl, loss = found.under(which)
        assert torch.allclose(found.loss_under(which), loss, atol=1e-5)
        for row, ids in enumerate(texts):
            before = model.network(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
            with hp.rescale(model, which):
                after = model.network(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
            assert float(kl[row]) == pytest.approx(float((before.exp() * (before - after)).sum(1).mean()), abs=1e-4)
            expected = -after.gather(1, torch.tensor(ids[1:])[:, None]).mean()
            assert float(loss[row]) == pytest.approx(float(expected), abs=1e-4)
    upon = found.upon(hp.Edit({"L0H0": 0}))
    both = hp.Edit({"L0H0": 0, "L1H0": -1})
    assert torch.equal(upon.under(both)[0], found.under(both)[0])
    assert found.n_bytes > 0
