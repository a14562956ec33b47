"""A GGUF file written anew, with some tensors changed and something added to its metadata."""

import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from gguf import GGMLQuantizationType, GGUFValueType

from headpursuit.models.checkpoints.gguf_file import GgufFile, StoredTensor, bytes_of


@dataclass(frozen=True, eq=False)
class Rewriting:
    """A file with other metadata at the end and some tensors changed; all else is the same bytes."""

    file: GgufFile
    changed: Mapping[str, Callable[[], Iterator[bytes]]]
    """The bytes of tensors that become others, some at once."""
    kinds: Mapping[str, GGMLQuantizationType]
    """Of changed tensors that are stored in another way than before."""
    left_out: Collection[str] = ()
    """Keys of metadata that are not taken over."""

    def header(self, metadata: Mapping[str, str]) -> bytes:
        """Everything before the tensors; new texts come behind the other metadata."""
        kept = [raw for key, raw in self.file.raw.items() if key not in self.left_out]
        new = [_text(key) + struct.pack("<I", GGUFValueType.STRING) + _text(value) for key, value in metadata.items()]
        infos, moved = [], self._moved()
        for tensor in self.file.tensors.values():
            kind = self.kinds.get(tensor.name, tensor.kind)
            sizes = struct.pack(f"<I{len(tensor.sizes)}Q", len(tensor.sizes), *tensor.sizes)
            infos.append(_text(tensor.name) + sizes + struct.pack("<IQ", kind, moved[tensor.name]))
        counts = struct.pack("<IQQ", self.file.version, len(self.file.tensors), len(kept) + len(new))
        whole = b"".join([b"GGUF", counts, *kept, *new, *infos])
        return whole + bytes(-len(whole) % self.file.alignment)

    def data(self) -> Iterator[bytes]:
        """All tensors, and what lies between them, some bytes at once."""
        file = self.file
        yield from file.pieces(file.data_offset, self._first - file.data_offset)
        for tensor in file.in_order:
            if tensor.name in self.changed:
                yield from self.changed[tensor.name]()
            else:
                yield from file.pieces(tensor.offset, tensor.n_bytes)
            if tensor.name in self.kinds:
                yield bytes(self._span(tensor) - self._size(tensor))
            else:
                yield from file.pieces(tensor.offset + tensor.n_bytes, file.span(tensor) - tensor.n_bytes)

    @property
    def n_bytes(self) -> int:
        """Size of the tensors together."""
        return self._first - self.file.data_offset + sum(map(self._span, self.file.in_order))

    @property
    def _first(self) -> int:
        order = self.file.in_order
        return order[0].offset if order else self.file.path.stat().st_size

    def _size(self, tensor: StoredTensor) -> int:
        kind = self.kinds.get(tensor.name, tensor.kind)
        return bytes_of(kind, tensor.width) * tensor.n_rows

    def _span(self, tensor: StoredTensor) -> int:
        if tensor.name not in self.kinds:
            return self.file.span(tensor)
        size = self._size(tensor)
        return size + -size % self.file.alignment

    def _moved(self) -> dict[str, int]:
        """New places by name, from the beginning of the tensors."""
        place, found = self._first - self.file.data_offset, {}
        for tensor in self.file.in_order:
            found[tensor.name] = place
            place += self._span(tensor)
        return found


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded
