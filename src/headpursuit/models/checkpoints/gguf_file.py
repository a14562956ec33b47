"""A GGUF file as it lies on disk, read without its weights.

Of the package gguf only the tables are used: its reader makes several arrays for every token, which takes seconds and
hundreds of megabytes before the first weight is seen. Here metadata stays the bytes it is, and weights come in pieces.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType
from numpy.typing import NDArray

_AT_ONCE = 1 << 22
"""Bytes that are copied, and values that are worked on, at once."""

_LONGEST = 4096
"""Numbers of an array that are read; longer ones are of tokens."""

_NUMBERS = {
    GGUFValueType.UINT8: "<B",
    GGUFValueType.INT8: "<b",
    GGUFValueType.UINT16: "<H",
    GGUFValueType.INT16: "<h",
    GGUFValueType.UINT32: "<I",
    GGUFValueType.INT32: "<i",
    GGUFValueType.UINT64: "<Q",
    GGUFValueType.INT64: "<q",
    GGUFValueType.FLOAT32: "<f",
    GGUFValueType.FLOAT64: "<d",
    GGUFValueType.BOOL: "<?",
}


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file."""

    name: str
    sizes: tuple[int, ...]
    """In the file's order: the length of a row first."""
    kind: GGMLQuantizationType
    offset: int
    """From the beginning of the file."""

    @property
    def width(self) -> int:
        """Values of one row: of a projection, its inputs."""
        return self.sizes[0]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return prod(self.sizes[1:])

    @property
    def n_bytes(self) -> int:
        """Size in the file."""
        return bytes_of(self.kind, self.width) * self.n_rows


def bytes_of(kind: GGMLQuantizationType, width: int) -> int:
    """Bytes of one row of so many values."""
    values, size = GGML_QUANT_SIZES[kind]
    return width // values * size


@dataclass(frozen=True)
class Unread:
    """A list of texts, or a long one of numbers."""

    length: int


@dataclass(frozen=True)
class GgufFile:
    """Metadata of a GGUF file, and where its tensors are."""

    path: Path
    version: int
    metadata: dict[str, Any]
    """Numbers, texts and short lists of numbers by key; of other lists, their length as `Unread`."""
    raw: dict[str, bytes]
    """Key and value as they are in the file."""
    tensors: dict[str, StoredTensor]
    data_offset: int

    @property
    def alignment(self) -> int:
        """Tensors begin at multiples of it."""
        return int(self.metadata.get("general.alignment") or 32)

    @cached_property
    def in_order(self) -> tuple[StoredTensor, ...]:
        """Tensors as they follow each other."""
        return tuple(sorted(self.tensors.values(), key=lambda tensor: tensor.offset))

    def span(self, tensor: StoredTensor) -> int:
        """Bytes from a tensor's beginning to that of the next, or to the end of the file."""
        number = self.in_order.index(tensor) + 1
        end = self.in_order[number].offset if number < len(self.in_order) else self.path.stat().st_size
        return end - tensor.offset

    def rows(self, tensor: StoredTensor) -> Iterator[NDArray[np.uint8]]:
        """Rows of a tensor, some at once: (n_rows, bytes of a row)."""
        size, step = bytes_of(tensor.kind, tensor.width), max(1, _AT_ONCE // tensor.width)
        with self.path.open("rb") as file:
            file.seek(tensor.offset)
            for first in range(0, tensor.n_rows, step):
                count = min(step, tensor.n_rows - first)
                yield np.frombuffer(_exactly(file, count * size), dtype=np.uint8).reshape(count, size)

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        """A part of the file, some bytes at once."""
        with self.path.open("rb") as file:
            file.seek(start)
            for first in range(0, length, _AT_ONCE):
                yield _exactly(file, min(_AT_ONCE, length - first))


def _exactly(file: BinaryIO, count: int) -> bytes:
    found = file.read(count)
    if len(found) != count:
        raise OSError(f"{file.name} ended while it was read")
    return found


def read_gguf(path: Path) -> GgufFile:
    """Read what is before the weights.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no GGUF file, is cut off or damaged, or is written for machines of the other byte order.
    """
    with path.open("rb") as file:
        start = file.read(8)
        if start[:4] != b"GGUF":
            found = f"begins with {start[:4]!r}, not with b'GGUF'" if start else "is empty"
            raise ValueError(f"{path} is no GGUF file: it {found}; fetch it again, or give another file")
        if len(start) == 8 and start[4:6] == b"\0\0":
            raise ValueError(f"{path} is a GGUF file for machines of the other byte order; convert it anew")
        with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            try:
                return _parsed(path, content)
            except (struct.error, _CutOff) as error:
                said = str(error) if isinstance(error, _CutOff) else "it ends within its header"
                raise ValueError(
                    f"{path} is cut off or damaged ({said}, after {len(content):,} bytes); fetch it again"
                ) from error


class _CutOff(Exception):
    """A place that the file says is there, and is not."""


class _Cursor:
    """Values one after another."""

    def __init__(self, content: mmap) -> None:
        self.content, self.at = content, 4

    def number(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self.content, self.at)
        self.skip(struct.calcsize(form))
        return value

    def skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self.content):
            raise _CutOff("it ends within its header")

    def text(self) -> str:
        count = self.number("<Q")
        start = self.at
        self.skip(count)
        try:
            return self.content[start : self.at].decode()
        except UnicodeDecodeError as error:
            raise _CutOff("a name in its header is no text") from error

    def value(self, kind: int) -> Any:
        if kind == GGUFValueType.STRING:
            return self.text()
        if kind == GGUFValueType.ARRAY:
            return self._array(self.number("<I"), self.number("<Q"))
        return self.number(_form(kind))

    def _array(self, kind: int, count: int) -> list[Any] | Unread:
        if kind == GGUFValueType.STRING:
            for _ in range(count):
                self.skip(self.number("<Q"))
            return Unread(count)
        if count <= _LONGEST:
            return [self.number(_form(kind)) for _ in range(count)]
        self.skip(count * struct.calcsize(_form(kind)))
        return Unread(count)


