"""Scores of answers, by the words that they have."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from headpursuit.studies.phrases import phrases
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
