"""Images of a data set that the library `datasets` reads: from the Hugging Face hub, or from a local folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headpursuit.extras import optional
from headpursuit.media.images import columns
from headpursuit.media.images.splits import Entry, splits_of
from headpursuit.media.modality import IMAGE
from headpursuit.media.stored import media_column, parts_of, stored, usual_columns


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
    entries: list[Entry] = []
    parts = parts_of(source.id, source.split, source.config, source.data_files)
    for name, split in splits_of(parts).items():
        part, where = parts[name], f"{source.id}, {name}"
        image, label, captions = _columns(source, where, part.features)
        labels = [None] * len(part) if label is None else _labels(part, label, where, class_names)
        texts = [None] * len(part) if captions is None else part[captions][:]
        for row, kept in enumerate(stored(part, image, where, IMAGE)):
            said = columns.captions_of(texts[row], f"{where}, row {row}")
            entries.append(Entry(f"{name}/{row}", kept, split, labels[row], said))
    return entries


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
    image = source.image or media_column(features, IMAGE)
    if image is None:
        raise columns.no_column(where, "images", usual_columns(IMAGE), features)
    return image


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
