"""Overlap of head sets, against every set there is."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import hypergeom

from headpursuit.analysis import RankConfig, RankedHead, Ranking
from headpursuit.heads import Head
from headpursuit.records import from_record, to_record
from headpursuit.studies.experiments.transfer import Clustering, by_overlap, holm, overlaps
from headpursuit.studies.figures.overlap import chance_of

SMALL = [Head(layer, index) for layer, count in enumerate((4, 3, 5)) for index in range(count)]


def ranking(order, concept="c"):
    """A ranking of heads in a given order, best first."""
    n = len(order)
    entries = tuple(RankedHead(head, 0.5, 1 - place / n, 1.0) for place, head in enumerate(order))
    return Ranking(concept, entries, RankConfig(), "tiny", None, "", ("w1",))


def every_set_like(chosen, layer_matched):
    """All sets of as many heads, or of as many in every layer."""

    def per_layer(heads):
        return tuple(sum(head.layer == layer for head in heads) for layer in range(3))

    sets = [frozenset(heads) for heads in combinations(SMALL, len(chosen))]
    return [s for s in sets if not layer_matched or per_layer(s) == per_layer(chosen)]


@pytest.mark.parametrize("layer_matched", [False, True])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([0, 1, 4], [0, 5, 8]),
        ([0, 1, 4], [0, 1, 4]),
        ([0, 1, 2, 7], [0, 1, 3, 8]),
        ([0, 1], [4, 5, 6]),
        ([4, 5, 6, 7], [4, 5, 6, 11]),
    ],
)
def test_chance_is_that_of_counting_every_set(one, other, layer_matched):
    one, other = ([SMALL[i] for i in places] for places in (one, other))
    drawn = [len(s & set(one)) for s in every_set_like(other, layer_matched)]
    expected, p = chance_of(one, other, SMALL, layer_matched=layer_matched)
    assert expected == pytest.approx(np.mean(drawn))
    assert p == pytest.approx(np.mean([count >= len(set(one) & set(other)) for count in drawn]))
    assert chance_of(other, one, SMALL, layer_matched=layer_matched) == pytest.approx((expected, p))


def test_planted_overlap_is_found_and_corrected_for_the_number_of_pairs():
    heads = [Head(layer, index) for layer in range(10) for index in range(10)]
    rng = np.random.default_rng(0)
    shuffled = [[heads[i] for i in rng.permutation(100)] for _ in range(3)]
    planted = [Head(layer, 3) for layer in (2, 5, 7)]
    rests = [[head for head in order if head not in planted] for order in shuffled]
    first, second, third = planted + rests[0], planted + rests[1], rests[2] + planted
    words = [("one", "Two"), ("two", "three"), ("red",)]
    found = overlaps([ranking(order) for order in (first, second, third)], 4, ["a", "b", "c"], words)
    assert [o.tasks for o in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert {"L2H3", "L5H3", "L7H3"} <= set(found[0].shared)
    assert found[0].jaccard == len(found[0].shared) / (8 - len(found[0].shared))
    assert found[0].p == pytest.approx(hypergeom.sf(len(found[0].shared) - 1, 100, 4, 4))
    assert found[0].p_adjusted == pytest.approx(3 * found[0].p)
    assert found[0].expected == pytest.approx(0.16)
    assert found[0].p_in_layers < 0.01
    assert [o.shared_words for o in found] == [1, 0, 0]
    assert all(o.p_adjusted > 0.05 for o in found[1:])


def test_what_shares_only_layers_is_no_surprise_within_them():
    heads = [Head(layer, index) for layer in range(30) for index in range(3)]
    late = [head for head in heads if head.layer == 29]
    one = [late[0], late[1], *(head for head in heads if head not in late[:2])]
    other = [late[1], late[2], *(head for head in heads if head not in late[1:])]
    (found,) = overlaps([ranking(one), ranking(other)], 2, ["a", "b"], [("x",), ("y",)])
    assert found.p_adjusted < 0.05
    assert found.p_in_layers_adjusted == 1  # two of three heads each: they must share one
    assert found.expected_in_layers == pytest.approx(4 / 3)


def test_rank_correlation_is_of_all_heads():
    order = list(SMALL)
    (same,) = overlaps([ranking(order), ranking(order)], 1, ["a", "b"], [(), ()])
    (reverse,) = overlaps([ranking(order), ranking(order[::-1])], 1, ["a", "b"], [(), ()])
    assert (same.spearman, reverse.spearman) == pytest.approx((1, -1))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


def test_identical_tasks_are_neighbours_in_the_tree():
    orders = {"a": SMALL, "c": SMALL[::-1], "b": SMALL}
    found = overlaps([ranking(order) for order in orders.values()], 3, list(orders), [()] * 3)
    tree = by_overlap(list(orders), found)
    assert tree.merges[0][:3] == (0, 2, 0)  # a and b, at no distance
    assert tree.merges[1][2] == 1
    assert tree.order.index("c") in (0, 2)
    assert abs(tree.order.index("a") - tree.order.index("b")) == 1
    assert from_record(Clustering, to_record(tree)) == tree


def test_the_height_of_a_merge_is_the_mean_distance():
    pairs = [[SMALL[i], SMALL[j]] for i, j in ((0, 1), (1, 2), (2, 3))]
    chain = [ranking([*order, *(head for head in SMALL if head not in order)]) for order in pairs]
    chained = by_overlap(["a", "b", "c"], overlaps(chain, 2, ["a", "b", "c"], [()] * 3))
    assert chained.merges[1][2] == pytest.approx((2 / 3 + 1) / 2)
