import planted_words
import pytest

from headpursuit.analysis import RankConfig, nulls, rank, rank_each
from headpursuit.concepts import Concept
from headpursuit.models import tokens_of

CONCEPTS = (planted_words.CONCEPT, Concept("few", ("w30", "w31")), Concept("other", ("w210", "w225", "nonsense")))


@pytest.fixture(scope="module")
def model():
    return planted_words.planted_model()


@pytest.fixture(scope="module")
def captured(model):
    return planted_words.captured_of(model)


@pytest.mark.parametrize("rule", ["l1", "l2"])
def test_several_lists_are_ranked_as_each_alone(model, captured, rule, monkeypatch):
    monkeypatch.setattr(nulls, "_ROOM", 1)  # layer by layer
    config = RankConfig(rule=rule, seed=5, n_draws=4)
    together = rank_each(model, captured, [tokens_of(model, concept) for concept in CONCEPTS], config)
    assert together == [rank(model, captured, concept, config) for concept in CONCEPTS]


def test_each_list_can_have_a_seed_of_its_own(model, captured):
    found = tokens_of(model, planted_words.CONCEPT)
    first, second = rank_each(model, captured, [found, found], RankConfig(n_draws=4), seeds=[0, 7])
    assert second == rank(model, captured, planted_words.CONCEPT, RankConfig(n_draws=4, seed=7))
    assert first.entries != second.entries


def test_progress_counts_rankings(model, captured):
    told = []
    found = [tokens_of(model, concept) for concept in CONCEPTS]
    rank_each(model, captured, found, RankConfig(n_draws=2), progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3)
    assert [total for _, total in told] == [3] * len(told)
