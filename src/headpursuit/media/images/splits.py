"""Images of a source that are used, and for what: splits, and a draw that labels share evenly."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar, get_args

from headpursuit.media.images.image_set import ImageSet, LabelledImage, Split
from headpursuit.media.images.opening import open_image
from headpursuit.media.sources import Stored

_TRAIN = ("train", "training", "selection")
_TEST = ("test", "testing", "heldout", "validation", "valid", "val", "dev")

Item = TypeVar("Item", "Entry", LabelledImage)


@dataclass(frozen=True)
class Entry:
    """An image before it is opened, and what its source knows about it."""

    name: str
    """Unique in its source."""
    image: Path | Stored
    split: Split | None = None
    """None where the source has no splits of its own."""
    label: str | None = None
    captions: tuple[str, ...] = ()


def splits_of(names: Iterable[str]) -> dict[str, Split | None]:
    """Uses of a source's own splits: training images select, test images are held out.

    Returns:
        The names that are used. Validation images are held out only where there are no test images. Where one of the
        two is missing, all that there is gets None and is split by `split_by_name`.
    """
    present = {name.lower(): name for name in names}
    train = next((present[name] for name in _TRAIN if name in present), None)
    test = next((present[name] for name in _TEST if name in present), None)
    if train is None or test is None:
        return dict.fromkeys(present.values())
    return {train: "selection", test: "heldout"}


def are_splits(names: Iterable[str]) -> bool:
    """True for names of training and test sets."""
    found = {name.lower() for name in names}
    return bool(found) and found <= {*_TRAIN, *_TEST}


def split_by_name(name: str, heldout: float) -> Split:
    """A split that depends on the image's name alone: it stays when images are added, whatever their order."""
    return "heldout" if _fraction(name) < heldout else "selection"


def drawn(
    name: str, entries: Sequence[Entry], *, heldout: float, limit: int | None, seed: int, skip_bad: bool
) -> tuple[tuple[LabelledImage, ...], tuple[str, ...]]:
    """Draw at most `limit` images of each split, of every label alike, and open each of them once.

    Args:
        name: What errors call the source.
        entries: All that the source has.
        heldout: Fraction of the images that is held out where the source has no splits of its own.
        limit: Images per split; None for all.
        seed: Of the draw, not of the split.
        skip_bad: Leave out what cannot be opened and draw another instead.

    Returns:
        The images in the order of the entries, and a line for each that was left out.

    Raises:
        FileNotFoundError: A file is missing, and `skip_bad` is off.
        ValueError: An image cannot be opened, and `skip_bad` is off; or a split has no images.
    """
    placed = [replace(entry, split=entry.split or split_by_name(entry.name, heldout)) for entry in entries]
    images: dict[str, LabelledImage] = {}
    skipped: list[str] = []
    for split in get_args(Split):
        inside = [entry for entry in placed if entry.split == split]
        found = _opened(_in_turn(inside, seed), len(inside) if limit is None else limit, skipped if skip_bad else None)
        if not found:
            raise ValueError(f"{name} has no {split} images ({len(entries)} images, {len(skipped)} of them unreadable)")
        images |= found
    return tuple(images[entry.name] for entry in placed if entry.name in images), tuple(skipped)


def limited(images: ImageSet, limit: int | None, seed: int) -> ImageSet:
    """At most `limit` images of each split of a set that is whole already, of every label alike."""
    if limit is None:
        return images
    kept: set[str] = set()
    for split in get_args(Split):
        kept |= {image.name for image, _ in zip(_in_turn(images.of(split), seed), range(limit), strict=False)}
    return replace(images, images=tuple(image for image in images.images if image.name in kept))


def labels_of(entries: Iterable[Entry]) -> list[str]:
    """The labels that occur, sorted."""
    return sorted({entry.label for entry in entries if entry.label is not None})


def _opened(entries: Iterator[Entry], limit: int, skipped: list[str] | None) -> Mapping[str, LabelledImage]:
    found: dict[str, LabelledImage] = {}
    while len(found) < limit and (entry := next(entries, None)) is not None:
        assert entry.split is not None
        try:
            # A file is opened to be checked, and again when it is needed: only what has no file is kept in memory.
            image = open_image(entry.image)
        except (ValueError, OSError) as error:
            if skipped is None:
                raise
            skipped.append(str(error))
            continue
        kept = entry.image if isinstance(entry.image, Path) else image
        found[entry.name] = LabelledImage(entry.name, kept, entry.split, entry.label, entry.captions)
    return found


def _in_turn(items: Iterable[Item], seed: int) -> Iterator[Item]:
    """One of every label, then another of every label, in an order that depends on names and the seed alone."""
    shuffled = sorted(items, key=lambda item: _fraction(f"{seed} {item.name}"))
    turns: dict[str | None, int] = defaultdict(int)
    ordered = []
    for place, item in enumerate(shuffled):
        ordered.append((turns[item.label], place, item))
        turns[item.label] += 1
    return (item for *_, item in sorted(ordered, key=lambda turn: turn[:2]))


def _fraction(text: str) -> float:
    """A number from 0 up to 1 that looks random."""
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") / 2**64
