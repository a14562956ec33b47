"""Text files: UTF-8, a byte order mark or not, lines that end as they do on any system; all else is told apart."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import regex

_HEAD = 4096
"""Bytes that are looked at before a file is read."""

_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32LE",
    b"\x00\x00\xfe\xff": "UTF-32BE",
    b"\xff\xfe": "UTF-16LE",
    b"\xfe\xff": "UTF-16BE",
}
"""Byte order marks; the longer ones first, as UTF-32's begins with UTF-16's."""

_CONTROLS = frozenset(range(32)) - set(b"\t\n\v\f\r\x1a\x1b")
"""Bytes that no text in any one-byte encoding has."""


_VISIBLE = regex.compile(r"[^\s\p{Cc}\p{Cf}\p{DI}]", regex.VERSION1)


@contextmanager
def opened(path: Path, newline: str | None = None) -> Iterator[TextIO]:
    """A text file to read from; `newline` is that of `open`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not UTF-8 text; the text says where, what it looks like, and how to convert it.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder, where a file is expected; name one in it")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    _check_head(path, refuse_pointer(path))
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as text:
            yield text
    except UnicodeDecodeError:
        raise ValueError(_no_utf8(path)) from None


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    r"""The lines of a text file, read as they are asked for, each with its number from 1.

    Lines end with `\n`, `\r\n` or `\r`, and with nothing else: form feeds, U+0085 and U+2028 are part of a line.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not UTF-8 text, or a line holds a NUL character.
    """
    with opened(path) as text:
        for number, line in enumerate(text, start=1):
            # Files that were put together from several may have further byte order marks.
            line = line.removesuffix("\n").removeprefix("\ufeff")
            _check_no_nul(line, f"{path}, line {number}")
            yield number, line


def read_text(path: Path) -> str:
    r"""A whole text file; all lines end with `\n`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not UTF-8 text, or a line holds a NUL character.
    """
    return "\n".join(line for _, line in lines_of(path))


def check_text(text: str, where: str) -> None:
    r"""Refuse text that no text file can hold: NUL characters, and half characters, as `"\ud83d"` is in JSON.

    Raises:
        ValueError: If there is one; the text says which, and begins with `where`.
    """
    _check_no_nul(text, where)
    if half := half_character(text):
        raise ValueError(f"{where}: {half}")


def is_blank(text: str) -> bool:
    """True for a text of spaces, and of characters that nobody sees: zero-width spaces, soft hyphens and the like."""
    return _VISIBLE.search(text) is None


def shown(name: object) -> str:
    """A name from a file, for an error: as it is, or spelled out where it is blank, or no line of text."""
    text = str(name)
    return text if text.strip() and text.isprintable() else ascii(text)


def half_character(text: str) -> str:
    """A complaint about the first half of a surrogate pair in a text; empty if there is none."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"half a character ({text[error.start]!a}), whose other half is missing; write the whole character"
    return ""


def _check_no_nul(text: str, where: str) -> None:
    if "\0" in text:
        raise ValueError(f"{where}: a NUL character, which no text has; is the file UTF-16, or no text at all?")


def refuse_pointer(path: Path) -> bytes:
    """The first bytes of a file, unless they are a pointer of Git LFS.

    Raises:
        ValueError: If they are.
    """
    with path.open("rb") as content:
        head = content.read(_HEAD)
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        raise ValueError(f"{path} is a Git LFS pointer, which stands for the file itself; get that with: git lfs pull")
    return head


def _check_head(path: Path, head: bytes) -> None:
    """Refuse what the first bytes show not to be UTF-8 text, though it could be decoded."""
    encoding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "") or _sixteen_bits(head)
    if encoding:
        raise ValueError(f"{path} looks like {encoding}, not UTF-8; {_convert(encoding)}")


def _sixteen_bits(head: bytes) -> str:
    """UTF-16 without a byte order mark, by its zero bytes: every other byte of spaces and digits is one."""
    zeros = [head[half::2].count(0) for half in (0, 1)]
    if max(zeros) < max(2, len(head) // 20) or min(zeros) * 4 > max(zeros):
        return ""
    return "UTF-16LE" if zeros[1] > zeros[0] else "UTF-16BE"


def _no_utf8(path: Path) -> str:
    """A complaint about the first byte that is not UTF-8."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                where = f"{path}, line {number}: byte 0x{line[error.start]:02x} is not UTF-8"
                if _CONTROLS & set(line):
                    return f"{where}; the file is no text"
                return f"{where}; {_one_byte(line, error.start)}"
    return f"{path} is not UTF-8; save it as UTF-8"  # pragma: no cover - it was changed meanwhile


def _one_byte(line: bytes, start: int) -> str:
    """The reading of a line in one byte a character, and how to convert it; only the word around the byte is shown."""
    begin = max(line.rfind(b" ", 0, start), line.rfind(b",", 0, start), start - 20) + 1
    word = line[begin : begin + 24].split(b" ")[0].strip(b'\r\n",').decode("cp1252", "replace")
    if all(c.isascii() or unicodedata.category(c)[0] in "LP" for c in word):
        return f"read as Windows-1252 (Latin-1) it says {word!r}: {_convert('WINDOWS-1252')}"
    return "save it as UTF-8"


def _convert(encoding: str) -> str:
    return f"save it as UTF-8, say with: iconv -f {encoding} -t UTF-8 OLD > NEW"
