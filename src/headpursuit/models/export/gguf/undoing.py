"""Edited GGUF files taken back."""

from pathlib import Path

from headpursuit.heads import inverse_of
from headpursuit.models.checkpoints.gguf_file import GgufFile, read_gguf
from headpursuit.models.export.gguf.columns import columns_of
from headpursuit.models.export.gguf.editing import rewriting_of, sha256_of_pieces
from headpursuit.models.export.gguf.marks import KEY, Mark
from headpursuit.models.export.gguf.rewriting import Rewriting
from headpursuit.storage import refuse_existing, refuse_full, replace_file, sha256_of


def undo_gguf(source: Path | str, target: Path | str) -> bool:
    """Write the file that an edited one was made from.

    Returns:
        True if it is that file again, bit by bit, by its SHA-256; False if rounding was lost on the way.

    Raises:
        FileExistsError: If `target` exists.
        ValueError: If the file is not edited, is damaged, removed a head, or should be exact and is not.
        OSError: If the disk is full; nothing is left on it then.
    """
    source, target = Path(source), Path(target)
    refuse_existing(target)
    file, mark = edited(source)
    check_data(file, mark)
    rewriting = undone(file, mark)
    refuse_full(target.parent, rewriting.n_bytes, "the file takes")

    def write(part: Path) -> None:
        with part.open("r+b") as written:
            written.write(rewriting.header({}))
            written.writelines(rewriting.data())
        found.append(sha256_of(part) == mark.base_sha256)
        if not found[0] and not mark.lossy:
            raise ValueError(f"{source} taken back is not {mark.base} again, though its edit is exact; was it changed?")

    found: list[bool] = []
    replace_file(target, write)
    return found[0]


def edited(path: Path) -> tuple[GgufFile, Mark]:
    """A file and its mark.

    Raises:
        ValueError: If it is not edited.
    """
    file = read_gguf(path)
    mark = Mark.of(file)
    if mark is None:
        raise ValueError(f"{path} is no file that headpursuit edited: its metadata has no {KEY}")
    return file, mark


def check_data(file: GgufFile, mark: Mark) -> None:
    """Refuse a file whose tensors are not those that were written.

    Raises:
        ValueError: If their hash is another one.
    """
    if sha256_of_pieces(Rewriting(file, {}, {}).data()) != mark.data_sha256:
        raise ValueError(f"{file.path} is damaged: its tensors do not match their checksum; make it again")


def undone(file: GgufFile, mark: Mark) -> Rewriting:
    """The file without its edit, and without its mark.

    Raises:
        ValueError: If the edit removed a head.
    """
    return rewriting_of(file, columns_of(file, inverse_of(mark.edit)), (KEY,))
