import pytest
from planted import N_HEADS, N_LAYERS, planted_model, random_prompts

from headpursuit.analysis import RankConfig, capture, explain, rank, rank_each, read
from headpursuit.heads import Head
from headpursuit.models import tokens_of


@pytest.fixture(scope="module")
def planted():
    model, concept, _ = planted_model(0, 3)
    return model, concept, capture(model, random_prompts(0))


def test_a_kept_reading_ranks_the_same_and_makes_signals_once(planted, monkeypatch):
    model, concept, captured = planted
    made = []
    from headpursuit.analysis import readings

    original = readings.write_weights
    monkeypatch.setattr(readings, "write_weights", lambda *given: made.append(given) or original(*given))
    kept = read(model, captured).kept()
    config = RankConfig(n_draws=4)
    for _ in range(2):
        (again,) = rank_each(model, captured, [tokens_of(model, concept)], config, reading=kept)
        assert again == rank(model, captured, concept, config)
    assert len(made) == N_LAYERS * (1 + 2)


def test_a_reading_explains_some_of_its_heads(planted):
    model, _, captured = planted
    kept, heads = read(model, captured).kept(), [Head(1, 2), Head(2, N_HEADS - 1)]
    expected = explain(model, captured, heads=heads, n_atoms=3)
    for _ in range(2):
        assert explain(model, captured, heads=heads, n_atoms=3, reading=kept) == expected
    assert [found.head for found in expected] == heads


def test_a_head_that_was_not_read_is_refused(planted):
    model, _, captured = planted
    part = read(model, captured, heads=[Head(0, 0)])
    with pytest.raises(ValueError, match="L1H1 is not among the heads that were read"):
        explain(model, captured, heads=[Head(1, 1)], reading=part)
