import re
from dataclasses import replace

import numpy as np
import pytest
from arm_figures import exactly

from headpursuit.records import from_record, to_record
from headpursuit.studies.judging import decide, sentences, verdict_of
from headpursuit.studies.judging.terms import percent
from headpursuit.studies.measures import AnswerMeasure, Thresholds, effects
from headpursuit.studies.results import ArmSummary, Damage, Estimate, GroupSummary, Phrasing, Verdict
from headpursuit.studies.text.scoring import METRICS


def group(rate, change=None, **changes):
    exact = Estimate(rate, rate - 0.05, rate + 0.05)
    moved = None if change is None else Estimate(change, change - 0.05, change + 0.05)
    return replace(GroupSummary(100, exact, exact, exact, exact, 0.0, 0.0, moved), **changes)


def arm(kind, target, unrelated, name=None, scale=-1.0, perplexity=10.0):
    heads = () if kind == "base" else ("L1H1", "L2H2")
    change = None if kind == "base" else target - 0.6
    return ArmSummary(
        name or kind,
        kind,
        heads,
        None if kind == "base" else scale,
        group(target, change),
        group(unrelated, None if change is None else unrelated - 0.5),
        Damage(perplexity, 0.1),
        0 if kind == "base" else 20,
    )


BASE = arm("base", 0.6, 0.5)
EDIT = arm("edit", 0.06, 0.48)
CONTROLS = [
    arm("matched", 0.55, 0.48, "matched-1"),
    arm("matched", 0.5, 0.5, "matched-2"),
    arm("matched", 0.48, 0.5, "matched-3"),
    arm("random", 0.6, 0.5, "random-1"),
    arm("random", 0.58, 0.5, "random-2"),
    arm("random", 0.53, 0.5, "random-3"),
]
OTHER = arm("other", 0.59, 0.5, "months")


def verdict(base=BASE, edit=EDIT, controls=CONTROLS, thresholds=None, metric="contains"):
    measure = AnswerMeasure(METRICS[metric], "suppress", thresholds or Thresholds())
    return verdict_of(decide(measure, [base, edit, *controls, OTHER]))


def with_draws(kind, *targets, unrelated=0.5):
    """The usual draws, those of one kind instead with these target scores."""
    others = [control for control in CONTROLS if control.kind != kind]
    return [*others, *(arm(kind, target, unrelated, f"{kind}-{i}") for i, target in enumerate(targets))]


def edited(target=None, unrelated=None, **changes):
    """The edit, with some figures of its groups changed."""
    return replace(
        EDIT,
        target=replace(EDIT.target, **(target or {})),
        unrelated=replace(EDIT.unrelated, **(unrelated or {})),
        **changes,
    )


def test_a_fall_that_random_heads_do_not_reach_is_specific():
    found = verdict()
    assert found.outcome == "specific"
    assert found.sentence == (
        "Rescaling these 2 heads takes 90% of the correct target answers and 4% of the unrelated ones; "
        "random heads do not do the same."
    )
    assert [(each.kind, each.n_draws, each.n_as_strong, each.p) for each in found.beside] == [
        ("matched", 3, 0, 1 / 4),
        ("random", 3, 0, 1 / 4),
    ]


def test_unrelated_answers_that_are_kept_are_said_to_be():
    assert "and none of the unrelated ones" in verdict(edit=arm("edit", 0.06, 0.5)).sentence


def test_a_base_that_knows_too_little_is_undecidable():
    found = verdict(base=arm("base", 0.09, 0.5), edit=arm("edit", 0.0, 0.5))
    assert found.outcome == "undecidable"
    assert found.sentence == (
        "The unedited model's score is only 0.09 (answers that contain an accepted one): nothing to suppress."
    )


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_a_scale_that_enhances_cannot_show_suppression(scale):
    found = verdict(edit=arm("edit", 0.06, 0.5, scale=scale))
    assert found.outcome == "undecidable"
    assert found.sentence == f"A scale of {scale:g} enhances, but this study measures suppression."


