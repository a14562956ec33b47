import json
from dataclasses import replace

from arm_figures import arm, base

from headpursuit.records import from_record, to_record
from headpursuit.studies.judging.doses import cell_of
from headpursuit.studies.measures import AnswerMeasure
from headpursuit.studies.results import AnswerSheet, DoseSheet
from headpursuit.studies.text.scoring import METRICS

ASKED = AnswerMeasure(METRICS["contains"])


def sheet(*found, **changes):
    return DoseSheet(base(), tuple(found), *found[0].dose, "why", **changes)


def dot(n_heads, effect, damage):
    cell = cell_of(ASKED, base(), arm(0.2, n_heads=n_heads))
    return replace(cell, effect=effect, damage=damage)


def test_the_front_has_the_doses_that_no_other_beats_mild_first():
    mild, more, most = dot(1, 0.3, 0.1), dot(2, 0.6, 0.5), dot(4, 0.9, 2.0)
    beaten = [dot(3, 0.5, 0.5), dot(5, 0.2, 0.1), dot(6, 0.6, 0.6), dot(7, 0.9, 2.5)]
    assert sheet(most, *beaten, more, mild).front == (mild, more, most)


def test_of_doses_alike_in_both_the_smallest_is_on_the_front():
    assert sheet(dot(2, 0.5, 0.2), dot(1, 0.5, 0.2)).front == (dot(1, 0.5, 0.2),)


def test_a_dose_without_effect_is_not_on_the_front():
    assert sheet(dot(1, 0.0, 0.0), dot(2, -0.1, 0.0)).front == ()


def test_a_sheet_comes_back_from_json_with_what_was_not_run():
    doses = (arm(0.1), arm(0.0, 0.1, n_heads=2))
    whole = sheet(*(cell_of(ASKED, base(), dose) for dose in doses), not_run=((2, -2.0), (4, -1.0)))
    assert from_record(tuple[AnswerSheet], [json.loads(json.dumps(to_record(whole)))]) == (whole,)
    assert whole.counts == (1, 2, 4)