def _form(kind: int) -> str:
    if kind not in _NUMBERS:
        raise _CutOff(f"its header holds a value of a kind ({kind}) that there is not")
    return _NUMBERS[GGUFValueType(kind)]


def _parsed(path: Path, content: mmap) -> GgufFile:
    cursor = _Cursor(content)
    version, n_tensors, n_values = (cursor.number(form) for form in ("<I", "<Q", "<Q"))
    if version not in (2, 3):
        raise ValueError(f"{path} is a GGUF file of version {version}; versions 2 and 3 can be read")
    metadata, raw = {}, {}
    for _ in range(n_values):
        start, key = cursor.at, cursor.text()
        metadata[key] = cursor.value(cursor.number("<I"))
        raw[key] = content[start : cursor.at]
    infos = [_info(path, cursor) for _ in range(n_tensors)]
    alignment = metadata.get("general.alignment") or 32
    data_offset = cursor.at + -cursor.at % int(alignment)
    tensors = {name: StoredTensor(name, sizes, kind, data_offset + at) for name, sizes, kind, at in infos}
    end = max((tensor.offset + tensor.n_bytes for tensor in tensors.values()), default=0)
    if end > len(content) or len(tensors) < n_tensors or len(raw) < n_values:
        raise _CutOff(f"its tensors end at {end:,}" if end > len(content) else "a name is there twice")
    return GgufFile(path, version, metadata, raw, tensors, data_offset)


def _info(path: Path, cursor: _Cursor) -> tuple[str, tuple[int, ...], GGMLQuantizationType, int]:
    name, n_sizes = cursor.text(), cursor.number("<I")
    if not 1 <= n_sizes <= 4:
        raise _CutOff(f"tensor {name!r} has {n_sizes} dimensions")
    sizes = tuple(cursor.number("<Q") for _ in range(n_sizes))
    kind, at = cursor.number("<I"), cursor.number("<Q")
    if kind not in {known.value for known in GGML_QUANT_SIZES}:
        raise ValueError(f"{path}: tensor {name} is stored in a way (type {kind}) that the package gguf does not know")
    return name, sizes, GGMLQuantizationType(kind), at
