"""The difference between two atlases of one architecture: the result, in memory and on disk."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from headpursuit.analysis.atlases.atlas import LEVEL
from headpursuit.analysis.explaining import Explanation
from headpursuit.heads import Head
from headpursuit.models import Identity
from headpursuit.records import from_record, to_record
from headpursuit.storage import new_folder, read_json, read_manifest, understood, write_json

KIND = "atlas diff"
"""The kind of folder, as its manifest says it."""

_CONTENT = "diff.json"


@dataclass(frozen=True)
class HeadChange:
    """The change of one head."""

    head: Head
    changed: float
    """Fraction of the head's energy whose words changed, 0 to 1: half the sum over all tokens of how much the share
    that each one explains differs. 0: the same tokens with the same shares. 1: tokens explained everything, and now
    others do."""
    kept: float
    """Weighted Jaccard index of the tokens, 0 to 1: what they explain in both, over what they explain in either. It
    does not look at how much of the head tokens explain at all."""
    before: Explanation
    after: Explanation
    gone: tuple[str, ...]
    """Tokens that only the first atlas has."""
    new: tuple[str, ...]
    """Tokens that only the second atlas has."""
    specificity: tuple[float, ...]
    """Growth of its specificity for each concept."""
    gained: tuple[str, ...]
    """Concepts that it is specific for only in the second atlas."""
    lost: tuple[str, ...]
    """Concepts that it was specific for only in the first atlas."""

    @property
    def explained(self) -> tuple[float, float]:
        """The fraction of it that tokens explain, in the first atlas and in the second."""
        return self.before.total, self.after.total


@dataclass(frozen=True)
class AtlasDiff:
    """Every head of two atlases, those whose words changed most first."""

    before: Identity
    after: Identity
    anatomy: str
    concepts: tuple[str, ...]
    """Those that both atlases have."""
    heads: tuple[HeadChange, ...]
    by_text: bool
    """True if tokens were compared by their text, because the vocabularies differ."""
    notes: tuple[str, ...]
    """Cautions for who reads it, in sentences."""
    level: float = LEVEL
    """False-discovery rate up to which a head counts as specific for a concept."""

    def __post_init__(self) -> None:
        if not self.heads:
            raise ValueError("it compares no heads")
        for change in self.heads:
            if len(change.specificity) != len(self.concepts):
                n_changes = len(change.specificity)
                raise ValueError(
                    f"{change.head} has {n_changes} changes of specificity, of {len(self.concepts)} concepts"
                )

    @property
    def mean_changed(self) -> float:
        """Of all heads."""
        return fmean(change.changed for change in self.heads)

    @property
    def sentence(self) -> str:
        """The whole in a sentence."""
        most = self.heads[0]
        if most.changed < 0.0005:
            return "No head changed its words."
        kept = fmean(change.kept for change in self.heads)
        return (
            f"On average the words for {self.mean_changed:.3f} of a head's energy changed, most of all those of "
            f"{most.head} ({most.changed:.3f}); {kept:.3f} of what tokens explain was kept."
        )

    def most_changed(self, change: HeadChange) -> tuple[str, float]:
        """The concept for which a head's specificity changed most, and by how much; where there is none, ("", 0.0)."""
        found = max(zip(self.concepts, change.specificity, strict=True), key=lambda pair: _size(pair[1]), default=None)
        return found if found is not None and math.isfinite(found[1]) else ("", 0.0)

    def concept_changes(self) -> dict[str, tuple[int, int, HeadChange]]:
        """For each concept how many heads gained it, how many lost it, and whose specificity changed most."""
        return {
            name: (
                sum(name in change.gained for change in self.heads),
                sum(name in change.lost for change in self.heads),
                max(self.heads, key=lambda change: _size(change.specificity[column])),
            )
            for column, name in enumerate(self.concepts)
        }

    def save(self, path: Path | str) -> None:
        """Write the difference as a folder: diff.json and a manifest with its checksum.

        Raises:
            FileExistsError: If `path` exists.
        """
        about = {"before": asdict(self.before), "after": asdict(self.after)}
        with new_folder(Path(path), KIND, about) as folder:
            write_json(folder / _CONTENT, to_record(self))

    @classmethod
    def load(cls, path: Path | str) -> "AtlasDiff":
        """Read a difference, with its checksum verified.

        Raises:
            FileNotFoundError: If there is none at `path`.
            ValueError: If it is damaged or something else.
        """
        folder = Path(path)
        read_manifest(folder, KIND, holds=(_CONTENT,))
        return cls.read(folder)

    @classmethod
    def read(cls, folder: Path) -> "AtlasDiff":
        """Read a difference from a file that is known to be undamaged; `load` finds that out first.

        Raises:
            FileNotFoundError: If it is missing.
            ValueError: If it is something else.
        """
        with understood(folder / _CONTENT, KIND):
            return from_record(cls, read_json(folder / _CONTENT))


def _size(change: float) -> float:
    """The size of a change; one that is not finite is no change to speak of."""
    return abs(change) if math.isfinite(change) else -1.0
