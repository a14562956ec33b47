"""Images in a folder: sub-folders are labels, or a table says what is known of each image."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from headpursuit.files import TABLES, Row, check_text, read_table
from headpursuit.media.images import columns
from headpursuit.media.images.opening import SUFFIXES, image_files
from headpursuit.media.images.splits import Entry, are_splits, splits_of

NAMES = tuple(f"{stem}{ending}" for stem in ("metadata", "captions") for ending in TABLES)
"""Names of such tables, in capitals or not."""


def folder_entries(folder: Path) -> list[Entry]:
    """Entries of a folder's images, none of which is opened.

    If all sub-folders are called like splits (`train`, `test`, ...), each is read as a folder of its own.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds no images, or nothing is known about them; the text says what is missing.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not are_splits(inside) or table_of(folder):
        return _entries(folder, folder)
    splits = splits_of(inside)
    return [replace(entry, split=split) for name, split in splits.items() for entry in _entries(folder / name, folder)]


def table_of(folder: Path) -> Path | None:
    """The table that describes a folder's images, if there is one.

    Raises:
        ValueError: If there are several.
    """
    inside = (path for path in folder.iterdir() if path.name.lower() in NAMES and path.is_file())
    found = sorted(inside, key=lambda path: NAMES.index(path.name.lower()))
    if len(found) > 1:
        raise ValueError(f"{folder} has {' and '.join(path.name for path in found)}; keep the one that counts")
    return found[0] if found else None


def other_files(folder: Path) -> str:
    """Files of a folder and its sub-folders that are not called like images, in a sentence; empty if there are none.

    What begins with a dot, and what lies in the folder itself, is not counted.
    """
    inside = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    others = [
        name
        for name in inside
        if len(name.parts) > 1
        and name.suffix.lower() not in SUFFIXES
        and name.name.lower() not in NAMES
        and not any(part.startswith(".") for part in name.parts)
    ]
    if not others:
        return ""
    endings = Counter(name.suffix.lower() or "no ending" for name in others)
    kinds = ", ".join(f"{count} {ending}" for ending, count in sorted(endings.items()))
    return (
        f"{len(others)} files in {folder} were left out, because they are not called like images "
        f"({kinds:.100}; the first is {others[0].as_posix()})"
    )


def _entries(part: Path, folder: Path) -> list[Entry]:
    table = table_of(part)
    entries = _from_sub_folders(part, folder) if table is None else _from_table(table, folder)
    if not entries:
        raise ValueError(f"{part} holds no images ({' '.join(sorted(SUFFIXES))})")
    return entries


def _from_sub_folders(part: Path, folder: Path) -> list[Entry]:
    entries = []
    for path in image_files(part):
        inside = path.relative_to(part).parts
        if len(inside) == 1:
            raise ValueError(
                f"{path} has no label: put it into a sub-folder named after its label, "
                f"or describe the images in {', '.join(NAMES[:-1])} or {NAMES[-1]}"
            )
        entries.append(Entry(path.relative_to(folder).as_posix(), path, label=inside[0]))
    return entries


def _from_table(table: Path, folder: Path) -> list[Entry]:
    """One entry per image; rows about the same image add captions to it."""
    rows = read_table(table)
    if not rows:
        raise ValueError(f"{table} describes no images")
    present = list(dict.fromkeys(name for row in rows for name in row))
    file, label = columns.column(present, columns.FILE), columns.column(present, columns.LABEL)
    caption, split = columns.column(present, columns.CAPTION), columns.column(present, columns.SPLIT)
    if file is None:
        raise columns.no_column(str(table), "the image's file", columns.FILE, present)
    if label is None and caption is None:
        raise columns.no_column(str(table), "labels or captions", columns.LABEL + columns.CAPTION, present)
    uses = splits_of({str(row[split]) for row in rows if row.get(split)} if split else ())
    entries: dict[str, Entry] = {}
    for row in rows:
        own = str(row.get(split) or "") if split else ""
        if own and own not in uses:
            continue
        entry = _entry(row, folder, table.parent / _file_of(row, file), label, caption)
        entry = replace(entry, split=uses.get(own))
        entries[entry.name] = _joined(entries.get(entry.name), entry, row.where)
    return list(entries.values())


def _file_of(row: Row, file: str) -> str:
    name = row.get(file)
    if not isinstance(name, str) or not name.strip() or any(c < " " for c in name):
        raise ValueError(f"{row.where}: {file} is {name!r:.80}, not the name of a file")
    check_text(name, f"{row.where}, {file}")
    return name


def _entry(row: Row, folder: Path, path: Path, label: str | None, caption: str | None) -> Entry:
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
    return Entry(
        name,
        path,
        label=columns.label_of(row.get(label), row.where) if label else None,
        captions=columns.captions_of(row.get(caption), row.where) if caption else (),
    )


def _joined(earlier: Entry | None, entry: Entry, where: str) -> Entry:
    if earlier is None:
        return entry
    if (earlier.label, earlier.split) != (entry.label, entry.split):
        raise ValueError(f"{where}: {entry.name} has another label or split than in an earlier line")
    return replace(entry, captions=earlier.captions + entry.captions)
