from dataclasses import replace

import pytest
from arm_figures import arm, base, group

from headpursuit.studies import StudyConfig
from headpursuit.studies.judging.doses import (
    at_least,
    beside_random,
    by_preference,
    cell_of,
    fell_apart,
    head_counts,
)
from headpursuit.studies.judging.sentences import choice
from headpursuit.studies.measures import AnswerMeasure, Thresholds
from headpursuit.studies.results import Estimate
from headpursuit.studies.text.scoring import METRICS

ASKED = AnswerMeasure(METRICS["contains"])


def config(doses=""):
    return StudyConfig("t", "m", doses=doses)


def cells(*arms, unedited=None):
    return [cell_of(ASKED, unedited or base(), a) for a in arms]


def chosen(*arms):
    return by_preference(ASKED, base(), cells(*arms))[0].dose


def unsure(edited, width=0.5):
    """The same arm with an interval of its fall that reaches far."""
    change = edited.target.score_change.value
    return replace(edited, target=replace(edited.target, score_change=Estimate(change, change - width, change + width)))


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


def test_a_draw_of_random_heads_that_does_the_same_makes_a_dose_not_specific_unless_it_breaks_the_model():
    (cell,) = cells(arm(0.1))
    assert beside_random(ASKED, base(), cell, arm(0.3)).word == "not specific"
    assert beside_random(ASKED, base(), cell, arm(0.5)).word == "good"
    broken = beside_random(ASKED, base(), cell, arm(0.0, 0.1))
    assert (broken.word, broken.matched) == ("good", 0.0)


def test_silence_is_never_a_success():
    (silent,) = cells(arm(0.0, 0.5, empty=0.9))
    assert silent.word == "over-intervened"
    assert silent.signs == ("90% of the target answers are empty",)
    (quiet,) = cells(arm(0.0, unrelated=None, empty=0.9), unedited=base(unrelated=None))
    assert quiet.word == "over-intervened"


def test_answers_that_fell_silent_are_no_fall():
    (cell,) = cells(arm(0.4, empty=0.1, silenced=0.1))
    assert cell.word == "too weak"
    assert cell.effect == pytest.approx(1 - (0.4 + 0.1) / 0.8)
    assert "1 head at scale -1 lowers the target score by 38%" in choice(ASKED, base(), cell)
    silent, speaking = unsure(arm(0.2, empty=0.2, silenced=0.2)), unsure(arm(0.3, n_heads=2))
    assert [cell.word for cell in cells(silent, speaking)] == ["good", "good"]
    assert cells(silent)[0].effect == pytest.approx(0.5)
    assert cells(arm(0.1, empty=0.1), unedited=replace(base(), target=group(0.8, empty=0.1)))[0].word == "good"


def test_silence_on_unrelated_questions_is_over_intervention_too():
    edited = arm(0.0)
    (cell,) = cells(replace(edited, unrelated=group(0.5, empty=0.5)))
    assert cell.signs == ("50% of the unrelated answers are empty",)


def test_without_unrelated_questions_the_rest_is_judged():
    (cell,) = cells(arm(0.1, unrelated=None), unedited=base(unrelated=None))
    assert (cell.word, cell.signs) == ("good", ())


def test_the_smallest_surely_good_dose_is_chosen_not_the_strongest():
    assert chosen(arm(0.1, scale=-1.0), arm(0.3, scale=0.0), arm(0.0, n_heads=2)) == (1, 0.0)
    assert chosen(arm(0.2, n_heads=4), arm(0.3)) == (1, -1.0)
    assert chosen(arm(0.3, n_heads=2, scale=0.0), arm(0.1, scale=-3.0)) == (2, 0.0)  # 2 heads moved by 1, 1 moved by 4


def test_where_no_dose_is_sure_the_smallest_good_one_is_chosen():
    doses = [unsure(arm(0.3, scale=-1.0)), unsure(arm(0.1, scale=-2.0)), unsure(arm(0.2, n_heads=2))]
    assert chosen(*doses) == (1, -1.0)
    assert chosen(*doses, arm(0.35, n_heads=4)) == (4, -1.0)