@pytest.mark.parametrize(
    ("edit", "sign"),
    [
        (arm("edit", 0.06, 0.3), "unrelated questions lose 40% of their correct answers"),
        (arm("edit", 0.06, 0.48, perplexity=25.0), "perplexity on neutral text is 2.5 times the base's"),
        (arm("edit", 0.06, 0.48, perplexity=float("nan")), "perplexity on neutral text is nan times"),
        (edited(target={"empty": 0.25}), "25% of the target answers are empty"),
        (edited(unrelated={"empty": 0.25}), "25% of the unrelated answers are empty"),
        (edited(target={"repetition": 0.4}), "target answers repeat themselves .40% of word pairs"),
        (edited(unrelated={"repetition": 0.4}), "unrelated answers repeat themselves"),
    ],
)
def test_each_sign_of_a_broken_model_is_over_intervention(edit, sign):
    found = verdict(edit=edit)
    assert found.outcome == "over-intervened"
    assert re.search(sign, found.sentence)


def test_what_the_base_does_anyway_is_no_sign_of_breaking():
    base = replace(BASE, target=replace(BASE.target, empty=0.3, repetition=0.5))
    edit = edited(target={"empty": 0.35, "repetition": 0.6})
    assert verdict(base=base, edit=edit).outcome == "specific"


def test_silence_is_not_booked_as_suppression():
    silent = arm("edit", 0.0, 0.48)
    silent = replace(silent, target=replace(silent.target, empty=1.0))
    assert verdict(edit=silent).outcome == "over-intervened"


def test_a_fall_that_is_silence_alone_is_no_effect():
    quieter = arm("edit", 0.3, 0.5)
    assert verdict(edit=quieter).outcome == "specific"
    silent = replace(quieter, target=replace(quieter.target, empty=0.18, silenced=0.3))
    assert verdict(edit=silent).outcome == "no effect"


def test_a_small_fall_is_no_effect_however_certain():
    small = arm("edit", 0.55, 0.5)
    certain = replace(small.target, score_change=Estimate(-0.05, -0.06, -0.04))
    assert verdict(edit=replace(small, target=certain)).outcome == "no effect"


def test_where_heads_that_write_the_concept_are_no_use_those_that_do_most_are_named():
    measure = AnswerMeasure(METRICS["contains"], "suppress", Thresholds())

    def said(*arms):
        return sentences.another_way(decide(measure, [*arms, *CONTROLS, OTHER]))

    assert said(BASE, EDIT) == ""
    for useless in (arm("edit", 0.58, 0.5), arm("edit", 0.06, 0.2)):
        assert "`--by effect` grows an edit" in said(BASE, useless)


def test_an_uncertain_fall_is_no_effect():
    unsure = edited(target={"score_change": Estimate(-0.5, -1.0, 0.0)})
    assert verdict(edit=unsure).outcome == "no effect"


@pytest.mark.parametrize(("kind", "where"), [("matched", "the same layers"), ("random", "any layer")])
def test_an_effect_that_may_be_one_more_draws_is_not_specific(kind, where):
    found = verdict(controls=with_draws(kind, 0.6, 0.6, 0.2))
    assert found.outcome == "not specific"
    assert f"Random heads of {where} reach 25% of the effect" in found.sentence
    assert "the smallest that 3 can give, and p = 0.13 if draws are normally distributed" in found.sentence


def test_with_enough_draws_the_rank_alone_decides():
    spread = [0.6] * 10 + [0.15] * 9
    assert verdict(controls=with_draws("matched", *spread)).outcome == "specific"  # p = 0.05
    assert verdict(controls=with_draws("matched", *spread[1:])).outcome == "not specific"  # p = 0.053, and not normal
    one = with_draws("matched", 0.06, *[0.6] * 38)
    assert verdict(controls=one).outcome == "specific"  # one of 39: p = 0.05
    assert verdict(controls=with_draws("matched", 0.06, *[0.6] * 37)).outcome == "not specific"


