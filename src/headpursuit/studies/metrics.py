"""How answers are scored."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = re.compile(r"[^\w\s]|_")


def normalise(text: str) -> str:
    """Lower case, without punctuation and articles, single spaces.

    Source: the TriviaQA evaluation (Joshi et al. 2017), where punctuation and underscores become spaces, so that
    `Paris,France` is two words; in the SQuAD evaluation (Rajpurkar et al. 2016) they vanish.
    Differences: all of Unicode's punctuation and symbols count, not ASCII's and four quotation marks.
    """
    return " ".join(_ARTICLES.sub(" ", _PUNCTUATION.sub(" ", text.lower())).split())


def exact_match(answer: str, accepted: Sequence[str]) -> float:
    """1 if the answer's first line is an accepted one after normalisation, else 0; one without words is none.

    Models that are no chat models go on with questions of their own in the lines that follow.
    """
    said = normalise(_first_line(answer))
    return float(bool(said) and said in {normalise(a) for a in accepted})


def f1(answer: str, accepted: Sequence[str]) -> float:
    """Token F1 of the answer's first line with the closest accepted answer, 0 to 1."""
    said = normalise(_first_line(answer)).split()
    return max(_token_f1(said, normalise(a).split()) for a in accepted)


def _first_line(answer: str) -> str:
    return next((line for line in answer.splitlines() if not is_empty(line)), "")


def _token_f1(found: list[str], expected: list[str]) -> float:
    common = sum((Counter(found) & Counter(expected)).values())
    return 2 * common / (len(found) + len(expected)) if common else 0.0


def contains(answer: str, accepted: Sequence[str]) -> float:
    """1 if an accepted answer occurs in the answer as whole words, else 0; so `Niger` is not in `Nigeria`."""
    padded = f" {normalise(answer)} "
    return float(any(f" {normalise(a)} " in padded for a in accepted if not is_empty(a)))


def first_named(answer: str, classes: Mapping[str, Sequence[str]]) -> str | None:
    """The class named first in an answer, by any of its words; of words that begin together the longest.

    Args:
        answer: What a model wrote.
        classes: The words that name each class.

    Returns:
        The class, or None if none is named.
    """
    padded = f" {normalise(answer)} "
    named = ((label, normalise(word)) for label, words in classes.items() for word in words if not is_empty(word))
    found = [(padded.find(f" {word} "), -len(word), label) for label, word in named]
    return min((place for place in found if place[0] >= 0), default=(0, 0, None))[2]


def is_empty(answer: str) -> bool:
    """Whether an answer has no word at all."""
    return not normalise(answer)


def repetition(answer: str) -> float:
    """Fraction of an answer's word pairs that occurred in it before, 0 to 1; 0 for fewer than two words.

    Source: seq-rep-n of Welleck et al. (2020), with n = 2 because answers are short.
    """
    words = normalise(answer).split()
    pairs = list(zip(words, words[1:], strict=False))
    return 1 - len(set(pairs)) / len(pairs) if pairs else 0.0
