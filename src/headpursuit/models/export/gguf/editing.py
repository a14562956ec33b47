"""An edit written into a GGUF file, and checked by reading both files again.

1. The tensors of edited heads are rescaled inside their blocks where their format can hold that (`blocks`); a tensor
   that cannot is stored in float16.
2. Everything else is copied byte by byte; behind the other metadata comes one text with the edit (`Mark`).
3. Both files are read again: other tensors must be the same bytes, edited ones, dequantised, the expected products.

The model is not loaded. Memory is that of the header and of some rows, whatever the file's size.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Kind

from headpursuit.heads import Edit, product_of
from headpursuit.models.checkpoints.gguf_file import GgufFile, StoredTensor, read_gguf
from headpursuit.models.export.gguf.blocks import Factors, rescaled, stored, values_of
from headpursuit.models.export.gguf.columns import columns_of
from headpursuit.models.export.gguf.comparing import Worst, check_columns
from headpursuit.models.export.gguf.marks import KEY, NO_HASH, Mark
from headpursuit.models.export.gguf.rewriting import Rewriting
from headpursuit.storage import refuse_existing, refuse_full, replace_file, sha256_of, versions

_ELSE = Kind.F16
"""The way a tensor is stored whose format cannot hold the edit."""


@dataclass(frozen=True)
class Change:
    """One tensor that was rescaled."""

    name: str
    before: str
    """The way it was stored, such as `Q4_1`."""
    after: str
    """The way it is stored now; the same unless its format cannot hold the edit."""
    n_bytes: int
    """Bytes that are others than before; all of them where it is stored in another way."""
    error: float
    """Largest difference from the expected values, relative to the largest of them; 0 where the edit is exact."""

    is_lossy: bool
    """True if the inverse edit does not bring it back bit by bit."""

    def __str__(self) -> str:
        how = self.before if self.before == self.after else f"{self.before} cannot hold it, stored in {self.after}"
        exact = "exact" if self.error == 0 else f"rounded, by {self.error:.1e} of the largest weight at most"
        return f"{self.name}: {how}, {self.n_bytes:,} bytes changed, {exact}"


@dataclass(frozen=True)
class EditedFile:
    """A GGUF file that was edited and compared with what it was made from."""

    mark: Mark
    changes: tuple[Change, ...]
    n_tensors: int
    """Tensors of the file; all but the changed ones are the same bytes as before."""

    @property
    def n_bytes(self) -> int:
        """Bytes of tensors that are others than before."""
        return sum(change.n_bytes for change in self.changes)

    def __str__(self) -> str:
        same = self.n_tensors - len(self.changes)
        return f"{self.n_bytes:,} bytes of tensors changed; {same} of {self.n_tensors} tensors are byte-identical"


def edit_gguf(
    source: Path | str, edit: Edit, target: Path | str, *, concept: str = "", again: bool = False
) -> EditedFile:
    """Write a GGUF file with heads rescaled, without loading the model.

    Args:
        source: The file, whole.
        edit: Heads and scales, of scope `all`.
        target: The file to write.
        concept: What the edit is about.
        again: Edit a file further that is edited already; scales multiply.

    Raises:
        FileExistsError: If `target` exists.
        ValueError: If the file is no GGUF file, is not whole or is edited already, or the edit changes nothing, is for
            heads that are not there, or is more than its numbers can hold.
        OSError: If the disk is full; nothing is left on it then.
    """
    source, target = Path(source), Path(target)
    refuse_existing(target)
    file = read_gguf(source)
    known = Mark.of(file)
    if known is not None and not again:
        raise ValueError(
            f"{source} is edited already ({known.in_words}); give the file it was made from, {known.base}, or --again "
            "(again=True) to multiply its scales further"
        )
    columns = columns_of(file, edit)
    if not columns:
        raise ValueError("the edit changes nothing: it names no head, or every scale is 1; give a head another scale")
    product = product_of([known.edit, edit] if known else [edit])
    if known is not None and set(product.values()) <= {1.0}:
        raise ValueError(
            f"with {known.in_words}, which {source} holds already, the edit makes the file it came from again; use "
            "--undo for that"
        )
    rewriting = rewriting_of(file, columns, (KEY,))
    changes = tuple(_changed(file, rewriting, name, factors) for name, factors in columns.items())
    lossy = {change.name for change in changes if change.is_lossy}.union(known.lossy if known else ())
    mark = Mark(
        product,
        known.base if known else source.name,
        known.base_sha256 if known else sha256_of(source),
        NO_HASH,
        tuple(sorted(lossy)),
        concept or (known.concept if known else ""),
        versions("gguf"),
    )
    refuse_full(target.parent, rewriting.n_bytes, "the file takes")
    written: list[Mark] = []

    def write(part: Path) -> None:
        written.append(_write(part, rewriting, mark))
        check_columns(file, read_gguf(part), columns)

    replace_file(target, write)
    return EditedFile(written[0], changes, len(file.tensors))


def rewriting_of(file: GgufFile, columns: dict[str, Factors], left_out: tuple[str, ...] = ()) -> Rewriting:
    """The file with these columns multiplied, each tensor stored as before where its format can hold that."""
    tensors = {name: file.tensors[name] for name in columns}
    kinds = {name: _ELSE for name, tensor in tensors.items() if not _can_hold(file, tensor, columns[name])}
    pieces = {name: partial(_pieces, file, tensors[name], columns[name], kinds.get(name)) for name in columns}
    return Rewriting(file, pieces, kinds, left_out)


def _can_hold(file: GgufFile, tensor: StoredTensor, factors: Factors) -> bool:
    with _named(tensor):
        return all(rescaled(tensor.kind, rows, factors) is not None for rows in file.rows(tensor))


def _pieces(file: GgufFile, tensor: StoredTensor, factors: Factors, kind: Kind | None) -> Iterator[bytes]:
    """The bytes of a tensor whose columns are multiplied, some rows at once."""
    for rows in file.rows(tensor):
        if kind is None:
            made = rescaled(tensor.kind, rows, factors)
            assert made is not None, "asked before"
        else:
            with _named(tensor):
                made = stored(kind, values_of(tensor, rows) * factors.astype(np.float32))
        yield made.tobytes()


@contextmanager
def _named(tensor: StoredTensor) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{tensor.name}: {error}") from error


def _changed(file: GgufFile, rewriting: Rewriting, name: str, factors: Factors) -> Change:
    """A tensor before and after, worked out before anything is written."""
    tensor, kind = file.tensors[name], rewriting.kinds.get(name)
    new = replace(tensor, kind=kind or tensor.kind)
    n_bytes, worst, is_lossy = 0, Worst(), kind is not None or not factors.all()
    for rows, piece in zip(file.rows(tensor), rewriting.changed[name](), strict=True):
        made = np.frombuffer(piece, dtype=np.uint8).reshape(len(rows), -1)
        n_bytes += int(np.count_nonzero(made != rows)) if kind is None else made.size
        worst.add(values_of(new, made), values_of(tensor, rows) * factors.astype(np.float32))
        back = None if is_lossy else rescaled(tensor.kind, made, 1 / factors)
        is_lossy = back is None or not np.array_equal(back, rows)
    return Change(name, tensor.kind.name, new.kind.name, n_bytes, worst.error, is_lossy)


def _write(part: Path, rewriting: Rewriting, mark: Mark) -> Mark:
    """The file, its header last, which holds a hash of the tensors; and the mark with that hash."""
    digest = hashlib.sha256()
    with part.open("r+b") as file:
        file.seek(len(rewriting.header(mark.metadata)))
        for piece in rewriting.data():
            digest.update(piece)
            file.write(piece)
        final = replace(mark, data_sha256=digest.hexdigest())
        file.seek(0)
        file.write(rewriting.header(final.metadata))
    return final


def sha256_of_pieces(pieces: Iterable[bytes]) -> str:
    """Hash of bytes that come in pieces."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
