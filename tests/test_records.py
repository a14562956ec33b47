import json
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headpursuit.heads import Edit, Head
from headpursuit.records import from_fields, from_record, to_record


class Word(StrEnum):
    GOOD = "good"
    TOO_WEAK = "too weak"


@dataclass(frozen=True)
class Inner:
    value: float
    named: str | None = None


@dataclass(frozen=True)
class Outer:
    inner: Inner
    many: tuple[Inner, ...]
    pair: tuple[int, float]
    by_word: dict[Literal["down", "up"], Inner]
    word: Word
    head: Head
    edit: Edit
    place: Path
    maybe: Inner | None
    either: int | str
    flag: bool
    free: dict[str, Any] = field(default_factory=dict)


def outer(**changes):
    whole = {
        "inner": Inner(1.5),
        "many": (Inner(0.0, "a"), Inner(2.0)),
        "pair": (3, 0.5),
        "by_word": {"up": Inner(1.0)},
        "word": Word.TOO_WEAK,
        "head": Head(2, 3),
        "edit": Edit({"L2H3": -1}, (0, -1)),
        "place": Path("some/file"),
        "maybe": None,
        "either": "1%",
        "flag": True,
        "free": {"anything": [1, None]},
    }
    return Outer(**whole | changes)


@given(
    st.floats(allow_nan=False),
    st.none() | st.text(),
    st.integers(),
    st.sampled_from(Word),
    st.booleans(),
    st.integers() | st.text(),
)
def test_what_is_written_comes_back(number, text, whole, word, flag, either):
    value = outer(inner=Inner(number, text), pair=(whole, number), word=word, flag=flag, either=either)
    assert from_record(Outer, json.loads(json.dumps(to_record(value)))) == value


def test_heads_and_enums_are_written_by_name():
    content = to_record(outer())
    assert (content["head"], content["word"], content["place"]) == ("L2H3", "too weak", "some/file")
    assert content["edit"] == {"scales": {"L2H3": -1.0}, "scope": [-1, 0]}
    assert list(content) == [f.name for f in fields(Outer)]


def set_in(content, path, value):
    *before, last = path
    for step in before:
        content = content[step]
    content[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("inner", "value"), "a", "inner.value is 'a', not a number"),
        (("inner",), 3, "inner is 3, not the fields of Inner"),
        (("many", 1, "named"), 7, r"many[1].named is 7, not text"),
        (("many",), "ab", "many is 'ab', not a list"),
        (("pair",), [1], "pair is [1], not a list of 2"),
        (("pair", 0), 0.5, "pair[0] is 0.5, not a whole number"),
        (("pair", 0), True, "pair[0] is True, not a whole number"),
        (("by_word",), [], "by_word is [], not an object"),
        (("by_word", "sideways"), {"value": 1}, "by_word: a key is 'sideways', not one of down, up"),
        (("by_word", "up", "value"), None, "by_word: up.value is None, not a number"),
        (("word",), "best", "word is 'best', not one of good, too weak"),
        (("head",), "head 7", "head: 'head 7' is not a head; write the layer and the head from zero, like L12H3"),
        (("head",), 7, "head is 7, not text"),
        (("edit",), 7, "edit is 7, not an object"),
        (("edit", "scales", "L2H3"), "x", "edit: the scale of L2H3 is 'x'; it must be a number"),
        (("place",), 7, "place is 7, not text"),
        (("maybe",), {"value": 10**400}, "maybe.value: int too large to convert to float"),
        (("either",), [], "either is [], not text"),
        (("flag",), 1, "flag is 1, not true or false"),
        (("inner", "more"), 1, "inner.more is no field of Inner"),
    ],
)
def test_a_value_of_another_type_is_refused_by_the_path_of_its_field(path, value, message):
    content = json.loads(json.dumps(to_record(outer())))
    set_in(content, path, value)
    with pytest.raises(TypeError) as caught:
        from_record(Outer, content)
    assert str(caught.value) == message


def test_a_field_without_a_default_has_to_be_there_and_others_need_not():
    content = json.loads(json.dumps(to_record(outer())))
    del content["free"], content["many"][0]["named"]
    assert from_record(Outer, content) == outer(free={}, many=(Inner(0.0), Inner(2.0)))
    del content["many"][1]["value"]
    with pytest.raises(TypeError, match=r"^many\[1\].value is missing$"):
        from_record(Outer, content)
    with pytest.raises(TypeError, match="^the content is 7, not the fields of Outer$"):
        from_record(Outer, 7)


def test_a_whole_number_may_stand_for_a_fraction():
    found = from_record(Inner, {"value": 2})
    assert found == Inner(2.0)
    assert isinstance(found.value, float)


@dataclass(frozen=True)
class Own:
    count: int

    def __post_init__(self):
        if self.count < 1:
            raise ValueError(f"count is {self.count}; it must be at least 1")

    def to_json(self):
        return {"n": self.count}

    @classmethod
    def from_json(cls, content):
        return from_fields(cls, {"count": content["n"]})


@dataclass(frozen=True)
class Holder:
    own: Own


def test_a_type_with_a_form_of_its_own_is_asked_wherever_it_stands():
    assert to_record(Holder(Own(2))) == {"own": {"n": 2}}
    assert from_record(Holder, {"own": {"n": 2}}) == Holder(Own(2))
    assert from_record(Own, {"n": 3}) == Own(3)
    with pytest.raises(TypeError, match="^count is 0; it must be at least 1$"):
        from_record(Holder, {"own": {"n": 0}})


def test_what_is_made_already_is_taken_as_it_is():
    inner = Inner(1.0)
    assert from_record(Outer, to_record(outer()) | {"inner": inner}).inner is inner


A = TypeVar("A", Inner, Own)


@dataclass(frozen=True)
class Cell(Generic[A]):
    held: A


@dataclass(frozen=True)
class Sheet(Generic[A]):
    first: A
    cells: tuple[Cell[A], ...]
    by_word: dict[Word, A | None]


@pytest.mark.parametrize(("kind", "held"), [(Inner, Inner(0.5)), (Own, Own(2))])
def test_a_generic_dataclass_is_read_with_its_variables_filled_in(kind, held):
    sheet = Sheet(held, (Cell(held),), {Word.GOOD: held, Word.TOO_WEAK: None})
    both = tuple[Sheet[kind], Sheet[kind] | None]
    assert from_record(both, to_record((sheet, sheet))) == (sheet, sheet)
    assert from_record(both, (sheet, None))[0] is sheet
    with pytest.raises(TypeError, match=r"^\[0\].cells\[0\].held is 7, not"):
        from_record(both, [to_record(sheet) | {"cells": [{"held": 7}]}, None])
