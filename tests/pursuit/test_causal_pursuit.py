"""Causal pursuit on made-up models, whose best edits are found by trying all of them."""

import itertools
import random

import pytest

from headpursuit.heads import Edit, Head
from headpursuit.pursuit.causal import Damage, Limits, Measured, causal_pursuit

HEADS = [Head(layer, index) for layer in range(3) for index in range(3)]
CANDIDATES = [(head, scale) for head in HEADS for scale in (-1.0, 0.0)]


class Made(Measured):
    """Effects and losses of single heads that add up, but for pairs of which the second adds nothing or much."""

    def __init__(self, effects, losses=None, pairs=None, strain=0.0):
        self.effects, self.losses, self.pairs, self.strain = effects, losses or {}, pairs or {}, strain
        self.asked, self.bases = [], []

    def effect(self, edit):
        self.asked.append(edit)
        total = sum(self.effects.get((h, s), 0.0) for h, s in edit.items())
        return total + sum(more for pair, more in self.pairs.items() if pair <= set(edit))

    def damage(self, edit):
        return Damage(sum(self.losses.get((h, s), 0.0) for h, s in edit.items()), self.strain)

    def upon(self, edit):
        self.bases.append(edit)
        return self


def test_heads_are_added_by_what_they_do_until_none_does_enough():
    a, b, c = HEADS[0], HEADS[4], HEADS[8]
    made = Made({(a, -1.0): 0.5, (a, 0.0): 0.4, (b, 0.0): 0.3, (c, -1.0): 0.01})
    found = causal_pursuit(made, CANDIDATES)
    assert [step.what for step in found.steps] == ["add", "add"]
    assert found.steps[-1].trial.edit == Edit({a: -1, b: 0})
    assert found.best[0].edit == Edit({a: -1, b: 0})
    assert found.best[0].effect == pytest.approx(0.8)


def test_what_breaks_too_much_is_passed_over_however_much_it_does():
    strong, mild = HEADS[1], HEADS[2]
    made = Made({(strong, -1.0): 0.9, (mild, -1.0): 0.3}, {(strong, -1.0): 0.2})
    assert causal_pursuit(made, CANDIDATES).best[0].edit == Edit({mild: -1})
    roomy = causal_pursuit(made, CANDIDATES, Limits(loss=0.3))
    assert roomy.best[0].edit == Edit({strong: -1, mild: -1})
    assert causal_pursuit(Made({(mild, -1.0): 0.3}, strain=0.5), CANDIDATES).steps == ()


def test_damage_is_paid_for_with_effect():
    dear, cheap = HEADS[1], HEADS[2]
    made = Made({(dear, -1.0): 0.5, (cheap, -1.0): 0.48}, {(dear, -1.0): 0.09})
    first = causal_pursuit(made, CANDIDATES, Limits(most_heads=1)).steps[0]
    assert first.trial.edit == Edit({cheap: -1})
    free = causal_pursuit(made, CANDIDATES, Limits(most_heads=1, weight=0.1)).steps[0]
    assert free.trial.edit == Edit({dear: -1})


def test_a_head_that_no_longer_helps_leaves():
    a, b, c = HEADS[0], HEADS[4], HEADS[8]
    effects = {(a, -1.0): 0.4, (b, -1.0): 0.3, (c, -1.0): 0.3}
    # b and c together do all that a does, so a adds nothing to them.
    pairs = {frozenset({a, b}): -0.15, frozenset({a, c}): -0.15, frozenset({b, c}): 0.1, frozenset({a, b, c}): -0.12}
    found = causal_pursuit(Made(effects, pairs=pairs), CANDIDATES)
    assert [step.what for step in found.steps] == ["add", "add", "add", "remove"]
    assert found.steps[-1].trial.edit == Edit({b: -1, c: -1})


def test_a_scale_is_changed_when_another_head_has_come():
    a, b = HEADS[0], HEADS[4]

    class Jealous(Made):
        def effect(self, edit):
            self.asked.append(edit)
            if b in edit and a in edit:
                return {-1.0: 0.5, 0.0: 0.8}[edit[a]]
            return super().effect(edit)

    found = causal_pursuit(Jealous({(a, -1.0): 0.4, (a, 0.0): 0.2, (b, -1.0): 0.1, (b, 0.0): 0.0}), CANDIDATES)
    assert "scale" in [step.what for step in found.steps] or found.steps[-1].trial.edit[a] == 0
    assert found.steps[-1].trial.edit == Edit({a: 0, b: found.steps[-1].trial.edit[b]})


def test_a_head_that_uses_up_the_damage_does_not_hide_two_that_go_together():
    greedy, first, second = HEADS[0], HEADS[4], HEADS[8]
    effects = {(greedy, -1.0): 0.6, (first, -1.0): 0.3, (second, -1.0): 0.1}
    losses = {(greedy, -1.0): 0.095, (first, -1.0): 0.04, (second, -1.0): 0.04}
    made = Made(effects, losses, {frozenset({first, second}): 0.5})
    found = causal_pursuit(made, CANDIDATES)
    assert found.best[0].edit == Edit({first: -1, second: -1})
    assert [step.trial.edit for step in found.steps] == [Edit({first: -1}), Edit({first: -1, second: -1})]
    alone = causal_pursuit(made, CANDIDATES, Limits(rooms=(1.0,)))
    assert alone.best[0].edit == Edit({greedy: -1})


