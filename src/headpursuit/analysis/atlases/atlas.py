"""An atlas: every head of a captured model, named by its tokens and by the concepts it is specific for."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from headpursuit.analysis.explaining import Explanation
from headpursuit.heads import Head
from headpursuit.models import Identity
from headpursuit.records import from_record, to_record
from headpursuit.settings import AtlasConfig, CaptureConfig
from headpursuit.storage import new_folder, read_json, read_manifest, understood, write_json

KIND = "atlas"
"""The kind of folder, as its manifest says it."""

LEVEL = 0.05
"""False-discovery rate up to which a head counts as specific for a concept."""

_SCORES = ("explained", "specificity", "z", "q")
_ABOUT = ("identity", "anatomy", "vocabulary_sha256", "n_prompts", "n_samples", "capture", "config", "concepts")
_CONTENT, _TENSORS = "atlas.json", "scores.safetensors"


@dataclass(frozen=True)
class AtlasConcept:
    """A concept, as far as this model's vocabulary knows it."""

    name: str
    description: str
    tokens: tuple[str, ...]
    """The tokens that stand for it."""
    dropped_words: tuple[str, ...] = ()
    """Words that no token stands for."""


@dataclass(frozen=True)
class Finding:
    """A concept that a head is specific for."""

    concept: str
    specificity: float
    q: float


@dataclass(frozen=True, eq=False)
class Atlas:
    """Every head of a model by its tokens and by what it has to do with each concept."""

    explanations: tuple[Explanation, ...]
    """Of every head, in the order of heads: the tokens that explain it best, and how much they explain."""
    concepts: tuple[AtlasConcept, ...]
    explained: Float[Tensor, "n_heads n_concepts"]
    """Fraction of each head's energy that each concept's tokens explain."""
    specificity: Float[Tensor, "n_heads n_concepts"]
    """That, minus the mean over random dictionaries."""
    z: Float[Tensor, "n_heads n_concepts"]
    """`specificity` in standard deviations of the random dictionaries."""
    q: Float[Tensor, "n_heads n_concepts"]
    """False-discovery rate at which each pair of a head and a concept would just be found, all pairs considered."""
    config: AtlasConfig
    identity: Identity
    anatomy: str
    """Layers and heads in words."""
    vocabulary_sha256: str
    """Hash of the vocabulary: of all tokens and their ids."""
    capture: CaptureConfig
    n_prompts: int
    n_samples: int
    """Captured token positions; where no prompt was read, the dimensions of the stream."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Concepts that could not be scored, and why."""
    versions: dict[str, str] = field(default_factory=dict)
    """Packages it was made with."""

    @property
    def from_weights(self) -> bool:
        """True if no prompt was read."""
        return self.n_prompts == 0

    @property
    def heads(self) -> tuple[Head, ...]:
        """All heads, in the order of the scores' rows."""
        return tuple(explanation.head for explanation in self.explanations)

    @property
    def names(self) -> tuple[str, ...]:
        """The concepts' names, in the order of the scores' columns."""
        return tuple(concept.name for concept in self.concepts)

    def found(self, level: float = LEVEL) -> dict[Head, tuple[Finding, ...]]:
        """The concepts that each head is specific for, best specificity first; for most heads there are none.

        Args:
            level: False-discovery rate over all heads and concepts together.
        """
        rows = zip(self.heads, self.specificity.tolist(), self.q.tolist(), strict=True)
        findings = {head: map(Finding, self.names, specificity, q) for head, specificity, q in rows}
        return {
            head: tuple(sorted((f for f in of_head if f.q <= level), key=lambda f: -f.specificity))
            for head, of_head in findings.items()
        }

    @property
    def fewest_findings(self) -> int:
        """The number of pairs of a head and a concept that must stand out before any can be found at `LEVEL`.

        No pooled p-value is below one over the random dictionaries of all heads; more draws allow fewer findings.
        """
        n_heads, n_concepts = self.q.shape
        smallest = 1 / (1 + self.config.ranking.n_draws * n_heads)
        return max(1, math.ceil(smallest * n_heads * n_concepts / LEVEL))

    def heads_for(self, concept: str, level: float = LEVEL) -> tuple[Head, ...]:
        """The heads that are specific for a concept, best specificity first.

        Raises:
            ValueError: If the atlas has no such concept.
        """
        if concept not in self.names:
            raise ValueError(f"this atlas has no concept {concept!r}; it has {', '.join(self.names)}")
        found = {head: f for head, findings in self.found(level).items() for f in findings if f.concept == concept}
        return tuple(sorted(found, key=lambda head: -found[head].specificity))

    def save(self, path: Path | str) -> None:
        """Write the atlas as a folder: atlas.json, scores.safetensors and a manifest with their checksums.

        Raises:
            FileExistsError: If `path` exists.
        """
        about = {**asdict(self.identity), "n_heads": len(self.heads), "concepts": list(self.names)}
        with new_folder(Path(path), KIND, about | {"versions": self.versions}) as folder:
            write_json(folder / _CONTENT, self._to_json())
            save_file({name: getattr(self, name).contiguous() for name in _SCORES}, folder / _TENSORS)

    def _to_json(self) -> dict[str, Any]:
        found = self.found()
        heads = [to_record(e) | {"specific_for": to_record(found[e.head])} for e in self.explanations]
        return {name: to_record(getattr(self, name)) for name in (*_ABOUT, "left_out")} | {"heads": heads}

    @classmethod
    def load(cls, path: Path | str) -> "Atlas":
        """Read an atlas, with every checksum verified.

        Raises:
            FileNotFoundError: If there is no atlas at `path`.
            ValueError: If it is damaged or something else.
        """
        folder = Path(path)
        manifest = read_manifest(folder, KIND, holds=(_CONTENT, _TENSORS))
        return cls.read(folder, manifest.get("versions", {}))

    @classmethod
    def read(cls, folder: Path, versions: Mapping[str, str] | None = None) -> "Atlas":
        """Read an atlas from files that are known to be undamaged; `load` finds that out first.

        Args:
            folder: Where they are; it needs no manifest.
            versions: Packages the atlas was made with, as its manifest has them.

        Raises:
            FileNotFoundError: If one is missing.
            ValueError: If they are something else.
        """
        with understood(folder / _CONTENT, KIND):
            content, tensors = read_json(folder / _CONTENT), load_file(folder / _TENSORS)
            shape = (len(content["heads"]), len(content["concepts"]))
            if 0 in shape:
                raise ValueError(f"{folder / _CONTENT} has {shape[0]} heads and {shape[1]} concepts; an atlas has both")
            wrong = [name for name in _SCORES if tuple(tensors[name].shape) != shape]
            if wrong:
                raise ValueError(
                    f"{folder / _TENSORS}: {wrong[0]} has the shape {tuple(tensors[wrong[0]].shape)}, but there are "
                    f"{shape[0]} heads and {shape[1]} concepts"
                )
            return cls._from_json(content, tensors, versions or {})

    @classmethod
    def _from_json(cls, content: dict[str, Any], tensors: dict[str, Tensor], versions: Mapping[str, str]) -> "Atlas":
        # Which concepts a head is specific for follows from the tensors.
        heads = [{name: entry[name] for name in Explanation.__dataclass_fields__} for entry in content["heads"]]
        scores = {name: tensors[name] for name in _SCORES}
        own = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
        return from_record(cls, own | scores | {"explanations": heads, "versions": versions})
