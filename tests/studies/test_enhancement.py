"""Verdicts where a concept is to become more frequent, and where a score is no count of right answers."""

from dataclasses import replace

import pytest
from arm_figures import exactly

from headpursuit.studies.judging import decide, verdict_of
from headpursuit.studies.measures import AnswerMeasure, Thresholds
from headpursuit.studies.results import ArmSummary, Damage, Estimate, GroupSummary
from headpursuit.studies.text.scoring import METRICS

BEFORE = 0.2


def group(score, before=None, **changes):
    change = None if before is None else Estimate(score - before, score - before - 0.05, score - before + 0.05)
    plain = GroupSummary(100, exactly(score), None, None, exactly(score), 0.0, 0.0, change)
    return replace(plain, **changes)


def arm(kind, target, unrelated=0.5, name=None, scale=3.0, perplexity=10.0):
    edited = kind != "base"
    return ArmSummary(
        name or kind,
        kind,
        ("L1H1", "L2H2") if edited else (),
        scale if edited else None,
        group(target, BEFORE if edited else None),
        group(unrelated, 0.5 if edited else None),
        Damage(perplexity, 0.1),
        20 if edited else 0,
    )


BASE = arm("base", BEFORE)
EDIT = arm("edit", 0.5, 0.48)
CONTROLS = [
    arm("matched", 0.22, name="matched-1"),
    arm("matched", 0.26, name="matched-2"),
    arm("matched", 0.25, name="matched-3"),
    arm("random", 0.2, name="random-1"),
    arm("random", 0.18, name="random-2"),
    arm("random", 0.21, name="random-3"),
]


def verdict(edit=EDIT, *, base=BASE, controls=CONTROLS, metric="names-concept", direction="enhance"):
    measure = AnswerMeasure(METRICS[metric], direction)
    return verdict_of(decide(measure, [base, edit, *controls, arm("other", 0.21)]))


def changed(**target):
    return replace(EDIT, target=replace(EDIT.target, **target))


def test_a_rise_that_random_heads_do_not_reach_is_specific():
    found = verdict()
    assert found.outcome == "specific"
    assert found.sentence == (
        "Rescaling these 2 heads raises the target score (outputs that name a word of the concept, 0.20 before) by "
        "150% and takes 4% of the correct unrelated answers; random heads do not do the same."
    )


def test_draws_that_rise_as_far_are_counted():
    controls = [arm("matched", 0.6, name="matched-1"), *CONTROLS[1:]]
    found = verdict(controls=controls)
    (line,) = (reason for reason in found.reasons if "of the same layers" in reason)
    assert "target score 0.37 on average (0.25 to 0.60), 1 as far as the edit: p = 0.5 over draws" in line
    assert not any("0 as far" not in reason for reason in found.reasons if "of any layer" in reason)
    assert found.outcome == "not specific"
    assert "the strongest of 3 draws 133% (p = 0.5 over draws); these heads are not special" in found.sentence


def test_random_heads_that_reach_half_of_the_rise_make_it_not_specific():
    others = [c for c in CONTROLS if c.kind != "random"]
    found = verdict(controls=[*others, *(arm("random", 0.36 + i / 100, name=f"random-{i}") for i in range(3))])
    assert found.outcome == "not specific"
    assert found.sentence.startswith("Random heads of any layer reach 57% of the effect on average")


def test_a_rise_that_may_be_one_more_draws_is_not_specific():
    falls = [arm("random", score, name=f"random-{score}") for score in (0.1, 0.2, 0.4)]
    assert verdict(controls=[*CONTROLS[:3], *falls]).outcome == "not specific"


@pytest.mark.parametrize(
    ("edit", "sign"),
    [
        (arm("edit", 0.9, perplexity=25.0), "perplexity on neutral text is 2.5 times the base's"),
        (arm("edit", 0.9, perplexity=float("inf")), "perplexity on neutral text is inf times the base's"),
        (changed(repetition=0.4), "target answers repeat themselves (40% of word pairs)"),
        (
            replace(EDIT, unrelated=replace(EDIT.unrelated, repetition=0.4)),
            "unrelated answers repeat themselves (40% of word pairs)",
        ),
    ],
)
def test_a_rise_that_ends_in_babble_is_incoherent(edit, sign):
    found = verdict(edit)
    assert found.outcome == "incoherent"
    assert found.sentence == f"The edit breaks more than the concept: {sign}."
    suppressed = verdict(replace(edit, scale=-1.0), direction="suppress")
    assert suppressed.outcome == "over-intervened"


