"""The matrix, from arms made by hand."""

from dataclasses import replace

import pytest

from headpursuit.concepts import Concept
from headpursuit.heads import Edit
from headpursuit.records import from_record, to_record
from headpursuit.studies.experiments.transfer import by_effect
from headpursuit.studies.experiments.transfer.effects import Answered, Column, EffectCell, HeadSet, cells_of
from headpursuit.studies.experiments.transfer.sentences import sentences_of
from headpursuit.studies.results import Arm, Damage
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.scoring import METRICS

N, N_UNRELATED = 20, 10
BASE, ONE, TWO = Edit({}), Edit({"L1H1": -1}), Edit({"L2H2": -1})
DRAWS = (Edit({"L1H0": -1}), Edit({"L1H2": -1})), (Edit({"L2H0": -1}), Edit({"L2H1": -1}))
SETS = [HeadSet("one", ONE, DRAWS[0]), HeadSet("two", TWO, DRAWS[1])]
ALL = [BASE, ONE, *DRAWS[0], TWO, *DRAWS[1]]


def task(name):
    questions = [
        Question(f"q{i}", ("right",), "target" if i < N else "unrelated", "s", f"fact {i}", "heldout")
        for i in range(N + N_UNRELATED)
    ]
    return Task(name, Concept("c", ("right",)), tuple(questions), ())


def arm(edit, n_right=N, n_unrelated=N_UNRELATED, n_silent=0):
    targets = ["right"] * n_right + [""] * n_silent + ["wrong"] * (N - n_right - n_silent)
    unrelated = ["right"] * n_unrelated + ["wrong"] * (N_UNRELATED - n_unrelated)
    return Arm("an arm", "edit", edit, tuple(targets + unrelated), Damage(10.0, 0.0), 1)


def matrix(**changed):
    """Two tasks; `one_two=4` says that of column two 4 questions are right under the heads of one."""
    arms = {column: {edit: arm(edit) for edit in ALL} for column in ("one", "two")}
    for place, how in changed.items():
        row, column = place.split("_")
        edit = {"one": ONE, "two": TWO, "base": BASE, "draw": DRAWS[0][0]}[row]
        arms[column][edit] = arm(edit, **(how if isinstance(how, dict) else {"n_right": how}))
    cells, columns = cells_of({name: Answered(task(name), found) for name, found in arms.items()}, SETS, 0)
    return {(cell.row, cell.column): cell for cell in cells}, columns, cells


def test_effects_stand_in_their_place_with_their_random_heads():
    found, columns, cells = matrix(one_one=4, one_two=15, draw_two=18)
    assert [(c.row, c.column) for c in cells] == [("one", "one"), ("one", "two"), ("two", "one"), ("two", "two")]
    assert found["one", "one"].effect.value == pytest.approx(0.8)
    assert found["one", "two"].effect.value == pytest.approx(0.25)
    assert found["one", "two"].matched == pytest.approx((0.1, 0))
    assert found["one", "two"].random == pytest.approx(0.05)
    assert found["two", "two"].effect.value == 0
    assert columns[1].random == pytest.approx((0.1, 0, 0, 0))
    assert columns[0].base.value == 1
    assert columns[0].n_questions == N


def test_the_interval_is_that_of_the_change():
    found, *_ = matrix(one_one=10, one_two=0)
    half = found["one", "one"].effect
    assert half.low == pytest.approx(0.3, abs=0.05)
    assert half.high == pytest.approx(0.7, abs=0.05)
    whole, none = found["one", "two"].effect, found["two", "one"].effect
    assert whole.value == whole.high == 1
    assert 0.7 < whole.low < 0.95  # twenty facts cannot say more
    assert none.value == none.low == 0
    assert 0.05 < none.high < 0.3


