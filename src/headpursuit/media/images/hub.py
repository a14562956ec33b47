"""Images of a data set that the library `datasets` reads: from the Hugging Face hub, or from a local folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from headpursuit.extras import optional
from headpursuit.hub import data_set
from headpursuit.media.images import columns
from headpursuit.media.images.splits import Entry, splits_of
from headpursuit.media.sources import StoredImage


@dataclass(frozen=True)
class HubSource:
    """A data set, and what its columns mean; what is None is found out."""

    id: str
    """Name on the hub, or a local folder."""
    config: str | None = None
    data_files: Mapping[str, str] | None = None
    """The only files needed of a larger data set, per split."""
    split: str | None = None
    """The only split to use."""
    image: str | None = None
    label: str | None = None
    captions: str | None = None


def hub_entries(source: HubSource, class_names: Sequence[str] | None = None) -> list[Entry]:
    """Entries of a data set's images, none of which is decoded; numbered classes may be called otherwise than there.

    Raises:
        ConnectionError: If the hub is out of reach.
        ExtraMissing: If `datasets` is not installed.
        ValueError: If the data set cannot be loaded, or lacks a column or split; the text names those there are.
    """
    parts, entries = _parts(source), []
    for name, split in splits_of(parts).items():
        part, where = parts[name], f"{source.id}, {name}"
        image, label, captions = _columns(source, where, part.features)
        labels = [None] * len(part) if label is None else _labels(part, label, where, class_names)
        texts = [None] * len(part) if captions is None else part[captions][:]
        for row, stored in enumerate(_stored(part, image, where)):
            said = columns.captions_of(texts[row], f"{where}, row {row}")
            entries.append(Entry(f"{name}/{row}", stored, split, labels[row], said))
    return entries


def hub_images(source: HubSource) -> list[StoredImage]:
    """Every image of a data set; each is read when it is needed.

    Raises:
        ConnectionError: If the hub is out of reach.
        ExtraMissing: If `datasets` is not installed.
        ValueError: If the data set cannot be loaded, or lacks images or the split; the text names what there is.
    """
    found: list[StoredImage] = []
    for name, part in _parts(source).items():
        where = f"{source.id}, {name}"
        found += _stored(part, _image_column(source, where, part.features), where)
    if not found:
        raise ValueError(f"the data set {source.id} has no images")
    return found


def _parts(source: HubSource) -> dict[str, Any]:
    """The splits that are wanted, by name."""
    parts = data_set(source.id, source.config, source.data_files)
    if source.split is None:
        return parts
    if source.split not in parts:
        raise ValueError(f"{source.id} has no split {source.split!r}; it has {', '.join(parts)}")
    return {source.split: parts[source.split]}


def _columns(source: HubSource, where: str, features: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    """The columns with the images, the labels and the captions."""
    for given in (source.image, source.label, source.captions):
        if given is not None and given not in features:
            raise columns.no_column(where, f"the name {given}", (given,), features)
    image = _image_column(source, where, features)
    classes = [name for name, feature in features.items() if isinstance(feature, optional("datasets").ClassLabel)]
    label, captions = source.label, source.captions
    if label is None and captions is None:
        label = columns.column(features, columns.LABEL) or next(iter(classes), None)
        captions = columns.column(features, columns.CAPTION)
    if label is None and captions is None:
        raise columns.no_column(where, "labels or captions", columns.LABEL + columns.CAPTION, features)
    return image, label, captions


def _image_column(source: HubSource, where: str, features: Mapping[str, Any]) -> str:
    pictures = [name for name, feature in features.items() if _holds_images(feature, optional("datasets"))]
    image = source.image or columns.column(pictures, columns.IMAGE) or next(iter(pictures), None)
    if image is None:
        raise columns.no_column(where, "images", columns.IMAGE, features)
    return image


def _stored(part: Any, image: str, where: str) -> list[StoredImage]:
    """The column of images; none is read."""
    kept = part.select_columns([image]).cast_column(image, optional("datasets").Image(decode=False))
    names = [f"{where}, row {row}" for row in range(len(kept))]
    return [StoredImage(name, partial(_content, kept, row, image, name)) for row, name in enumerate(names)]


def _holds_images(feature: Any, datasets: ModuleType) -> bool:
    """True for a column that holds images; not all files say so, but then it has the parts that images are kept in."""
    return isinstance(feature, datasets.Image) or (isinstance(feature, dict) and set(feature) == {"bytes", "path"})


def _labels(part: Any, label: str, where: str, class_names: Sequence[str] | None) -> list[str]:
    """The label of every row as text."""
    names = _names(getattr(part.features[label], "names", None), class_names, where)
    values: Iterable[Any] = part[label][:]
    found = []
    for row, value in enumerate(values):
        if names is None or isinstance(value, str):
            found.append(columns.label_of(value, f"{where}, row {row}"))
        elif isinstance(value, int) and 0 <= value < len(names):
            found.append(names[value])
        else:
            raise ValueError(f"{where}, row {row}: its label is {value}, but the classes are 0 to {len(names) - 1}")
    return found


def _names(own: Sequence[str] | None, wanted: Sequence[str] | None, where: str) -> Sequence[str] | None:
    """Names of the numbered classes: as wanted, matched by name where the names agree, else by number."""
    if own is None or wanted is None:
        return own if wanted is None else wanted
    if len(own) != len(wanted):
        raise ValueError(f"{where} has {len(own)} classes, not the {len(wanted)} expected: {', '.join(own):.300}")
    plain = {_plain(name): name for name in wanted}
    return [plain.get(_plain(name), wanted[number]) for number, name in enumerate(own)]


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _content(images: Any, row: int, column: str, name: str) -> bytes:
    kept = images[row][column]
    if kept is None or (kept["bytes"] is None and kept["path"] is None):
        raise ValueError(f"{name} has no image")
    return bytes(kept["bytes"]) if kept["bytes"] is not None else Path(kept["path"]).read_bytes()
