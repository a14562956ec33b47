"""From a name to a set of images."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from headpursuit.media.images.class_words import words_of
from headpursuit.media.images.folders import folder_entries, other_files, table_of
from headpursuit.media.images.hub import HubSource, hub_entries
from headpursuit.media.images.image_set import ImageSet
from headpursuit.media.images.named import NAMED
from headpursuit.media.images.splits import Entry, drawn, labels_of, limited
from headpursuit.media.stored import hub_name, is_hub

_OURS = ("digits", "scenes", "counts")
"""Sets that need no download."""


def image_set_names() -> tuple[str, ...]:
    """The names that `load_images` knows, without `hf:NAME` and folders."""
    return (*_OURS, *NAMED)


def load_images(
    name: str, *, heldout: float = 0.5, limit: int | None = 500, seed: int = 0, skip_bad: bool = False
) -> ImageSet:
    """Load a set of images.

    Where the data have training and test images, selection images are drawn from the first and held-out ones from the
    second; else a hash of each image's name decides, so that an image stays in its split when others are added.
    Every image drawn is opened once. Those that have no file of their own are kept in memory.

    Args:
        name: One of `image_set_names()`; `hf:NAME` or `hf:NAME:SPLIT`, a data set of the Hugging Face hub or a local
            folder of its files; or a folder, whose sub-folders are labels, or which a table describes (docs/data.md).
        heldout: Fraction of the images that is held out, where the data have no splits of their own.
        limit: Most images per split, drawn from all labels alike; None for all.
        seed: Of that draw.
        skip_bad: Leave out images that cannot be opened, and say so in `skipped`.

    Raises:
        ExtraMissing: If the data need the library `datasets` and it is not installed.
        FileNotFoundError: If there is no such folder, or a file of it is missing.
        ValueError: If the name is unknown, the data lack images, labels and captions, or an image cannot be opened.
    """
    if not 0 < heldout < 1:
        raise ValueError(f"heldout is {heldout}; give a fraction between 0 and 1")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; give at least one image per split, or none for all")
    if name in _OURS:
        return limited(getattr(import_module("headpursuit.media.images.rendered"), name)(), limit, seed)
    found = _found(name)
    images, skipped = drawn(name, found[0], heldout=heldout, limit=limit, seed=seed, skip_bad=skip_bad)
    return replace(found[1], images=images, skipped=skipped)


def _found(name: str) -> tuple[Sequence[Entry], ImageSet]:
    """All entries of a source, and the set that they go into, still empty."""
    if name in NAMED:
        row = NAMED[name]
        entries = hub_entries(row.source, tuple(row.classes) or None)
        return entries, ImageSet(name, (), row.classes, row.question, row.caption_request)
    if is_hub(name):
        dataset, split = hub_name(name)
        entries = hub_entries(HubSource(dataset, split=split))
    elif Path(name).is_dir():
        entries = folder_entries(Path(name))
    elif Path(name).exists():
        raise ValueError(f"{name} is a file; give the folder that holds the images")
    else:
        known = ", ".join(image_set_names())
        raise FileNotFoundError(f"there are no images called {name!r}; there are {known}, hf:NAME, or give a folder")
    labels = labels_of(entries)
    if len(labels) == 1 and not any(entry.captions for entry in entries):
        raise ValueError(f"all images of {name} have the label {labels[0]!r}; there must be two labels at least")
    of_folder = not is_hub(name) and table_of(Path(name)) is None
    remarks = tuple(f"{each}." for each in [other_files(Path(name)) if of_folder else ""] if each)
    return entries, ImageSet(name, (), {label: words_of(label) for label in labels}, remarks=remarks)
