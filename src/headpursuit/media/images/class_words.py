"""The words that name a label."""

import re

from headpursuit.words import compared

_SPACES = re.compile(r"_|(?<=\w)-(?!$)|(?<!\w)-(?!\d)|(?<=\w{3})-$")

DIGITS = {
    str(digit): (word, str(digit))
    for digit, word in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
}
"""The ten digits as labels: the word, then the figure."""


def words_of(label: str) -> tuple[str, ...]:
    """The words that name a label of the user's own, the usual one first.

    Underscores and dashes are spaces, except a number's minus and a grade's (`-5`, `B-`); commas part synonyms (as in
    ImageNet's `tench, Tinca tinca`), and a digit is also a word.

    Raises:
        ValueError: If nothing is left that an answer could contain.
    """
    if label in DIGITS:
        return DIGITS[label]
    parts = (" ".join(_SPACES.sub(" ", part.strip()).split()) for part in label.split(","))
    words = tuple(dict.fromkeys(filter(compared, parts)))
    if not words:
        raise ValueError(f"the label {label!r} holds no word that an answer could name; rename it")
    return words
