"""CIDEr: how much a caption says what people said about the same image, and what they say about few others.

1. A caption is its n-grams of 1 to 4 words. Each weighs its count times log(images / images whose references have it).
2. For each n, a caption and a reference are compared by the cosine of these weights, where a caption's weight counts at
   most as much as the reference's, times exp(-(difference in length)^2 / (2 * 6^2)).
3. The score is the mean over n and over the image's references, times 10.

Source: Vedantam, Zitnick and Parikh (2015), arXiv 1411.5726, in the variant CIDEr-D that pycocoevalcap calls CIDEr
(`cider/cider_scorer.py`), whose scores these are. An n-gram that no reference has weighs the most, as it does there.
Differences: the tokenizer, see `tokens`.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import regex

from headpursuit.words import LETTER, MARK, UNSPACED, folded

_LONGEST = 4
_SIGMA = 6.0
_SCALE = 10.0

Ngram: TypeAlias = tuple[str, ...]

_SPACED = rf"[[{LETTER}\p{{M}}_]--{UNSPACED}]"
_PART = rf"[{_SPACED}&]"
_TOKEN = regex.compile(
    rf"{UNSPACED}{MARK}*|\d[\d,./:]*\d(?!{_SPACED})|{_PART}+(?:[-'.]{_PART}+)*|[^\s]", regex.VERSION1
)
_CLITIC = regex.compile(r"(?:n't|'(?:s|re|ve|ll|d|m))$")
_DROPPED = regex.compile(r"[`[\p{P}--[#%*@/\\_\&]]]", regex.VERSION1)


def tokens(text: str) -> list[str]:
    """A caption's words as `words.folded` writes them, without punctuation; `'s` and `n't` are words of their own.

    Source: `PTBTokenizer` of pycocoevalcap, which runs Stanford CoreNLP 3.4.1 with `-lowerCase` and drops punctuation.
    Differences: made without Java. 1. Words like `cannot` and `gonna` stay whole. 2. Abbreviations never keep their
    final full stop. 3. Brackets and dashes of all kinds are dropped, and the punctuation of all scripts. 4. Of scripts
    without spaces every character is a word, as in `headpursuit.words`.
    """
    found = []
    for token in _TOKEN.findall(folded(text)):
        clitic = _CLITIC.search(token)
        if clitic and clitic.start():
            found += [token[: clitic.start()], clitic[0]]
        elif not _DROPPED.fullmatch(token):
            found.append(token)
    return found


class Cider:
    """CIDEr with the document frequencies of one set of references.

    Args:
        references: What people said, per image.

    Raises:
        ValueError: If there are no images, or an image has no references.
    """

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        if not references:
            raise ValueError("CIDEr needs the references of one image at least")
        for number, several in enumerate(references):
            if not several:
                raise ValueError(f"image {number} has no references; CIDEr compares captions with them")
        counted = [[_ngrams(reference) for reference in several] for several in references]
        self._frequencies = Counter(ngram for several in counted for ngram in set().union(*several))
        self._log_images = math.log(len(references))
        self._references = [[self._weighed(counts) for counts in several] for several in counted]

    def scores(self, captions: Sequence[str]) -> list[float]:
        """The score of every image's caption, 0 to 10; 0 for an empty one, and for all if there is one image only.

        Raises:
            ValueError: If there are not as many captions as images.
        """
        if len(captions) != len(self._references):
            raise ValueError(f"{len(captions)} captions do not match the references of {len(self._references)} images")
        return [self._score(caption, several) for caption, several in zip(captions, self._references, strict=True)]

    def mean(self, captions: Sequence[str]) -> float:
        """The mean of the scores."""
        return sum(self.scores(captions)) / len(captions)

    def _score(self, caption: str, references: Sequence["_Weighed"]) -> float:
        weighed = self._weighed(_ngrams(caption))
        return _SCALE * sum(_similarity(weighed, reference) for reference in references) / len(references)

    def _weighed(self, counts: Counter[Ngram]) -> "_Weighed":
        weights: list[dict[Ngram, float]] = [{} for _ in range(_LONGEST)]
        for ngram, count in counts.items():
            rarity = self._log_images - math.log(max(1, self._frequencies[ngram]))
            weights[len(ngram) - 1][ngram] = count * rarity
        norms = [math.sqrt(sum(weight**2 for weight in some.values())) for some in weights]
        return _Weighed(weights, norms, sum(count for ngram, count in counts.items() if len(ngram) == 1))


@dataclass(frozen=True)
class _Weighed:
    weights: list[dict[Ngram, float]]
    """Of the n-grams of each length."""
    norms: list[float]
    length: int
    """In words; the original counts pairs of words, which differ by as many."""


def _similarity(caption: _Weighed, reference: _Weighed) -> float:
    """Mean over the lengths of n-grams, 0 to 1."""
    total = 0.0
    for n in range(_LONGEST):
        product = caption.norms[n] * reference.norms[n]
        if product:
            theirs = reference.weights[n]
            shared = ((weight, theirs[ngram]) for ngram, weight in caption.weights[n].items() if ngram in theirs)
            total += sum(min(own, their) * their for own, their in shared) / product
    return total / _LONGEST * math.exp(-((caption.length - reference.length) ** 2) / (2 * _SIGMA**2))


def _ngrams(text: str) -> Counter[Ngram]:
    words = tokens(text)
    return Counter(
        tuple(words[start : start + n]) for n in range(1, _LONGEST + 1) for start in range(len(words) - n + 1)
    )
