"""Captions that fell silent are never booked as suppression."""

import pytest

from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head
from headpursuit.studies.captioning.judging import effect
from headpursuit.studies.captioning.scoring import CaptionScorer
from headpursuit.studies.results import Arm, Damage
from headpursuit.studies.tasks import Question

QUESTIONS = [Question("Describe", (f"a red star {i}",), "target", "caption", f"{i}", "heldout") for i in range(10)]


def arm(kind, *captions):
    edit = Edit({}) if kind == "base" else Edit({Head(1, 2): -1})
    return Arm(kind, kind, edit, captions, Damage(10.0, 0.0), 3)


@pytest.mark.parametrize(
    ("captions", "fall"),
    [
        (("",) * 3 + ("a red star",) * 7, 0),
        (("",) * 3 + ("a star",) * 6 + ("a red star",), 0.6),
        (("a star",) * 9 + ("a red star",), 0.9),
    ],
)
def test_only_captions_that_say_something_count_as_a_fall(captions, fall):
    scorer = CaptionScorer(QUESTIONS, Concept("hues", ("red",)), [], 0)
    base = arm("base", *("a red star",) * 10)
    before, after = scorer.figures(base, base), scorer.figures(arm("edit", *captions), base, "suppress")
    assert effect("suppress", before, after) == pytest.approx(fall)


def test_intervals_are_over_facts_for_questions_that_name_no_image():
    scorer = CaptionScorer(QUESTIONS, Concept("hues", ("red",)), [], 0)
    base = arm("base", *("a red star", "a star") * 5)
    found = scorer.figures(base, base).frequency
    assert found.low < found.value < found.high
