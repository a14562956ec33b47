"""Images and sounds of data sets that the library `datasets` reads, each read when it is needed."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.extras import optional
from headpursuit.hub import data_set
from headpursuit.media.modality import Modality
from headpursuit.media.sources import Stored

_HUB = "hf:"

_FEATURES = {"image": "Image", "audio": "Audio"}
"""The kind of column that the library keeps each modality in."""

_USUAL = {
    "image": ("image", "img", "picture", "jpg", "png"),
    "audio": ("audio", "sound", "speech", "recording", "wav", "mp3", "flac"),
}
"""Usual names of such columns."""


def is_hub(name: str) -> bool:
    """True for a name that means a data set of the Hugging Face hub."""
    return name.startswith(_HUB)


def hub_name(name: str) -> tuple[str, str | None]:
    """The data set that `hf:NAME` or `hf:NAME:SPLIT` means, and its split.

    Raises:
        ValueError: If it names none.
    """
    given = name.removeprefix(_HUB)
    # A colon in a path, as in C:\\, belongs to it.
    dataset, colon, split = given.rpartition(":")
    if not colon or Path(given).exists() or "\\" in split or "/" in split:
        dataset, split = given, ""
    if not dataset:
        raise ValueError(f"{name!r} names no data set; write hf:NAME or hf:NAME:SPLIT")
    return dataset, split or None


def parts_of(
    name: str, split: str | None = None, config: str | None = None, data_files: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The splits of a data set that are wanted, by name.

    Raises:
        ConnectionError: If the hub is out of reach.
        ExtraMissing: If `datasets` is not installed.
        ValueError: If the data set cannot be loaded, or lacks the split; the text names those there are.
    """
    parts = data_set(name, config, data_files)
    if split is None:
        return parts
    if split not in parts:
        raise ValueError(f"{name} has no split {split!r}; it has {', '.join(parts)}")
    return {split: parts[split]}


def media_column(features: Mapping[str, Any], modality: Modality) -> str | None:
    """The column that holds images, or sounds: a usual name before others; None if there is none."""
    found = [name for name, feature in features.items() if _holds(name, feature, modality)]
    return next((name for name in _USUAL[modality.name] if name in found), next(iter(found), None))


def usual_columns(modality: Modality) -> tuple[str, ...]:
    """Names that such a column usually has."""
    return _USUAL[modality.name]


def stored(part: Any, column: str, where: str, modality: Modality) -> list[Stored]:
    """The images or sounds of a column; none is read."""
    feature = getattr(optional("datasets"), _FEATURES[modality.name])
    kept = part.select_columns([column]).cast_column(column, feature(decode=False))
    names = [f"{where}, row {row}" for row in range(len(kept))]
    return [Stored(name, partial(_content, kept, row, column, name, modality)) for row, name in enumerate(names)]


def _holds(name: str, feature: Any, modality: Modality) -> bool:
    """True for a column of the modality; not all files say so, but then it has the parts that it is kept in."""
    if isinstance(feature, getattr(optional("datasets"), _FEATURES[modality.name])):
        return True
    if not isinstance(feature, dict) or set(feature) != {"bytes", "path"}:
        return False
    return (name in _USUAL["audio"]) == (modality.name == "audio")


def _content(kept: Any, row: int, column: str, name: str, modality: Modality) -> bytes:
    found = kept[row][column]
    if found is None or (found["bytes"] is None and found["path"] is None):
        raise ValueError(f"{name} has no {modality.noun}")
    return bytes(found["bytes"]) if found["bytes"] is not None else Path(found["path"]).read_bytes()
