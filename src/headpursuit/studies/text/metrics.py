"""Metrics: what counts in an output, and the scores of single answers, by the words that they have."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from headpursuit.plugins import Register, decorator
from headpursuit.studies.text.captions import concept_frequency
from headpursuit.studies.text.phrases import phrases
from headpursuit.words import Depth, compared, depth_of, words


def exact_match(answer: str, accepted: Sequence[str]) -> float:
    """1 if the answer's first line is an accepted one, as both are compared, else 0; one without words is none.

    Models that are no chat models go on with questions of their own in the lines that follow.
    """
    return float(any(_first_line(answer, depth_of(a)) == compared(a) != () for a in accepted))


def f1(answer: str, accepted: Sequence[str]) -> float:
    """F1 of the words of the answer's first line and of the closest accepted answer, 0 to 1."""
    return max(_word_f1(_first_line(answer, depth_of(a)), compared(a)) for a in accepted)


def _first_line(answer: str, depth: Depth) -> tuple[str, ...]:
    """The words of the first line that has some."""
    return next(filter(None, (words(line, depth) for line in answer.splitlines())), ())


def _word_f1(found: Sequence[str], expected: Sequence[str]) -> float:
    common = sum((Counter(found) & Counter(expected)).values())
    return 2 * common / (len(found) + len(expected)) if common else 0.0


def contains(answer: str, accepted: Iterable[str]) -> float:
    """1 if an accepted answer occurs in the answer as whole words, else 0; so `Niger` is not in `Nigeria`."""
    return float(any(True for _ in phrases(accepted).matches(answer)))


def first_named(answer: str, classes: Mapping[str, Sequence[str]]) -> str | None:
    """The class named first in an answer, by any of its words; of words that begin together the longest.

    Args:
        answer: What a model wrote.
        classes: The words that name each class; of classes with the same word, the first by the alphabet has it.

    Returns:
        The class, or None if none is named.
    """
    first = next(phrases(word for several in classes.values() for word in several).matches(answer), None)
    if first is None:
        return None
    return min(label for label, several in classes.items() if first.phrase in map(compared, several))


def is_empty(answer: str, expected: Iterable[str] = ()) -> bool:
    """True for an answer without any word, and without the texts that are expected, such as `A` or `✓`."""
    return not words(answer) and not contains(answer, expected)


def repetition(answer: str) -> float:
    """Fraction of an answer's word pairs that occurred in it before, 0 to 1; 0 for fewer than two words.

    Source: seq-rep-n of Welleck et al. (2020), with n = 2 because answers are short.
    """
    said = words(answer)
    pairs = list(zip(said, said[1:], strict=False))
    return 1 - len(set(pairs)) / len(pairs) if pairs else 0.0


@dataclass(frozen=True)
class Metric:
    """A way of scoring outputs, and its names."""

    name: str
    """Its name in task files."""
    counted: str
    """The outputs that a score is the rate of, as it follows "fraction of" or "mean": `answers that are right`."""
    short: str
    """The same in a word or two, for tables."""
    score: Callable[..., float] | None = None
    """Given an output, its `Question`, the `Task` and the `Concept`; None: the task's scorer rates outputs by it."""
    needs_answers: bool = False
    """True if every question must have accepted answers."""
    fraction: bool = True
    """True if scores lie between 0 and 1."""
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


def _compared(name: str, counted: str, short: str, score: Callable[..., float], yes_or_no: bool = True) -> Metric:
    """A metric that compares with the accepted answers."""
    return Metric(name, counted, short, score, needs_answers=True, yes_or_no=yes_or_no)


_ALL = (
    _compared(
        "contains", "answers that contain an accepted one", "right", lambda text, q, *_: contains(text, q.answers)
    ),
    _compared("exact", "answers that are an accepted one", "exact", lambda text, q, *_: exact_match(text, q.answers)),
    _compared("f1", "token F1 with the closest accepted answer", "F1", lambda text, q, *_: f1(text, q.answers), False),
    _compared(
        "first-named",
        "answers that name the right class first",
        "right",
        lambda text, q, task, _: float(first_named(text, task.classes) == q.label),
    ),
    Metric(
        "names-concept",
        "outputs that name a word of the concept",
        "names it",
        lambda text, _, __, concept: contains(text, concept.words),
        yes_or_no=True,
    ),
    Metric(
        "concept-words",
        "words of the concept per output",
        "words",
        lambda text, _, __, concept: float(concept_frequency(text, concept.words)),
        fraction=False,
    ),
    Metric("toxicity", "toxicity of the outputs, by the scorer", "toxicity"),
    Metric("positive", "positivity of the outputs, by the scorer", "positivity"),
    Metric("negative", "negativity of the outputs, by the scorer", "negativity"),
)

METRICS = Register("metric", Metric, _ALL)
"""All metrics by name; packages bring theirs by entry points `headpursuit.metrics`."""


def register_metric(
    name: str,
    counted: str,
    short: str = "",
    *,
    needs_answers: bool = False,
    fraction: bool = True,
    yes_or_no: bool = False,
) -> Callable[[Callable[..., float]], Metric]:
    """Make a function the metric of a name, as a decorator; task files name it as they name ours.

    The function is given an output, its `Question`, the `Task` and the `Concept`, and returns a score, the higher the
    more of what is counted. What the decorator returns is the `Metric`, which an entry point of the group
    `headpursuit.metrics` can name.

    Args:
        name: What task files call it.
        counted: What a score is the rate of, as it follows "fraction of" or "mean": `answers that are right`.
        short: The same in a word or two, for tables; the name by default.
        needs_answers: True if every question must have accepted answers.
        fraction: True if scores lie between 0 and 1.
        yes_or_no: True if each output scores 0 or 1.

    Raises:
        TypeError: If it is no function.
        ValueError: If another metric has that name.
    """
    how = {"needs_answers": needs_answers, "fraction": fraction, "yes_or_no": yes_or_no}
    return decorator("metric", lambda score: METRICS.add(Metric(name, counted, short or name, score, **how)))
