from collections import Counter

import pytest

from headpursuit.analysis import RankConfig, RankedHead, Ranking
from headpursuit.heads import Edit, Head
from headpursuit.models import Anatomy, HeadSite
from headpursuit.pursuit import random_heads
from headpursuit.studies import StudyConfig
from headpursuit.studies.steps.arms import all_there_are, matched_draw, plan_arms

HEADS = tuple(Head(layer, index) for layer in range(6) for index in range(5))
CHOSEN = (Head(1, 0), Head(1, 3), Head(4, 2))
ANATOMY = Anatomy(tuple(HeadSite(layer, f"layers.{layer}.o", 5, 8) for layer in range(6)))


def ranking(concept, first):
    order = [*first, *(head for head in HEADS if head not in first)]
    return Ranking(concept, tuple(RankedHead(h, 0.5, 0.1, 1.0) for h in order), RankConfig(), "m", None, "", ("a",))


@pytest.mark.parametrize("layer_matched", [True, False])
def test_draws_are_as_large_as_the_edit_and_never_touch_it(layer_matched):
    for draw in random_heads(CHOSEN, HEADS, 50, 0, layer_matched=layer_matched):
        assert len(set(draw)) == 3
        assert not set(draw) & set(CHOSEN)
        assert set(draw) <= set(HEADS)


def test_matched_draws_take_as_many_from_each_layer():
    for draw in random_heads(CHOSEN, HEADS, 20, 0, layer_matched=True):
        assert Counter(head.layer for head in draw) == {1: 2, 4: 1}


def test_free_draws_take_from_every_layer():
    draws = random_heads(CHOSEN, HEADS, 50, 0, layer_matched=False)
    assert {head.layer for draw in draws for head in draw} == set(range(6))


def test_draws_differ_while_there_are_different_ones():
    draws = random_heads([Head(0, 0)], HEADS, 4, 0, layer_matched=True)
    assert sorted(draws) == [(Head(0, i),) for i in range(1, 5)]
    assert len(random_heads([Head(0, 0)], HEADS, 9, 0, layer_matched=True)) == 4


def test_the_same_seed_gives_the_same_draws():
    one, again, other = (random_heads(CHOSEN, HEADS, 5, seed, layer_matched=False) for seed in (3, 3, 4))
    assert one == again
    assert one != other


def test_a_layer_with_too_few_other_heads_is_named():
    with pytest.raises(ValueError, match="a control needs 3 other heads in layer 2, which has 2; edit fewer heads"):
        random_heads([Head(2, i) for i in range(3)], HEADS, 1, 0, layer_matched=True)


def test_too_few_other_heads_in_all_are_refused():
    with pytest.raises(ValueError, match="a control needs 16 other heads in the model, which has 14"):
        random_heads(HEADS[:16], HEADS, 1, 0, layer_matched=False)


def test_arms_are_planned_base_first_then_the_edit_then_its_controls():
    config = StudyConfig("t", "m", heads="3", scale=-2.0, controls=2)
    arms = plan_arms(config, ANATOMY, ranking("countries", CHOSEN), ranking("months", (Head(5, 5 - 1),)))
    assert [(name, kind) for name, kind, _ in arms] == [
        ("base", "base"),
        ("edit", "edit"),
        ("matched-1", "matched"),
        ("matched-2", "matched"),
        ("random-1", "random"),
        ("random-2", "random"),
        ("other-months", "other"),
    ]
    assert arms[0][2] == Edit({})
    assert arms[1][2] == Edit.uniform(CHOSEN, -2.0)
    for _, _, edit in arms[2:]:
        assert set(edit.values()) == {-2.0}
        assert len(edit) == 3
        assert not set(edit) & set(CHOSEN)


def test_the_other_concepts_arm_takes_its_best_heads_that_are_not_the_edits():
    config = StudyConfig("t", "m", heads="3")
    other = ranking("months", (Head(1, 3), Head(5, 4), Head(4, 2), Head(0, 0), Head(3, 3)))
    arms = plan_arms(config, ANATOMY, ranking("countries", CHOSEN), other)
    assert arms[-1][2] == Edit.uniform([Head(5, 4), Head(0, 0), Head(3, 3)], -1)


def test_the_seed_decides_the_controls():
    one, again, other = (
        plan_arms(StudyConfig("t", "m", heads="3", seed=s), ANATOMY, ranking("a", CHOSEN), ranking("b", ()))
        for s in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_near_layers_give_heads_too_and_their_number_stays():
    draws = random_heads(CHOSEN, HEADS, 60, 0, layer_matched=True, near=1)
    assert {len(set(draw)) for draw in draws} == {3}
    assert {head.layer for draw in draws for head in draw} == {0, 1, 2, 3, 4, 5}
    assert not {head for draw in draws for head in draw} & set(CHOSEN)
    alone = random_heads([Head(0, 0)], HEADS, 60, 0, layer_matched=True, near=1)
    assert sorted(alone) == [(Head(layer, i),) for layer in (0, 1) for i in range(5) if (layer, i) != (0, 0)]


def test_a_study_says_where_there_are_no_more_draws():
    few, more = (StudyConfig("t", "m", heads="1", near=near) for near in (0, 2))
    planned = [plan_arms(c, ANATOMY, ranking("a", CHOSEN), ranking("b", ())) for c in (few, more)]
    assert [sum(kind == "matched" for _, kind, _ in arms) for arms in planned] == [4, 19]
    assert all_there_are(few, planned[0]).startswith(
        "There are no more than 4 draws of random heads of the same layers"
    )
    assert all_there_are(more, planned[1]) == ""


def test_the_draw_beside_a_dose_is_none_of_the_studys():
    edit = Edit.uniform(CHOSEN, -1.0)
    beside = [matched_draw(edit, ANATOMY, seed) for seed in range(20)]
    first = [random_heads(edit, HEADS, 1, seed, layer_matched=True)[0] for seed in range(20)]
    assert sum(tuple(one) == other for one, other in zip(beside, first, strict=True)) < 3
    assert matched_draw(edit, ANATOMY, 3) == beside[3]
