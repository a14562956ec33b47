from dataclasses import replace

import pytest
from arm_figures import arm, base, group

from headpursuit.studies import StudyConfig
from headpursuit.studies.doses import (
    by_preference,
    cell_of,
    explain_choice,
    head_counts,
)
from headpursuit.studies.results import Estimate
from headpursuit.studies.scoring import METRICS
from headpursuit.studies.verdict import Asked, Thresholds

ASKED = Asked(METRICS["contains"])


def config(doses=""):
    return StudyConfig("t", "m", doses=doses)


def cells(*arms, unedited=None):
    return [cell_of(unedited or base(), a, ASKED) for a in arms]


def chosen(*arms):
    best = by_preference(base(), cells(*arms), ASKED)[0]
    return best.n_heads, best.scale


@pytest.mark.parametrize(
    ("n_heads", "counts"),
    [
        (12, (1,)),
        (72, (1, 2)),
        (270, (1, 2, 3, 4, 6, 8)),
        (1024, (1, 2, 3, 4, 6, 8, 16, 32)),
        (5120, (1, 2, 3, 4, 6, 8, 16, 32)),
    ],
)
def test_the_usual_doses_end_at_one_head_in_32(n_heads, counts):
    assert head_counts(config(), n_heads) == counts


def test_doses_are_numbers_or_percentages_each_once():
    assert head_counts(config("4, 1,1%,2"), 270) == (1, 2, 4)


def test_doses_beyond_the_model_are_refused():
    with pytest.raises(ValueError, match="13 heads were asked for, but there are 12"):
        head_counts(config("1,13"), 12)
    with pytest.raises(ValueError, match="cannot read 'x' as a number of heads"):
        config("1,x")


@pytest.mark.parametrize(
    ("edited", "word"),
    [
        (arm(0.1), "good"),
        (arm(0.4), "good"),
        (arm(0.41), "too weak"),
        (arm(0.9), "too weak"),
        (arm(0.1, 0.43), "good"),
        (arm(0.1, 0.42), "over-intervened"),
        (arm(0.0, perplexity=21.0), "over-intervened"),
        (arm(0.0, repetition=0.31), "over-intervened"),
        (arm(0.7, 0.1), "over-intervened"),
    ],
)
def test_a_cell_is_good_too_weak_or_over_intervened(edited, word):
    (cell,) = cells(edited)
    assert cell.word == word
    assert bool(cell.signs) == (word == "over-intervened")


def test_silence_is_never_a_success():
    (silent,) = cells(arm(0.0, 0.5, empty=0.9))
    assert silent.word == "over-intervened"
    assert silent.signs == ("90% of the target answers are empty",)
    (quiet,) = cells(arm(0.0, unrelated=None, empty=0.9), unedited=base(unrelated=None))
    assert quiet.word == "over-intervened"


def test_answers_that_fell_silent_are_no_fall():
    (cell,) = cells(arm(0.4, empty=0.1))
    assert cell.word == "too weak"
    assert "takes 38% of the right target answers" in explain_choice(base(), cell, ASKED)
    assert chosen(arm(0.2, empty=0.2), arm(0.3, n_heads=2)) == (2, -1.0)
    assert cells(arm(0.1, empty=0.1), unedited=replace(base(), target=group(0.8, empty=0.1)))[0].word == "good"


def test_silence_on_unrelated_questions_is_over_intervention_too():
    edited = arm(0.0)
    (cell,) = cells(replace(edited, unrelated=group(0.5, empty=0.5)))
    assert cell.signs == ("50% of the unrelated answers are empty",)


def test_without_unrelated_questions_the_rest_is_judged():
    (cell,) = cells(arm(0.1, unrelated=None), unedited=base(unrelated=None))
    assert (cell.word, cell.signs) == ("good", ())


def test_the_largest_fall_that_breaks_nothing_is_chosen():
    assert chosen(arm(0.3, scale=0.0), arm(0.1, scale=-1.0), arm(0.0, 0.1, n_heads=2)) == (1, -1.0)


def test_more_heads_are_chosen_where_they_do_more():
    assert chosen(arm(0.3), arm(0.2, n_heads=4)) == (4, -1.0)


def unrelated(value, low, high):
    """Unrelated answers of an arm; the interval is that of their change."""
    change = value - base().unrelated.score.value
    return replace(group(value), score_change=Estimate(change, low, high))


def test_a_dose_at_the_edge_comes_after_those_that_surely_spare_unrelated_answers():
    sure, edge = arm(0.1), replace(arm(0.0, n_heads=2), unrelated=unrelated(0.46, -0.09, 0.0))
    weak = arm(0.7, n_heads=3)
    assert chosen(edge, sure) == (1, -1.0)
    assert chosen(edge, weak) == (2, -1.0)
    (cell,) = cells(edge)
    assert cell.word == "good"
    assert explain_choice(base(), cell, ASKED).endswith("the most of all doses that seem to break nothing else.")
    clear = replace(edge, unrelated=unrelated(0.46, -0.07, 0.0))
    assert chosen(clear, sure) == (2, -1.0)


def test_ties_go_to_fewer_heads_then_to_the_milder_scale():
    same = (
        arm(0.1, n_heads=2, scale=0.0),
        arm(0.1, n_heads=1, scale=-3.0),
        arm(0.1, n_heads=1, scale=-2.0),
    )
    assert chosen(*same) == (1, -2.0)
    assert chosen(*reversed(same)) == (1, -2.0)


def test_a_weak_dose_is_taken_before_a_broken_one_and_that_is_said():
    weak, broken = arm(0.7), arm(0.0, 0.2, n_heads=2)
    assert chosen(broken, weak) == (1, -1.0)
    (cell,) = cells(weak)
    assert explain_choice(base(), cell, ASKED).startswith(
        "No dose takes half of the right target answers without breaking something else; 1 head at scale -1 takes"
    )


def test_where_all_are_broken_the_least_harmful_is_taken_and_that_is_said():
    found = by_preference(
        base(),
        cells(
            arm(0.0, 0.3, n_heads=1),
            arm(0.0, 0.4, n_heads=4),
            arm(0.0, 0.45, n_heads=3, perplexity=30.0, empty=1.0),
        ),
    )
    assert [cell.n_heads for cell in found] == [4, 1, 3]
    assert explain_choice(base(), found[0], ASKED) == (
        "Every dose breaks something else; 4 heads at scale -1 break the least: unrelated questions lose 20% of their "
        "correct answers."
    )


def test_a_good_choice_is_said_in_figures():
    (cell,) = cells(arm(0.2, n_heads=3, scale=-2.0))
    assert explain_choice(base(), cell, ASKED) == (
        "3 heads at scale -2 take 75% of the right target answers on the selection questions, the most of all doses "
        "that surely break nothing else."
    )


def test_a_base_that_knows_nothing_has_no_good_dose():
    (cell,) = cells(arm(0.0), unedited=base(target=0.0))
    assert cell.word == "too weak"


def test_thresholds_can_be_moved():
    assert (
        cell_of(base(), arm(0.1), Asked(METRICS["contains"], "suppress", Thresholds(asked_effect=0.9))).word
        == "too weak"
    )
