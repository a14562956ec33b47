"""Figures of answers beyond their score: by phrasing, how many differ, and how far emptiness and repetition moved."""

import pytest

from headpursuit.concepts import Concept
from headpursuit.heads import Edit
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.results import Arm, Damage, Phrasing
from headpursuit.studies.tasks import Question, Task, load_task

CONCEPT = Concept("c", ("Kenya", "Peru"))
PHRASINGS = "{x} is in", "The land of {x} is"


def task(phrasings=PHRASINGS, n=6):
    questions = [
        Question(f"{i} {p}", ("Kenya",), "target", "s", f"fact {i}", "heldout", phrasing=p)
        for i in range(n)
        for p in phrasings
    ]
    return Task("t", CONCEPT, tuple(questions), ())


def figures(before, after, **of_task):
    arms = [
        Arm(k, k, Edit({}), tuple(answers), Damage(1.0, 0.0), 1) for k, answers in (("base", before), ("edit", after))
    ]
    return [arm.target for arm in summarise(task(**of_task), CONCEPT, arms, 0)]


def test_scores_stand_by_phrasing_and_silence_counts_as_it_does_in_the_effect():
    before, after = figures(["Kenya", "Kenya"] * 6, ["Peru", "Kenya"] * 5 + ["", "Kenya"])
    assert before.phrasings == (Phrasing(PHRASINGS[0], 6, 1.0), Phrasing(PHRASINGS[1], 6, 1.0))
    assert [one.score for one in after.phrasings] == pytest.approx([1 / 6, 1])


@pytest.mark.parametrize("phrasings", [("",), ("{x} is in",)])
def test_one_phrasing_is_not_told_apart(phrasings):
    assert figures(["Kenya"] * 6, ["Peru"] * 6, phrasings=phrasings)[1].phrasings == ()


def test_answers_that_compare_alike_are_one():
    before, after = figures(["Kenya.", "the Kenya", " kenya", "Peru"] * 3, ["I cannot say."] * 11 + ["Kenya"])
    assert (before.n_distinct, before.commonest, before.commonest_share) == (2, "kenya", 0.75)
    assert (after.n_distinct, after.commonest, after.commonest_share) == (2, "i cannot say", pytest.approx(11 / 12))


def test_emptiness_and_repetition_have_intervals():
    before, after = figures(["Kenya"] * 12, [""] * 2 + ["so so so"] * 3 + ["Kenya"] * 7)
    assert before.empty_change is before.repetition_change is None
    assert after.empty_change.value == pytest.approx(2 / 12)
    assert after.repetition_change.value == pytest.approx(3 / 12 / 2)
    assert after.empty_change.low < 2 / 12 < after.empty_change.high


def test_prompts_of_declared_tasks_are_phrasings():
    found = {question.phrasing for question in load_task("languages").questions if question.split == "heldout"}
    assert len([phrasing for phrasing in found if phrasing]) == 2