def test_no_other_start_is_tried_once_an_edit_does_enough():
    a, b = HEADS[0], HEADS[4]
    made = Made({(a, -1.0): 0.99, (b, -1.0): 0.9})
    found = causal_pursuit(made, CANDIDATES)
    assert found.steps[-1].trial.edit == Edit({a: -1})
    assert not any(len(edit) == 2 for edit in made.asked)


def test_additions_try_every_scale_of_the_heads_that_do_most_at_their_first():
    a, likely, unlikely = HEADS[0], HEADS[4], HEADS[8]
    effects = {(a, -1.0): 0.5, (likely, -1.0): 0.05, (likely, 0.0): 0.2, (unlikely, 0.0): 0.1}
    made = Made(effects, {(unlikely, 0.0): 0.09})
    found = causal_pursuit(made, CANDIDATES, Limits(n_refined=1, most_heads=2, rooms=(1.0,)))
    assert found.best[0].edit == Edit({a: -1, likely: 0})
    assert Edit({a: -1, unlikely: 0}) not in made.asked
    assert Edit({a: -1, unlikely: -1}) in made.asked


@pytest.mark.parametrize("seed", range(20))
def test_never_worse_than_the_best_single_head_and_within_limits_always(seed):
    rng = random.Random(seed)
    effects = {c: rng.uniform(-0.2, 0.5) for c in CANDIDATES}
    losses = {c: rng.uniform(-0.05, 0.1) for c in CANDIDATES}
    pairs = {frozenset(p): rng.uniform(-0.3, 0.3) for p in itertools.combinations(HEADS, 2)}
    made, limits = Made(effects, losses, pairs), Limits(loss=0.12, most_heads=3)
    found = causal_pursuit(made, CANDIDATES, limits)
    values = [made.effect(e) - max(made.damage(e).loss, 0) for e in _all_edits(3) if made.damage(e).loss <= 0.12]
    single = max(made.effect(e) - max(made.damage(e).loss, 0) for e in _all_edits(1) if made.damage(e).loss <= 0.12)
    best = found.best[0].value(1.0)
    assert single - 1e-9 <= best <= max(values) + 1e-9
    assert all(trial.damage.loss <= 0.12 and len(trial.edit) <= 3 for trial in found.best)
    grown = [step.trial.value(1.0) for step in found.steps]
    assert all(later >= earlier - 0.011 for earlier, later in itertools.pairwise(grown))


def test_on_average_close_to_the_best_of_all_edits():
    reached = []
    for seed in range(20):
        rng = random.Random(100 + seed)
        effects = {c: rng.uniform(-0.1, 0.3) for c in CANDIDATES}
        losses = {c: rng.uniform(0, 0.06) for c in CANDIDATES}
        made = Made(effects, losses)
        best = max(made.effect(e) - made.damage(e).loss for e in _all_edits(3) if made.damage(e).loss <= 0.1)
        found = causal_pursuit(made, CANDIDATES, Limits(most_heads=3, enough=9.0))
        reached.append(found.best[0].value(1.0) / best)
    assert sum(reached) / len(reached) > 0.9


def test_no_edit_is_measured_twice_and_damage_only_where_it_could_win():
    a, b = HEADS[0], HEADS[4]
    made = Made({(a, -1.0): 0.5, (b, 0.0): 0.3, **{c: 0.005 for c in CANDIDATES if c[0] not in (a, b)}})
    found = causal_pursuit(made, CANDIDATES)
    assert len(made.asked) == len(set(made.asked)) == found.n_effects
    assert found.n_damages <= 4 < found.n_effects


def test_measuring_goes_on_from_the_edit_so_far():
    a, b = HEADS[0], HEADS[4]
    made = Made({(a, -1.0): 0.5, (b, 0.0): 0.3})
    causal_pursuit(made, CANDIDATES)
    assert made.bases[0] == Edit({}) and Edit({a: -1}) in made.bases


def test_nothing_does_anything():
    found = causal_pursuit(Made({}), CANDIDATES)
    assert found.steps == () and found.best == ()


def test_few_of_each_size_are_kept_best_first():
    made = Made({c: 0.1 + 0.01 * i for i, c in enumerate(CANDIDATES)})
    found = causal_pursuit(made, CANDIDATES, Limits(most_heads=2, loss=0.5), most_kept=2)
    values = [trial.value(1.0) for trial in found.best]
    assert values == sorted(values, reverse=True)
    assert all(sum(len(t.edit) == n for t in found.best) <= 2 for n in (1, 2))


@pytest.mark.parametrize(
    "wrong", [{"loss": 0.0}, {"loss": 1.5}, {"strain": 0.0}, {"most_heads": 0}, {"least_gain": 0.0}]
)
def test_limits_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="limits are a loss between 0 and 1"):
        Limits(**wrong)


def test_no_candidates_are_refused():
    with pytest.raises(ValueError, match="needs candidates"):
        causal_pursuit(Made({}), [])


def _all_edits(most):
    for n in range(1, most + 1):
        for heads in itertools.combinations(HEADS, n):
            for scales in itertools.product((-1.0, 0.0), repeat=n):
                yield Edit(dict(zip(heads, scales, strict=True)))