@pytest.mark.parametrize(("kind", "where"), [("matched", "the same layers"), ("random", "any layer")])
def test_an_effect_that_random_heads_reach_is_not_specific(kind, where):
    found = verdict(controls=with_draws(kind, 0.2, 0.32, 0.26))
    assert found.outcome == "not specific"
    assert f"Random heads of {where} reach 63% of the effect" in found.sentence


@pytest.mark.parametrize("kind", ["matched", "random"])
def test_one_draw_of_ten_as_strong_as_the_edit_is_enough_to_doubt(kind):
    found = verdict(controls=with_draws(kind, 0.06, *[0.6] * 9))
    assert found.outcome == "not specific"
    assert "the strongest of 10 draws 100% (p = 0.18 over draws)" in found.sentence


@pytest.mark.parametrize("kind", ["matched", "random"])
def test_a_draw_that_breaks_the_model_counts_by_what_the_tolerated_damage_takes(kind):
    broken = [arm(kind, 0.06, 0.1, f"broken-{i}") for i in range(3)]  # 80 % of the unrelated answers: 5.3 times 15 %
    found = verdict(controls=[*with_draws(kind, 0.6, 0.55), *broken])
    assert found.outcome == "specific"
    assert any("3 of them break the model" in reason for reason in found.reasons)
    near = [arm(kind, 0.06, 0.41, f"near-{i}") for i in range(3)]  # 18 %: 1.2 times
    assert verdict(controls=[*with_draws(kind, 0.6, 0.55), *near]).outcome == "not specific"


@pytest.mark.parametrize(
    ("draws", "sentence"),
    [
        (
            {"targets": [0.6]},
            "There is only 1 draw of random heads of any layer: whether these heads are",
        ),
        ({"targets": [0.6, 0.6]}, "There are only 2 draws of random heads of any layer"),
        (
            {"targets": [0.4, 0.41, 0.42], "unrelated": 0.1},
            "None of 3 draws of random heads of any layer leaves the model whole: whether these heads are special",
        ),
    ],
)
def test_too_few_draws_are_undecidable(draws, sentence):
    found = verdict(controls=with_draws("random", *draws.pop("targets"), **draws))
    assert (found.outcome, found.why) == ("undecidable", "few draws")
    assert found.sentence.startswith(sentence)


def test_breaking_the_model_comes_before_any_praise_or_blame():
    assert verdict(edit=arm("edit", 0.06, 0.1), controls=with_draws("matched", 0.0)).outcome == "over-intervened"


def test_thresholds_can_be_moved():
    assert verdict(thresholds=Thresholds(unrelated_loss=0.03)).outcome == "over-intervened"


def test_reasons_give_the_figures():
    reasons = verdict().reasons
    assert reasons[:3] == (
        "Target (answers that contain an accepted one): 0.60 (0.55-0.65) before, 0.06 (0.01-0.11) after.",
        "Unrelated answers that are right: 0.50 (0.45-0.55) before, 0.48 (0.43-0.53) after.",
        "Outputs that name any word of the concept: 0.60 (0.55-0.65) before, 0.06 (0.01-0.11) after.",
    )
    assert any(
        "3 draws of random heads of the same layers: target score 0.51 on average (0.48 to 0.55), 0 as far" in reason
        and "p = 0.25 over draws, the smallest that 3 can give, and p = 0.0042 if draws are normally" in reason
        for reason in reasons
    )
    assert (
        "As many heads that rank best for another concept on the same prompts (months): target score 0.59." in reasons
    )
    assert reasons[-2] == "All damage together: 0.27 (0.00-0.93) times what is tolerated."
    assert reasons[-1] == "Neutral text: perplexity 1.00 times the base's, KL 0.100 nats per token."


def test_an_edit_that_only_changes_which_word_is_named_says_so():
    swapped = edited(target={"concept_rate": Estimate(0.55, 0.5, 0.6)})
    note = "Most answers still name some word of the concept"
    assert any(reason.startswith(note) for reason in verdict(edit=swapped).reasons)
    assert not any(reason.startswith(note) for reason in verdict().reasons)
    nothing = edited(target={"concept_rate": BASE.target.concept_rate, "score": BASE.target.score})
    assert not any(reason.startswith(note) for reason in verdict(edit=nothing).reasons)


