"""A finished transfer, as it is read back from disk."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headpursuit.storage import MANIFEST, read_json, read_manifest, understood
from headpursuit.studies.transfer.clustering import Clustering
from headpursuit.studies.transfer.config import TransferConfig
from headpursuit.studies.transfer.effects import Column, EffectCell
from headpursuit.studies.transfer.overlap import Overlap

KIND = "transfer"
"""What its manifest calls it."""


@dataclass(frozen=True)
class RankedTask:
    """One task, and the heads that were found with it."""

    name: str
    task: str
    """What it is a task of, with its data and what is asked."""
    concept: str
    n_words: int
    """Words of the concept."""
    n_prompts: int
    """Prompts that heads were ranked on."""
    heads: tuple[str, ...]
    """The best, best first; these are edited."""
    ranker: str = ""
    """What put them in order; empty: the score of the config's ranking."""


@dataclass(frozen=True)
class TransferResult:
    """Which tasks share heads, and whose heads act on whose questions."""

    config: TransferConfig
    model_summary: str
    """Heads of the model in words."""
    certificate: str
    command: str
    """How to run it again."""
    n_heads: int
    """Of the model."""
    tasks: tuple[RankedTask, ...]
    overlaps: tuple[Overlap, ...]
    """Of every pair of tasks."""
    cells: tuple[EffectCell, ...]
    """Row by row, columns in the order of the tasks."""
    columns: tuple[Column, ...]
    effect_tree: Clustering
    overlap_tree: Clustering
    sentences: tuple[str, ...]
    """What was found, in plain words; the first says the most."""
    remarks: tuple[str, ...]
    """What readers of the figures should know."""
    versions: dict[str, str]
    """Packages, device and dtype it ran with."""

    def cell(self, row: str, column: str) -> EffectCell:
        """What the heads of `row` do to the questions of `column`."""
        return next(cell for cell in self.cells if (cell.row, cell.column) == (row, column))

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return {**asdict(self), "config": self.config.to_json()}

    @classmethod
    def load(cls, path: Path | str) -> "TransferResult":
        """Read a finished transfer, with every checksum verified.

        Raises:
            FileNotFoundError: If there is none at `path`.
            ValueError: If it is unfinished, damaged or something else.
        """
        folder = Path(path)
        if (folder / "config.json").is_file() and not (folder / MANIFEST).is_file():
            raise ValueError(f"the transfer in {folder} is unfinished; continue it with --resume")
        read_manifest(folder, KIND)
        with understood(folder, KIND):
            return cls.from_json(read_json(folder / "result.json"))

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "TransferResult":
        """The reverse of `to_json`."""
        made = {
            "config": TransferConfig.from_json(content["config"]),
            "tasks": tuple(RankedTask(**{**task, "heads": tuple(task["heads"])}) for task in content["tasks"]),
            "overlaps": tuple(
                Overlap(**{**overlap, "tasks": tuple(overlap["tasks"]), "shared": tuple(overlap["shared"])})
                for overlap in content["overlaps"]
            ),
            "cells": tuple(map(EffectCell.from_json, content["cells"])),
            "columns": tuple(map(Column.from_json, content["columns"])),
            "effect_tree": Clustering.from_json(content["effect_tree"]),
            "overlap_tree": Clustering.from_json(content["overlap_tree"]),
            "sentences": tuple(content["sentences"]),
            "remarks": tuple(content["remarks"]),
        }
        return cls(**{**content, **made})