@pytest.mark.parametrize(("high", "sure"), [(-0.40, True), (-0.39, False)])
def test_a_dose_is_sure_where_its_whole_interval_reaches_what_is_asked(high, sure):
    edited = arm(0.2)
    edited = replace(edited, target=replace(edited.target, score_change=Estimate(-0.6, -0.7, high)))
    assert ASKED.is_sure(base(), edited) == sure


def test_a_rise_is_sure_where_its_whole_interval_reaches_what_is_asked():
    asked = AnswerMeasure(METRICS["names-concept"], "enhance")
    for low, sure in ((0.05, True), (0.04, False)):
        edited = replace(arm(0.3, scale=3.0), target=replace(group(0.3), score_change=Estimate(0.2, low, 0.9)))
        cell = cell_of(asked, base(target=0.1), edited)
        assert cell.word == "good"
        assert cell.effect == pytest.approx(2)
        assert asked.is_sure(base(target=0.1), edited) == sure


def test_an_enhancement_that_breaks_the_model_is_incoherent_on_the_sheet():
    asked = AnswerMeasure(METRICS["names-concept"], "enhance")
    assert cell_of(asked, base(), arm(1.0, scale=5.0, perplexity=30.0)).word == "incoherent"
    assert cell_of(asked, base(), arm(1.0, scale=5.0, repetition=0.4)).word == "incoherent"
    assert cell_of(asked, base(), arm(1.0, 0.1, scale=5.0)).word == "over-intervened"
    assert cell_of(asked, base(), arm(0.9, scale=5.0)).word == "too weak"


def unrelated(value, low, high):
    """Unrelated answers of an arm; the interval is that of their change."""
    change = value - base().unrelated.score.value
    return replace(group(value), score_change=Estimate(change, low, high))


def test_a_dose_at_the_edge_comes_after_those_that_surely_spare_unrelated_answers():
    sure, edge = arm(0.1, n_heads=2), replace(arm(0.0), unrelated=unrelated(0.46, -0.09, 0.0))
    weak = arm(0.7, n_heads=3)
    assert chosen(edge, sure) == (2, -1.0)
    assert chosen(edge, weak) == (1, -1.0)
    (cell,) = cells(edge)
    assert cell.word == "good"
    assert choice(ASKED, base(), cell).endswith(
        "the smallest of all doses that seem to reach 50% and break nothing else."
    )
    clear = replace(edge, unrelated=unrelated(0.46, -0.07, 0.0))
    assert chosen(clear, sure) == (1, -1.0)


def test_of_equally_large_edits_the_larger_effect_is_taken_then_fewer_heads():
    one, two = arm(0.2, n_heads=1, scale=-3.0), arm(0.1, n_heads=2, scale=-1.0)
    assert cells(one)[0].size == cells(two)[0].size == 4
    assert chosen(one, two) == chosen(two, one) == (2, -1.0)
    same = arm(0.1, n_heads=1, scale=-3.0)
    assert chosen(same, two) == chosen(two, same) == (1, -3.0)


def test_a_weak_dose_is_taken_before_a_broken_one_and_that_is_said():
    weak, broken = arm(0.7), arm(0.0, 0.2, n_heads=2)
    assert chosen(broken, weak) == (1, -1.0)
    (cell,) = cells(weak)
    assert choice(ASKED, base(), cell) == (
        "No dose reaches 50% without breaking something else; of those that break nothing, 1 head at scale -1 lowers "
        "the target score by 13%, the most."
    )


def test_where_all_are_broken_the_least_harmful_is_taken_and_that_is_said():
    found = by_preference(
        ASKED,
        base(),
        cells(
            arm(0.0, 0.3, n_heads=1),
            arm(0.0, 0.4, n_heads=4),
            arm(0.0, 0.45, n_heads=3, perplexity=30.0, empty=1.0),
        ),
    )
    assert [cell.n_heads for cell in found] == [4, 1, 3]
    assert choice(ASKED, base(), found[0]) == (
        "Every dose breaks something else; 4 heads at scale -1 break the least: unrelated questions lose 20% of their "
        "correct answers."
    )


def test_a_good_choice_is_said_in_figures():
    (cell,) = cells(arm(0.2, n_heads=3, scale=-2.0))
    assert choice(ASKED, base(), cell) == (
        "3 heads at scale -2 lower the target score by 75% on the selection questions, the smallest of all doses that "
        "surely reach 50% and break nothing else."
    )