@pytest.mark.parametrize(
    ("edit", "sign"),
    [
        (arm("edit", 0.5, 0.3), "unrelated questions lose 40% of their correct answers"),
        (changed(empty=0.3), "30% of the target answers are empty"),
    ],
)
def test_a_rise_that_costs_other_answers_is_over_intervention(edit, sign):
    found = verdict(edit)
    assert (found.outcome, sign in found.sentence) == ("over-intervened", True)


@pytest.mark.parametrize(
    "edit",
    [
        replace(arm("edit", 0.21), target=group(0.21, score_change=Estimate(0.01, 0.005, 0.015))),
        arm("edit", 0.05),
        changed(score_change=Estimate(0.3, 0.0, 0.6)),
        changed(score_change=Estimate(0.3, -0.1, 0.7)),
    ],
)
def test_a_small_or_uncertain_rise_or_a_fall_is_no_effect(edit):
    found = verdict(edit)
    assert found.outcome == "no effect"
    assert found.sentence == "Rescaling these 2 heads does not reliably raise the target score by 10%."


@pytest.mark.parametrize("scale", [-1.0, 0.0, 0.5])
def test_a_scale_that_suppresses_cannot_show_enhancement(scale):
    found = verdict(arm("edit", 0.5, scale=scale))
    assert found.outcome == "undecidable"
    assert found.sentence == f"A scale of {scale:g} suppresses, but this study measures enhancement."


def test_a_rise_is_relative_to_something():
    found = verdict(base=arm("base", 0.0))
    assert found.outcome == "undecidable"
    assert found.sentence == "The unedited model's score is 0: a rise cannot be measured relative to nothing."
    assert verdict(base=arm("base", 0.05)).outcome == "specific"  # too little to suppress, but not to enhance


def test_what_is_not_right_or_wrong_is_said_in_its_own_words():
    base, edit = arm("base", 0.4), replace(arm("edit", 0.1, scale=-1.0), target=group(0.1, 0.4))
    controls = [arm(kind, 0.39, name=f"{kind}-{i}") for kind in ("matched", "random") for i in (1, 2, 3)]
    found = verdict(edit, base=base, controls=controls, metric="toxicity", direction="suppress")
    assert found.sentence == (
        "Rescaling these 2 heads lowers the target score (toxicity of the outputs, by the scorer, 0.40 before) by 75% "
        "and takes none of the correct unrelated answers; random heads do not do the same."
    )
    assert found.reasons[0].startswith("Target (toxicity of the outputs, by the scorer): 0.40")


def test_naming_the_concept_is_not_said_twice():
    said = "Outputs that name any word of the concept"
    assert not any(reason.startswith(said) for reason in verdict().reasons)
    assert any(reason.startswith(said) for reason in verdict(metric="concept-words").reasons)


def test_what_silence_took_counts_as_kept():
    base, silent = arm("base", 0.8), arm("edit", 0.4)
    silent = replace(silent, target=replace(silent.target, empty=0.2, silenced=0.1))
    counted = METRICS["concept-words"]
    assert AnswerMeasure(counted, "suppress").effect(base, silent) == pytest.approx(1 - (0.4 + 0.1) / 0.8)
    unnoticed = replace(silent, target=replace(silent.target, silenced=0.0))
    assert AnswerMeasure(counted, "enhance").effect(base, unnoticed) == pytest.approx(-0.5)


def test_a_rise_may_be_more_than_double_and_less_than_asked():
    measure = AnswerMeasure(METRICS["names-concept"], "enhance", Thresholds(smallest_effect=2.0))
    assert measure.effect(BASE, EDIT) == pytest.approx(1.5)
    assert decide(measure, [BASE, EDIT, *CONTROLS]).outcome == "no effect"
