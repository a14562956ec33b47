"""Edited GGUF files and adapters checked from what they say of themselves, and against their base."""

from itertools import chain
from pathlib import Path

from gguf import GGUFType, Keys

from headpursuit.models.checkpoints.gguf_file import GgufFile, read_gguf
from headpursuit.models.export.gguf.adapter import GgufAdapter
from headpursuit.models.export.gguf.columns import columns_of
from headpursuit.models.export.gguf.comparing import check_columns
from headpursuit.models.export.gguf.editing import sha256_of_pieces
from headpursuit.models.export.gguf.marks import Mark
from headpursuit.models.export.gguf.undoing import check_data, edited, undone
from headpursuit.storage import sha256_of


def verify_gguf(path: Path | str, base: Path | str | None = None) -> str:
    """Proof of an edited file or an adapter, in words; the model is not loaded.

    Without a base, the tensors must have the hash that the file gives; and where the edit is exact and removed no head,
    the file taken back must have the base's hash. With one, every tensor is compared.

    Raises:
        ValueError: If the file is not edited, was changed since, or is not what it says.
    """
    file, mark = edited(Path(path))
    check_data(file, mark)
    if file.metadata.get(Keys.General.TYPE) == GGUFType.ADAPTER:
        return _verify_adapter(GgufAdapter.read(file.path), base)
    proven = [f"{mark.in_words}, made from {mark.base}", "tensors as they were written (SHA-256)"]
    if base is not None:
        given = _base(file, mark, base)
        check_columns(given, file, columns_of(file, mark.edit))
        proven.append(f"every tensor compared with {base}, the heads' columns dequantised")
    elif mark.lossy:
        proven.append("that the rest is the base cannot be told from this file alone; give the base")
    else:
        rewriting = undone(file, mark)
        if sha256_of_pieces(chain([rewriting.header({})], rewriting.data())) != mark.base_sha256:
            raise ValueError(f"{path} taken back is not {mark.base} by its SHA-256, so more than the edit was changed")
        proven.append(f"taken back it is {mark.base} bit by bit (SHA-256)")
    return "; ".join(proven)


def _verify_adapter(adapter: GgufAdapter, base: Path | str | None) -> str:
    mark = adapter.mark
    proven = [
        f"{mark.in_words}, an adapter of rank {adapter.alpha:g} for {mark.base}",
        "its tensors have their SHA-256",
    ]
    if base is None:
        proven.append("whether it fits the base cannot be told from this file alone; give the base")
    else:
        error = adapter.error(_base(adapter.file, mark, base))
        if error >= 1:
            raise ValueError(f"{adapter.file.path} changes {base} by something else than {mark.in_words} ({error:.1e})")
        proven.append(f"its change of the weights of {base} is off by {error:.1e} of that change at most")
    return "; ".join(proven)


def _base(file: GgufFile, mark: Mark, base: Path | str) -> GgufFile:
    """The file that an edited one was made from, as it is given."""
    if sha256_of(Path(base)) != mark.base_sha256:
        raise ValueError(f"wrong base: {file.path} was made from {mark.base}, and {base} has another SHA-256")
    return read_gguf(Path(base))