def test_a_base_that_knows_nothing_has_no_good_dose():
    (cell,) = cells(arm(0.0), unedited=base(target=0.0))
    assert cell.word == "too weak"


def test_the_asked_effect_and_the_tolerated_loss_can_be_moved():
    far, strict = (
        AnswerMeasure(METRICS["contains"], thresholds=Thresholds(**t))
        for t in (
            {"asked_effect": 0.9},
            {"unrelated_loss": 0.05},
        )
    )
    assert cell_of(far, base(), arm(0.1)).word == "too weak"
    assert cell_of(ASKED, base(), arm(0.1, 0.46)).word == "good"
    assert cell_of(strict, base(), arm(0.1, 0.46)).word == "over-intervened"
    assert choice(far, base(), cell_of(far, base(), arm(0.1))).startswith("No dose reaches 90% without")


def test_damage_is_in_units_of_what_is_tolerated():
    def damage(**changes):
        return cells(arm(0.1, **changes))[0].damage

    assert damage() == 0
    assert damage(unrelated=0.5 * (1 - 0.15)) == pytest.approx(1)
    assert damage(perplexity=15.0) == pytest.approx(0.5)
    assert damage(empty=0.3) == pytest.approx(1.5)
    assert damage(repetition=0.15) == pytest.approx(0.5)
    assert damage(unrelated=0.47, perplexity=13.0) == pytest.approx(0.5)  # 0.4 and 0.3
    assert damage(unrelated=0.6) == 0


def test_a_dose_whose_effect_a_random_draw_shares_is_not_specific():
    (cell,) = cells(arm(0.2, n_heads=2))
    beside = beside_random(ASKED, base(), cell, arm(0.5))
    assert (beside.word, beside.matched) == ("good", 0.5)  # exactly half of the effect
    shared = beside_random(ASKED, base(), cell, arm(0.4))
    assert (shared.word, shared.matched) == ("not specific", 0.4)
    assert shared.signs == ("random heads of the same layers reach 67% of the effect",)
    assert choice(ASKED, base(), shared) == (
        "No dose reaches 50% that random heads do not share; of 2 heads at scale -1, random heads of the same layers "
        "reach 67% of the effect."
    )
    (weak,) = cells(arm(0.7))
    assert beside_random(ASKED, base(), weak, arm(0.7)) == replace(weak, matched=0.7)


def test_a_dose_that_is_not_specific_comes_after_weak_ones_and_before_broken_ones():
    good, weak, broken = cells(arm(0.2), arm(0.7, n_heads=3), arm(0.0, 0.1, n_heads=2))
    alike = beside_random(ASKED, base(), good, arm(0.2))
    assert by_preference(ASKED, base(), [broken, alike, weak]) == [weak, alike, broken]
    assert by_preference(ASKED, base(), [broken, good, weak]) == [good, weak, broken]


@pytest.mark.parametrize(
    ("edited", "apart"),
    [
        (arm(0.0, 0.1), True),
        (arm(0.0, 0.26), False),
        (arm(0.0, perplexity=51.0), True),
        (arm(0.0, perplexity=float("nan")), True),
        (arm(0.0, perplexity=49.0), False),
        (arm(0.0, empty=0.51), True),
        (arm(0.0, empty=0.5), False),
        (arm(0.0), False),
    ],
)
def test_a_model_falls_apart_well_beyond_over_intervention(edited, apart):
    assert fell_apart(ASKED, base(), edited) == apart


@pytest.mark.parametrize(
    ("dose", "other", "as_large"),
    [
        ((2, -2.0), (2, -2.0), True),
        ((2, -3.0), (2, -2.0), True),
        ((3, -2.0), (2, -2.0), True),
        ((1, -3.0), (2, -2.0), False),
        ((4, -1.0), (2, -2.0), False),
        ((2, 5.0), (2, -2.0), False),  # to the other side
        ((2, 5.0), (2, 3.0), True),
        ((2, 2.0), (2, 3.0), False),
    ],
)
def test_a_dose_is_at_least_another_with_as_many_heads_and_as_hard_a_scale(dose, other, as_large):
    assert at_least(dose, other) == as_large
