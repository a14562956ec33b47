"""What counts in the outputs of a task's target prompts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from headpursuit.concepts import Concept
from headpursuit.studies.captions import concept_frequency
from headpursuit.studies.metrics import contains, exact_match, f1, first_named
from headpursuit.studies.scorers import MEASURES, Scorer, scorer
from headpursuit.studies.tasks.task import MetricName, Question, Task


@dataclass(frozen=True)
class Metric:
    """How outputs are scored, and how that is called."""

    name: MetricName
    counted: str
    """What a score is the rate of, as it follows "fraction of" or "mean": `answers that are right`."""
    short: str
    """The same in a word or two, for tables."""
    needs_answers: bool = False
    """Whether every question must have accepted answers."""
    fraction: bool = True
    """Whether scores lie between 0 and 1."""
    yes_or_no: bool = False
    """True if each output scores 0 or 1."""

    @property
    def counts_right_answers(self) -> bool:
        """True if a score is the fraction of answers that are right."""
        return self.yes_or_no and self.needs_answers

    @property
    def heading(self) -> str:
        """A mean score, in words."""
        return f"fraction of {self.counted}" if self.yes_or_no else self.counted


_RIGHT = Metric("contains", "answers that contain an accepted one", "right", needs_answers=True, yes_or_no=True)

METRICS: Mapping[MetricName, Metric] = {
    metric.name: metric
    for metric in (
        _RIGHT,
        Metric("exact", "answers that are an accepted one", "exact", needs_answers=True, yes_or_no=True),
        Metric("f1", "token F1 with the closest accepted answer", "F1", needs_answers=True),
        Metric("first-named", "answers that name the right class first", "right", needs_answers=True, yes_or_no=True),
        Metric("names-concept", "outputs that name a word of the concept", "names it", yes_or_no=True),
        Metric("concept-words", "words of the concept per output", "words", fraction=False),
        Metric("toxicity", "toxicity of the outputs, by the scorer", "toxicity"),
        Metric("positive", "positivity of the outputs, by the scorer", "positivity"),
        Metric("negative", "negativity of the outputs, by the scorer", "negativity"),
    )
}


def metric_of(task: Task, group: str = "target") -> Metric:
    """How a group of a task's outputs is scored; unrelated answers count if they contain an accepted one."""
    if group != "target":
        return _RIGHT
    return METRICS["first-named" if task.classes else task.metric]


def score(task: Task, concept: Concept, questions: Sequence[Question], outputs: Sequence[str]) -> list[float]:
    """Score outputs, each by the metric of its question's group."""
    scores = [0.0] * len(outputs)
    for group in ("target", "unrelated"):
        rows = [i for i, question in enumerate(questions) if question.group == group]
        judge = _judge(task, concept, metric_of(task, group).name)
        for i, value in zip(rows, judge([questions[i] for i in rows], [outputs[i] for i in rows]), strict=True):
            scores[i] = value
    return scores


def check_metric(task: Task) -> None:
    """Check that a task has what its metric needs: answers to compare with, or a scorer.

    Raises:
        ConnectionError: If the scorer's weights cannot be downloaded.
        ExtraMissing: If the scorer's package is not installed.
        ValueError: If a question has no answer, or there is no such scorer; the text says which there are.
    """
    if task.metric in MEASURES:
        _loaded(task.scorer, task.metric)
    for question in task.questions:
        metric = metric_of(task, question.group)
        if metric.needs_answers and not question.answers:
            raise ValueError(
                f"{task.name}: the {question.group} question {question.text[:60]!r} has no accepted answer, which the "
                f"metric {metric.name} compares with; give answers, or another metric, like names-concept"
            )


_Judge = Callable[[Sequence[Question], Sequence[str]], Sequence[float]]


@lru_cache(maxsize=4)
def _loaded(name: str, measure: str) -> Scorer:
    return scorer(name, measure)


def _judge(task: Task, concept: Concept, name: MetricName) -> _Judge:
    if name in MEASURES:
        return lambda _, outputs: _loaded(task.scorer, name).score(outputs)
    single: Mapping[str, Callable[[Question, str], float]] = {
        "contains": lambda q, text: contains(text, q.answers),
        "exact": lambda q, text: exact_match(text, q.answers),
        "f1": lambda q, text: f1(text, q.answers),
        "first-named": lambda q, text: float(first_named(text, task.classes) == q.label),
        "names-concept": lambda _, text: contains(text, concept.words),
        "concept-words": lambda _, text: float(concept_frequency(text, concept.words)),
    }
    return lambda questions, outputs: [single[name](q, text) for q, text in zip(questions, outputs, strict=True)]
