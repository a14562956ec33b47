"""What each metric counts, and what a task must bring for it."""

import pytest

from headpursuit.concepts import Concept, load_concept
from headpursuit.heads import Edit
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.results import Arm, Damage
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.scoring import METRICS, check_metric, metric_of, score

COLOURS = Concept("colours", ("red", "blue", "light blue"))
CLASSES = {"three": ("three", "3"), "seven": ("seven", "7")}


def question(*answers, group="target", label=""):
    return Question("What is it?", answers, group, "subject", "fact", "heldout", label)


def task(metric="contains", *questions, **changes):
    return Task("tiny", COLOURS, questions or (question("a red hat"),), ("neutral",), metric=metric, **changes)


def scored(metric, *outputs, answers=("a red hat", "the blue one"), **changes):
    made = task(metric, *[question(*answers)] * len(outputs), **changes)
    return score(made, COLOURS, made.questions, outputs)


def test_contains_counts_an_accepted_answer_anywhere_in_whole_words():
    outputs = ("I wear a Red hat, of course", "blue one", "red hats", "hat", "")
    assert scored("contains", *outputs) == [1, 1, 0, 0, 0]


def test_exact_counts_an_accepted_answer_and_nothing_else():
    assert scored("exact", "Red hat!", "the blue one", "I wear a red hat", "") == [1, 1, 0, 0]


def test_f1_counts_shared_words_with_the_closest_answer():
    assert scored("f1", "red hat", "a red coat", "blue one and more", "green", "") == pytest.approx(
        [1, 0.5, 2 / 3, 0, 0]
    )


def test_naming_the_concept_counts_any_of_its_words_once():
    outputs = ("Red, red and blue", "a light-blue hat", "reddish", "green", "")
    assert scored("names-concept", *outputs, answers=()) == [1, 1, 0, 0, 0]


def test_words_of_the_concept_are_counted_one_by_one_the_longest_first():
    outputs = ("Red, red and blue", "a light blue hat", "reddish", "green", "")
    assert scored("concept-words", *outputs, answers=()) == [3, 1, 0, 0, 0]
    assert not METRICS["concept-words"].fraction


def test_a_classification_counts_the_class_that_is_named_first_whatever_its_metric():
    rows = [question("three", "3", label="three")] * 5
    made = task("contains", *rows, classes=CLASSES)
    assert metric_of(made).name == "first-named"
    outputs = ("It is a 3, not a seven", "seven or three", "three", "a number", "")
    assert score(made, COLOURS, rows, outputs) == [1, 0, 1, 0, 0]


@pytest.mark.parametrize("metric", ["toxicity", "positive", "negative"])
def test_a_scorer_rates_what_is_said_and_silence_scores_nothing(metric):
    listed = load_concept({"toxicity": "toxic"}.get(metric, metric)).words[0]
    assert scored(metric, f"so {listed}.", "the table has four legs", "", " . ", answers=()) == [1, 0, 0, 0]


def test_unrelated_answers_count_if_they_contain_an_accepted_one_whatever_the_metric():
    rows = (question(), question("Paris", group="unrelated"), question(), question("Paris", group="unrelated"))
    made = task("concept-words", *rows)
    assert metric_of(made, "unrelated").name == "contains"
    assert score(made, COLOURS, rows, ("red red", "red red", "in Paris", "in Paris")) == [2, 0, 0, 1]


def test_every_metric_says_what_it_counts():
    assert all(metric.name == name and metric.counted and metric.short for name, metric in METRICS.items())
    assert {name for name, metric in METRICS.items() if metric.needs_answers} == {
        "contains",
        "exact",
        "f1",
        "first-named",
    }


@pytest.mark.parametrize("metric", ["contains", "exact", "f1"])
def test_a_metric_that_compares_needs_an_answer_to_every_question(metric):
    with pytest.raises(ValueError) as refused:
        check_metric(task(metric, question("red"), question()))
    assert str(refused.value) == (
        f"tiny: the target question 'What is it?' has no accepted answer, which the metric {metric} compares with; "
        "give answers, or another metric, like names-concept"
    )
    check_metric(task(metric, question("red")))


@pytest.mark.parametrize("metric", ["names-concept", "concept-words", "toxicity", "positive", "negative"])
def test_other_metrics_need_none_except_for_unrelated_questions(metric):
    check_metric(task(metric, question()))
    with pytest.raises(ValueError, match="the unrelated question 'What is it.' has no accepted answer"):
        check_metric(task(metric, question(), question(group="unrelated")))


def test_an_unknown_scorer_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="there is no scorer 'vadr' of positive; there is words, vader"):
        check_metric(task("positive", question(), scorer="vadr"))
    with pytest.raises(ValueError, match="there is no scorer 'vader' of toxicity; there is words, profanity, detoxify"):
        check_metric(task("toxicity", question(), scorer="vader"))
    check_metric(task("names-concept", question(), scorer="vadr"))  # nobody is asked


def test_figures_of_questions_without_answers_have_no_comparison():
    rows = (question(), question())
    arms = [Arm("base", "base", Edit({}), ("red red blue", ""), Damage(1.0, 0.0), 0)]
    found = summarise(task("concept-words", *rows), COLOURS, arms, 0)[0].target
    assert (found.score.value, found.score.high) == (1.5, 1.5)  # no fraction, so not cut at 1
    assert (found.exact, found.f1) == (None, None)
    assert (found.concept_rate.value, found.empty) == (0.5, 0.5)
