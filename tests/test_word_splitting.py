"""Text in words, and how they are compared."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headpursuit.words import Depth, compared, depth_of, folded, normalise, split, words

LANGUAGES = (
    "Side by side: the cat, a dog",
    "Straße, Ärger über Öl",
    "Ça brûle à l'été, œuvre naïve",
    "Việt Nam đẹp lắm",
    "Ὀδυσσεύς, ᾳ ΐ ΣΊΣΥΦΟΣ",
    "Быстрый ёж, Київ",
    "दान और दिन, कृष्ण",
    "மொழி தமிழ்",
    "ไม่ใช่ไม้ เรือ",
    "ພາສາລາວ",
    "ភាសាខ្មែរ",
    "မြန်မာဘာသာ",
    "答案是北京。",
    "首都は東京です。ガラス",
    "서울은 한국의 수도",
    "مُحَمَّد في القاهرة، آسيا",
    "שָׁלוֹם עולם",
    "İstanbul Türkiye",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C#, C++ and C; C++11 or F#m", "c# c++ and c c++ 11 or f m"),
        ("grade A+ in A", "grade a+ in"),
        ("C♯ is C#", "c# is c#"),
        ("3+4=7, a+b", "3 4 7 b"),
        ("at -5 or −5, not 3-5, x-5 or --5", "at -5 or -5 not 3 5 x 5 or 5"),
        ("well-known co\u00adop", "well known coop"),
        ("zero\u200bwidth می\u200cخواهم", "zerowidth میخواهم"),
        ("Hawaiʻi, Hawai’i, Hawai'i", "hawai i hawai i hawai i"),
        ("Ｃ＋＋ １２ ｶﾞﾗｽ", "c++ 12 ガ ラ ス"),
        ("答案是C。2020年", "答 案 是 c 2020 年"),
        ("๑๒ ไม่", "๑๒ ไ ม่"),
        ("1️⃣ ❤️ ✓", "1"),
        ("STRASSE straße", "strasse strasse"),
        ("İZMİR ısı ISI", "izmir ısı isi"),
    ],
)
def test_words_of_a_text(text, expected):
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("مُحَمَّد", "محمد"),
        ("محـــمد", "محمد"),
        ("שָׁלוֹם", "שלום"),
        ("ܫܠܳܡܳܐ", "ܫܠܡܐ"),
        ("cafe\u0301", "CAFÉ"),
        ("ΣΊΣΥΦΟΣ", "Σίσυφος"),
        ("ශ්\u200dරී", "ශ්රී"),
    ],
)
def test_written_with_and_without_what_is_optional(one, other):
    assert words(one) == words(other) != ()


@pytest.mark.parametrize(
    ("one", "other"),
    [("दान", "दिन"), ("ไม่", "ไม้"), ("آن", "ان"), ("کُردی", "كردي"), ("kır", "kir"), ("cafe", "café"), ("பால்", "பல்")],
)
def test_what_makes_another_word_stays(one, other):
    assert words(one) != words(other)


@pytest.mark.parametrize(
    ("expected", "depth", "kept"),
    [
        ("The Hague", Depth.WORDS, ("hague",)),
        ("50 %", Depth.WORDS, ("50",)),
        ("C#", Depth.WORDS, ("c#",)),
        ("A", Depth.SIGNS, ("a",)),
        ("✓.", Depth.SIGNS, ("✓",)),
        ("A♥", Depth.SIGNS, ("a", "♥")),
        ("x <= 5", Depth.SIGNS, ("x", "<=", "5")),
        ("O-", Depth.SIGNS, ("o", "-")),
        ("👨‍👩‍👧", Depth.SIGNS, ("👨👩👧",)),
        ("...", Depth.ALL, ("...",)),
        ("?!", Depth.ALL, ("?", "!")),
        (" \u200b\ufeff\u00ad\ufe0f", Depth.ALL, ()),
        ("\u3164", Depth.ALL, ()),
        ("ـ", Depth.ALL, ()),
    ],
)
def test_an_expected_text_keeps_what_it_would_lose(expected, depth, kept):
    assert (depth_of(expected), compared(expected)) == (depth, kept)


def trivia_qa(text):
    """What the normalisation was before it read other scripts."""
    bare = re.sub(r"[^\w\s]|_", " ", text.lower())
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


MENDED = re.compile(r"[A-Za-z](\+|#)|(?<![A-Za-z0-9])-(?=\d)")
"""`C#`, `A+` and numbers with a minus: the words of plain English that differ from TriviaQA's."""


@given(st.text(st.characters(max_codepoint=127), max_size=40).filter(lambda text: not MENDED.search(text)))
@example("The_cat's 3,000 a.m. e-mails (A/B) -- an X_y & the \x1f z")
def test_words_of_ascii_are_those_of_trivia_qa(text):
    assert normalise(text) == trivia_qa(text)


@given(st.text(max_size=30))
@example("\u0344ｶﾞ ≠ 각 \u1100\u1161\u11a8 ŉ İ")
def test_places_lie_side_by_side_in_the_text(text):
    behind = 0
    for word in split(text):
        assert behind <= word.start < word.end <= len(text)
        assert word.text == folded(text[word.start : word.end]) != ""
        behind = word.end


@given(st.lists(st.sampled_from(LANGUAGES), max_size=4).map(" ".join), st.sampled_from(["NFC", "NFD"]))
def test_composed_and_decomposed_text_has_the_same_words(text, form):
    for depth in Depth:
        assert words(unicodedata.normalize(form, text), depth) == words(text, depth)


@given(st.text(max_size=20))
def test_any_text_has_the_same_words_composed_and_decomposed(text):
    composed, apart = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert words(composed) == words(apart)


@given(st.lists(st.sampled_from(LANGUAGES), max_size=4).map(" ".join))
def test_case_changes_no_word(text):
    assert words(text.upper()) == words(text.lower()) == words(text)