def test_words_for_cells():
    found, *_ = matrix(one_one=4, one_two=19, two_one={"n_right": 2, "n_unrelated": 3})
    assert {place: cell.word for place, cell in found.items()} == {
        ("one", "one"): "acts",
        ("one", "two"): "does not act",
        ("two", "one"): "breaks",
        ("two", "two"): "does not act",
    }
    assert found["two", "one"].signs == ("unrelated questions lose 70% of their correct answers",)


def test_what_random_heads_do_too_is_no_effect():
    found, *_ = matrix(one_one=8, draw_one=8)
    assert found["one", "one"].word == "does not act"
    found, *_ = matrix(one_one=4, draw_one=14)
    assert found["one", "one"].word == "acts"


def test_silence_is_no_effect():
    found, *_ = matrix(one_one={"n_right": 0, "n_silent": N})
    assert found["one", "one"].effect.value == pytest.approx(0)
    assert found["one", "one"].word == "breaks"


def test_a_model_that_is_never_right_has_nothing_to_lose():
    everything = {f"{row}_two": 1 for row in ("base", "one", "two")}
    found, *_ = matrix(one_one=4, **everything)
    assert found["one", "two"].word == found["two", "two"].word == "nothing to lose"
    found, *_ = matrix(base_two=0)
    assert found["one", "two"].effect.value == 0


def test_p_is_the_rank_among_the_draws_of_all_rows():
    found, _, cells = matrix(one_one=16, draw_one=12)
    assert (found["one", "one"].p, found["two", "two"].p) == (2 / 5, 1)
    assert matrix(one_one=16)[0]["one", "one"].p == 1 / 5
    content = to_record(cells[0])
    assert from_record(EffectCell, content | {"p_adjusted": 0.9}) == cells[0]  # of older versions


def test_tasks_whose_heads_act_on_each_other_are_close_and_broken_cells_count_as_none():
    *_, cells = matrix(one_one=4, one_two=4, two_one=8, two_two=4)
    assert by_effect(["one", "two"], cells).merges[0][2] == pytest.approx(1 - (0.8 + 0.6) / 2)
    *_, cells = matrix(one_one=4, one_two=4, two_one=8, two_two=4, draw_one=18, draw_two=10)
    assert by_effect(["one", "two"], cells).merges[0][2] == pytest.approx(1 - (0.8 - 0.25 + 0.6) / 2)
    broken = [replace(cell, word="breaks") if cell.row != cell.column else cell for cell in cells]
    assert by_effect(["one", "two"], broken).merges[0][2] == 1


def test_sentences_say_yes_and_no():
    _, columns, cells = matrix(one_one=4, one_two=8, two_two=2)
    first, *others = sentences_of((), cells, columns)
    assert first == (
        "Of 2 cases in which heads that act on their own task are edited on another's questions, the edit carries "
        "over in 1."
    )
    assert others[0].startswith("The heads of one act on its own questions: they take 80% of the right answers")
    assert "The heads of one carry over to two: they take 60%" in others[2]
    assert others[2].endswith("random heads of the same layers 0%; its own heads take 90%.")
    assert others[3].startswith("The heads of two do not carry over to one: they take 0%")


def test_without_an_effect_at_home_nothing_is_said_about_transfer():
    _, columns, cells = matrix(one_two=4)
    first, *others = sentences_of((), cells, columns)
    assert (
        first
        == "No edit surely acts on its own task without breaking the model, so nothing can be said about transfer."
    )
    assert "do not surely act on its own questions" in others[0]
    assert not any("do not carry over" in sentence for sentence in others)


@pytest.mark.parametrize(("metric", "lost"), [("exact", "right answers"), ("f1", "score"), ("toxicity", "score")])
def test_what_is_lost_depends_on_the_metric_also_where_only_its_words_were_written(metric, lost):
    column = replace(matrix()[1][0], metric=metric, counted=METRICS[metric].counted)
    content = to_record(column)
    assert from_record(Column, content) == column
    del content["metric"]
    assert from_record(Column, content) == column
    assert column.lost == lost