@pytest.mark.parametrize(
    ("target", "unrelated", "told"),
    [(40, 40, ""), (9, 100, "Only 9 target questions are held out"), (9, 4, "Only 9 target and 4 unrelated questions")],
)
def test_few_questions_are_told(target, unrelated, told):
    groups = {
        "target": replace(BASE.target, n_questions=target),
        "unrelated": replace(BASE.unrelated, n_questions=unrelated),
    }
    few = replace(BASE, **groups)
    reasons = [reason for reason in verdict(base=few).reasons if reason.startswith("Only")]
    assert len(reasons) == bool(told)
    assert all(reason.startswith(told) and "only large changes can be told" in reason for reason in reasons)


def without_unrelated(*arms):
    return [replace(a, unrelated=None) for a in arms]


def test_without_unrelated_questions_the_verdict_says_what_it_was_judged_on():
    base, edit, *controls = without_unrelated(BASE, EDIT, *CONTROLS)
    found = verdict(base=base, edit=edit, controls=controls)
    assert found.outcome == "specific"
    assert found.sentence == (
        "Rescaling these 2 heads takes 90% of the correct target answers; random heads do not do the same."
    )
    assert (
        "The task has no unrelated questions: whether the edit is specific was judged on neutral text, on empty and "
        "repeating answers, and on other heads alone."
    ) in found.reasons
    assert not any("Unrelated answers" in reason for reason in found.reasons)


def test_silence_is_damage_without_unrelated_questions_too():
    base, edit, *controls = without_unrelated(BASE, edited(target={"empty": 0.9}), *CONTROLS)
    assert verdict(base=base, edit=edit, controls=controls).outcome == "over-intervened"


def test_a_classification_says_how_it_counts():
    found = verdict(metric="first-named")
    assert found.reasons[0] == (
        "Target (answers that name the right class first): 0.60 (0.55-0.65) before, 0.06 (0.01-0.11) after."
    )
    assert "takes 90% of the correct target answers" in found.sentence


def test_where_the_edit_acts_is_said():
    arms = [arm("image", 0.5, 0.5, "edit-image"), arm("text", 0.1, 0.5, "edit-text")]
    reasons = verdict(controls=[*CONTROLS, *arms]).reasons
    assert "The same edit of image positions only: target score 0.50." in reasons
    assert "The same edit of everything but image positions: target score 0.10." in reasons


def test_effects_of_many_at_once():
    before, after = np.array([0.8, 0.8, 0.0]), np.array([0.2, 0.7, 0.3])
    assert effects(before, after, "suppress").tolist() == pytest.approx([0.75, 0.125, 0.0])
    assert effects(before, after, "enhance").tolist() == pytest.approx([-0.75, -0.125, 0.0])


@pytest.mark.parametrize(("fraction", "text"), [(0.344, "34%"), (-0.001, "0%"), (-0.02, "-2%"), (0.0, "0%")])
def test_percentages_have_no_negative_zero(fraction, text):
    assert percent(fraction) == text


def test_verdicts_come_back_and_older_ones_without_their_p_over_questions():
    found = verdict()
    content = to_record(found)
    assert from_record(Verdict, content) == found
    del content["beside"]
    older = from_record(Verdict, content | {"p_matched": 0.0002, "p_random": 0.0002})
    assert older == replace(found, beside=())


def spread_damage(loss=0.0, perplexity=10.0, empty=0.0, repetition=0.0, change=None):
    spoken = {"empty": empty, "repetition": repetition}
    unrelated = {"score": exactly(0.5 * (1 - loss)), "score_change": change or exactly(-0.5 * loss), **spoken}
    return edited(target=spoken, unrelated=unrelated, damage=Damage(perplexity, 0.1))


