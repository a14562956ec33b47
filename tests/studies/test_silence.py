"""Outputs that fell silent are never booked as suppression: they count as if they were unchanged."""

from dataclasses import replace

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head
from headpursuit.studies.experiments.captions.scoring import CaptionScorer
from headpursuit.studies.experiments.transfer.effects import Answered, HeadSet, cells_of
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.measures import AnswerMeasure, CaptionMeasure, counted
from headpursuit.studies.results import Arm, Damage
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.scoring import METRICS

N = 10
RED = Concept("hues", ("red",))
QUESTIONS = tuple(
    Question("Describe", ("red",), "target", "caption", f"{i}", "heldout", image_name=f"{i}") for i in range(N)
)
TASK = Task("hues", RED, QUESTIONS, ())
COUNTED = replace(TASK, metric="concept-words")
EDIT, DRAW = Edit({Head(1, 2): -1}), Edit({Head(1, 3): -1})

SAID = st.sampled_from(["", " .", "a star", "a red star", "red red"])
OUTPUTS = st.lists(SAID, min_size=N, max_size=N)
BASES = OUTPUTS.filter(lambda outputs: any("red" in text for text in outputs))


def arm(kind, outputs, edit=EDIT):
    return Arm(kind, kind, Edit({}) if kind == "base" else edit, tuple(outputs), Damage(10.0, 0.0), 3)


def spoken(outputs, base):
    """The same outputs, and where there is none what the base says."""
    return [text if text.strip(" .") else unedited for text, unedited in zip(outputs, base, strict=True)]


def effects_of(base, outputs):
    """The effect on answers, on counted words, on captions, and as another task's heads have it."""
    arms = arm("base", base), arm("edit", outputs)
    found = []
    for task in (TASK, COUNTED):
        before, after = summarise(task, RED, arms, 0)
        found.append(AnswerMeasure(METRICS[task.metric]).effect(before, after))
    scorer = CaptionScorer(QUESTIONS, RED, [], 0)
    figures = scorer.figures(arms[0], arms[0]), scorer.figures(arms[1], arms[0], "suppress")
    found.append(CaptionMeasure("suppress").effect(*figures))
    answered = Answered(COUNTED, {Edit({}): arms[0], EDIT: arms[1], DRAW: arm("edit", base, DRAW)})
    (cell,), _ = cells_of({"hues": answered}, [HeadSet("hues", EDIT, (DRAW,))], 0)
    return [*found, cell.effect.value]


@examples(10)
@given(BASES, OUTPUTS)
def test_silence_counts_as_what_the_base_says_to_the_same_question_in_answers_and_in_captions(base, outputs):
    assert effects_of(base, outputs) == pytest.approx(effects_of(base, spoken(outputs, base)))


@examples(10)
@given(BASES, OUTPUTS)
def test_counted_words_of_answers_and_of_captions_have_one_effect(base, outputs):
    _, *counts = effects_of(base, outputs)
    assert counts == pytest.approx([counts[0]] * 3)


@examples(10)
@given(BASES, OUTPUTS)
def test_intervals_do_not_take_silence_for_a_fall_either(base, outputs):
    for silent in (arm("edit", outputs), arm("edit", spoken(outputs, base))):
        arms = [arm("base", base), silent]
        scorer = CaptionScorer(QUESTIONS, RED, [], 0)
        found = (
            summarise(COUNTED, RED, arms, 0)[1].target.score_change,
            scorer.figures(silent, arms[0], "suppress").frequency_change,
        )
        if silent.answers == tuple(outputs):
            expected = found
    assert found == expected


def test_a_fifth_of_silence_is_worth_what_the_base_was_worth_there():
    base = ["a red star"] * 5 + ["a star"] * 5  # 0.5 before, 0.2 after
    on_right_ones = ["a red star"] * 2 + [""] * 2 + ["a star"] * 6
    on_wrong_ones = ["a red star"] * 2 + ["a star"] * 6 + [""] * 2
    assert effects_of(base, on_right_ones) == pytest.approx([0.2] * 4)
    assert effects_of(base, on_wrong_ones) == pytest.approx([0.6] * 4)


@pytest.mark.parametrize(
    ("captions", "fall"),
    [
        (("",) * 3 + ("a red star",) * 7, 0),
        (("",) * 3 + ("a star",) * 6 + ("a red star",), 0.6),
        (("a star",) * 9 + ("a red star",), 0.9),
        (("",) * 10, 0),
    ],
)
def test_only_outputs_that_say_something_count_as_a_fall(captions, fall):
    assert effects_of(("a red star",) * N, captions) == pytest.approx([fall] * 4)


def test_silence_is_no_rise_and_no_excuse_for_one():
    assert counted([0.0, 2.0], ["", "red red"], [1.0, 1.0], "enhance") == [0.0, 2.0]
    before, after = summarise(
        replace(COUNTED, direction="enhance"), RED, [arm("base", ["red"] * N), arm("edit", [""] * N)], 0
    )
    assert AnswerMeasure(METRICS[COUNTED.metric], "enhance").effect(before, after) == -1


def test_silence_on_unrelated_questions_is_a_loss():
    others = tuple(replace(q, group="unrelated", fact=f"other {q.fact}") for q in QUESTIONS)
    both = replace(TASK, questions=QUESTIONS + others)
    before, after = summarise(both, RED, [arm("base", ["red"] * 2 * N), arm("edit", ["red"] * N + [""] * N)], 0)
    assert (after.unrelated.score_change.value, after.unrelated.silenced, after.target.silenced) == (-1, 0, 0)


def test_intervals_are_over_facts_for_questions_that_name_no_image():
    scorer = CaptionScorer([replace(q, image_name="") for q in QUESTIONS], RED, [], 0)
    base = arm("base", ("a red star", "a star") * 5)
    found = scorer.figures(base, base).frequency
    assert found.low < found.value < found.high
