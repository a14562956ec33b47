"""Files as accidents leave them: any text, any JSON, any table, and good files with something wrong in them."""

import json

from hypothesis import strategies as st

SIGNS = [
    '"',
    "'",
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    "\r\n",
    " ",
    "#",
    ":",
    "-",
    "{",
    "}",
    "[",
    "]",
    "\\",
    "a",
    "b",
    "é",
    "日本",
]
ODD = ["\0", "\x0b", "\x0c", "\x85", "\u2028", "\ufeff", "\u200b", "😀", "cafe\u0301", "null", "nan", "1", "\\ud83d"]

texts = st.text(max_size=8) | st.lists(st.sampled_from(SIGNS + ODD), max_size=12).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**65) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def encoded(text):
    """Bytes of a text; of one with half characters, those of its other characters."""
    return text.encode("utf-8", "replace")


@st.composite
def mangled(draw, good):
    """A good file with bytes cut off, taken out, put in, doubled, or in another encoding."""
    content = draw(good)
    i, j = sorted(draw(st.integers(0, len(content))) for _ in range(2))
    inserted = encoded(draw(texts)) if draw(st.booleans()) else draw(st.binary(max_size=6))
    return draw(
        st.sampled_from(
            [
                content,
                content[:i],
                content[:i] + content[j:],
                content[:i] + inserted + content[j:],
                content[:i] + inserted + content[i:],
                content[:j] + content[i:],
                b"\xef\xbb\xbf" + content,
                content.decode("utf-8", "replace").encode(draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32"]))),
            ]
        )
    )


def places(content, path=()):
    """The way to every value inside JSON."""
    yield path
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield from places(value, (*path, key))


@st.composite
def altered(draw, good):
    """Good JSON with a value that is another, is gone, is there under another name, or is there twice; as bytes."""
    content = json.loads(json.dumps(good))
    *way, last = draw(st.sampled_from([path for path in places(content) if path]))
    inside = content
    for key in way:
        inside = inside[key]
    kind = draw(st.sampled_from(["another", "gone", "more", "whole"]))
    if kind == "another":
        inside[last] = draw(values)
    elif kind == "gone":
        del inside[last]
    elif kind == "more" and isinstance(inside, dict):
        inside[draw(texts)] = draw(values)
    elif kind == "whole":
        content = draw(values)
    text = json.dumps(content, ensure_ascii=draw(st.booleans()))
    return encoded(text)