def test_damage_just_under_every_line_is_over_intervention():
    found = verdict(edit=spread_damage(0.14, 19.0, 0.19, 0.29))
    assert found.outcome == "over-intervened"
    assert found.sentence.startswith("The edit together breaks more than the concept: unrelated questions lose 14%")
    for word in ("perplexity on neutral text is 1.9", "19% of the target answers are empty", "29% of word pairs"):
        assert word in found.sentence
    assert verdict(edit=spread_damage(0.14)).outcome == "specific"
    assert verdict(edit=spread_damage(0.07, 14.0, 0.05, 0.05)).outcome == "specific"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (spread_damage(0.06, change=exactly(-0.03)), "All damage together: 0.40 (0.40-0.40) times what is tolerated."),
        (spread_damage(0.06, change=Estimate(-0.03, -0.06, 0.0)), "0.40 (0.00-0.80) times what is tolerated."),
        (
            spread_damage(0.12, change=Estimate(-0.06, -0.09, -0.03)),
            "0.80 (0.40-1.20) times what is tolerated; the int",
        ),
        (spread_damage(0.0, 14.0, change=Estimate(0.0, -0.03, 0.03)), "0.40 (0.40-0.57) times what is tolerated."),
    ],
)
def test_damage_has_an_interval(edit, said):
    assert any(said in reason for reason in verdict(edit=edit).reasons)


@pytest.mark.parametrize(("known", "outcome"), [(0.0, "specific"), (0.03, "specific"), (0.5, "over-intervened")])
def test_without_unrelated_questions_that_the_base_knows_the_verdict_says_so(known, outcome):
    found = verdict(base=arm("base", 0.6, known), edit=arm("edit", 0.06, 0.0))
    assert found.outcome == outcome
    if outcome == "specific":
        assert "unrelated" not in found.sentence
        told = f"The unedited model answers only {round(100 * known)} of 100 unrelated questions: whether the edit"
        assert any(reason.startswith(told) for reason in found.reasons)


def test_an_interval_that_just_misses_nothing_is_no_effect():
    fifteen_to_nine = edited(target={"score": exactly(0.36), "score_change": Estimate(-0.24, -0.46, -0.02)})
    found = verdict(edit=fifteen_to_nine)
    assert found.outcome == "no effect"
    assert found.sentence == "Rescaling these 2 heads does not reliably lower the target score by 10%."
    clear = edited(target={"score": exactly(0.2), "score_change": Estimate(-0.4, -0.7, -0.07)})
    assert verdict(edit=clear).outcome == "specific"


def phrased(*scores):
    return tuple(
        Phrasing(text, 50, score) for text, score in zip(("{x} is in", "The land of {x} is"), scores, strict=True)
    )


@pytest.mark.parametrize(
    ("after", "alone"), [((0.0, 0.12), None), ((0.1, 0.6), "{x} is in"), ((0.6, 0.1), "The land of {x} is")]
)
def test_a_phrasing_that_carries_the_effect_alone_is_named(after, alone):
    base = replace(BASE, target=replace(BASE.target, phrasings=phrased(0.6, 0.6)))
    edit = edited(target={"phrasings": phrased(*after)})
    reasons = verdict(base=base, edit=edit).reasons
    assert f'By phrasing, before and after: "{{x}} is in" 0.60 and {after[0]:.2f}, "The land of {{x}} is"' in " ".join(
        reasons
    )
    said = [reason for reason in reasons if reason.startswith("One phrasing carries the effect")]
    assert said == ([f'One phrasing carries the effect, "{alone}"; in the others it is 0%.'] if alone else [])


def test_one_answer_to_most_questions_is_named():
    before = {"n_distinct": 48, "commonest": "kenya", "commonest_share": 0.1}
    after = {"n_distinct": 3, "commonest": "i cannot say", "commonest_share": 0.9}
    base = replace(BASE, target=replace(BASE.target, **before))
    said = '90% of the target answers are one and the same, "i cannot say": 48 different ones before, 3 after.'
    assert said in verdict(base=base, edit=edited(target=after)).reasons
    always = replace(BASE, target=replace(BASE.target, **after))
    assert said not in verdict(base=always, edit=edited(target=after)).reasons
