"""Text split into words, the way scores compare them; for every script.

1. A *word* is a run of letters, digits and their marks (Unicode's L, N and M), so vowel signs and accents belong to
   their letters. Of scripts that put no spaces between words (Han, kana, and Thai, Lao, Khmer, Burmese and whatever
   else Unicode breaks by dictionary) every character with its marks is a word. `C#`, `C++` and `A+` keep their ending,
   and numbers their minus.
2. Words are compared as `folded` writes them: without case, and without what is invisible or optional.
3. Between words stand English articles, *signs* (of mathematics, emoji, arrows and the like) and punctuation. `Depth`
   says which of them are compared.

Source: the TriviaQA evaluation (Joshi et al. 2017), where punctuation and underscores become spaces, so that
`Paris,France` is two words, and articles go; in the SQuAD evaluation (Rajpurkar et al. 2016) punctuation vanishes.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import regex

ARTICLES = frozenset({"a", "an", "the"})

LETTER = r"[[\p{L}\p{N}]--[\p{DI}\u02bb-\u02bf]]"
"""First character of a word; the letters that are written for apostrophes are none."""

UNSPACED = rf"[[{LETTER}--\p{{Nd}}]&&[\p{{scx=Han}}\p{{scx=Hira}}\p{{scx=Kana}}\p{{lb=SA}}]]"
"""Letters of scripts without spaces; their digits form numbers as elsewhere."""

MARK = r"[\p{M}\p{DI}\uff9e\uff9f]"
"""Belongs to the letter before it: a mark, also of half-width kana, or something invisible."""

_TOKEN = regex.compile(
    rf"""
    (?<word> {UNSPACED} {MARK}*
      | (?: (?<![\p{{L}}\p{{M}}\p{{N}}\-−]) [-−] (?=\p{{Nd}}) )?
        [{LETTER}--{UNSPACED}] (?: [{LETTER}--{UNSPACED}] | {MARK} )*
        (?: (?<=[\p{{L}}\p{{M}}]) (?: [+＋]{{2}} (?![+＋]) | [+＋\#＃♯♭] (?![\p{{L}}\p{{N}}+＋\#＃]) ) )? )
    | (?<sign> (?=[\p{{So}}--[°©®™℠℗\ufffd]]) \X
      | (?: [\p{{Sm}}--[|~−]] \p{{M}}* )+
      | (?<=[\p{{L}}\p{{M}}]) [-−] (?![\p{{L}}\p{{N}}\-−]) )
    | (?<other> [^\s\p{{Cc}}\p{{Cf}}\p{{DI}}] ) (?P=other)* {MARK}*
    """,
    regex.VERBOSE | regex.VERSION1,
)

_WIDE = regex.compile(r"[\uff01-\uffee]+")

_OPTIONAL = regex.compile(
    r"[\p{DI}\p{Me}"
    r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points and accents
    r"\u0610-\u061a\u064b-\u0652\u0670[[\u06d6-\u06ed]&&\p{Mn}]\u0640"  # Arabic vowels, signs of the Quran, tatweel
    r"\u0730-\u074a]",  # Syriac vowels
    regex.VERSION1,
)

_ALIKE = str.maketrans(
    {**dict.fromkeys("‘’‛′\u02bb\u02bc\u02bd\u02be\u02bf", "'"), **dict.fromkeys("‐‑−", "-"), "♯": "#"}
)


class Depth(IntEnum):
    """Depth of a comparison: which parts of a text count."""

    WORDS = 0
    """Words only; so punctuation, articles, and what decorates an answer change nothing."""
    SIGNS = 1
    """Articles and signs, too."""
    ALL = 2
    """Every visible character, punctuation too."""


@dataclass(frozen=True)
class Word:
    """A word of a text, or what stands between words."""

    text: str
    """As it is compared."""
    start: int
    """Its first character in the text."""
    end: int
    """The character behind its last one."""
    depth: Depth
    """The least depth at which it is compared."""


def folded(text: str) -> str:
    """A text as it is compared: composed (NFC), without case, without what is invisible or optional.

    - Case is folded as Unicode does (ß is ss). İ is i; but ı stays a letter of its own, as kır is not kir, so Turkish
      in capitals is not found by its small letters where an I stands for ı.
    - Invisible are joiners, soft hyphens, zero-width spaces, variation selectors and the like.
    - Optional are marks that readers of a script add: vowels in Hebrew, Arabic and Syriac, Arabic's tatweel, and frames
      like those of keycaps. Vowel signs of other scripts are letters in all but name, and stay.
    - Full-width and half-width forms are the usual characters; typographic apostrophes and hyphens are those of ASCII.
    """
    usual = _WIDE.sub(lambda wide: unicodedata.normalize("NFKC", wide[0]), text)
    needed = _OPTIONAL.sub("", unicodedata.normalize("NFD", usual))
    return unicodedata.normalize("NFC", needed.casefold()).replace("i\u0307", "i").translate(_ALIKE)


@lru_cache(maxsize=1 << 14)
def split(text: str) -> tuple[Word, ...]:
    """A text's words, and what stands between them, in its order."""
    return tuple(_split(text))


def _split(text: str) -> Iterator[Word]:
    for found in _TOKEN.finditer(text):
        compared = folded(found[0])
        if found["word"]:
            depth = Depth.SIGNS if compared in ARTICLES else Depth.WORDS
        else:
            depth = Depth.SIGNS if found["sign"] else Depth.ALL
        if compared:
            yield Word(compared, found.start(), found.end(), depth)


def words(text: str, depth: Depth = Depth.WORDS) -> tuple[str, ...]:
    """A text's words, as they are compared."""
    return tuple(word.text for word in split(text) if word.depth <= depth)


def normalise(text: str) -> str:
    """A text's words with single spaces between them: lower case, without punctuation, signs and articles."""
    return " ".join(words(text))


def depth_of(expected: str) -> Depth:
    """The depth at which an expected text is compared: its words, unless it would lose something by that.

    A text with signs (`A♥`, `x < 5`), or of articles alone (`A` of A to D), is compared with both; one of punctuation
    alone with everything.
    """
    found = split(expected)
    if any(word.depth == Depth.SIGNS and word.text not in ARTICLES for word in found):
        return Depth.SIGNS
    return min((word.depth for word in found), default=Depth.ALL)


@lru_cache(maxsize=1 << 14)
def compared(expected: str) -> tuple[str, ...]:
    """The words that an expected text is compared by; texts with the same ones are the same answer.

    None if it has no visible character, so that no text can be found to contain it.
    """
    return words(expected, depth_of(expected))
