"""Findings of lm-evaluation-harness as plain values: figures, and the score of every item behind them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any


@dataclass(frozen=True)
class HarnessFigure:
    """One metric of one task."""

    task: str
    """A task, or a group that sums up several."""
    metric: str
    filter: str
    """The reading of answers before they were scored; `none` in most tasks."""
    value: float
    stderr: float | None
    """lm-eval's standard error of the value; None where it gives none."""
    higher_is_better: bool | None
    """None where lm-eval does not say."""
    n_items: int
    items: tuple[int, ...] = ()
    """The items (documents) that were scored; empty for groups, and where a score is no number."""
    scores: tuple[float, ...] = ()
    """Of each of these items."""
    weights: tuple[float, ...] = ()
    """The count behind each score, such as an item's number of words; empty where all count alike."""
    asked: str = ""
    """Hash of the items' prompts and targets."""

    @property
    def label(self) -> str:
        """The metric, with its filter if it has one."""
        return self.metric if self.filter == "none" else f"{self.metric} ({self.filter})"


@dataclass(frozen=True)
class HarnessAnswers:
    """The figures of a model on some tasks."""

    figures: tuple[HarnessFigure, ...]
    n_forwards: int
    """Forward passes that the edit touched; 0 without an edit."""
    warnings: tuple[str, ...]
    """Warnings of lm-eval, such as of texts that it cut short."""


def figures_of(found: Mapping[str, Any]) -> tuple[HarnessFigure, ...]:
    """Every figure in what `simple_evaluate` returns, with samples logged."""
    return tuple(
        _figure(found, task, *key.split(",", 1))
        for task, entry in found["results"].items()
        for key, value in entry.items()
        if "," in key and not key.split(",")[0].endswith("_stderr") and _is_number(value)
    )


def _figure(found: Mapping[str, Any], task: str, metric: str, kind: str) -> HarnessFigure:
    entry = found["results"][task]
    stderr = entry.get(f"{metric}_stderr,{kind}")
    samples = [s for s in found["samples"].get(task, ()) if s["filter"] == kind and metric in s]
    return HarnessFigure(
        task,
        metric,
        kind,
        float(entry[f"{metric},{kind}"]),
        float(stderr) if _is_number(stderr) else None,
        found["higher_is_better"].get(task, {}).get(metric),
        len(samples) or int(entry.get("sample_len", 0)),
        **_scored([(s["doc_id"], s[metric]) for s in samples]),
        asked=_asked(samples),
    )


def _scored(samples: Sequence[tuple[int, Any]]) -> dict[str, tuple[Any, ...]]:
    """Items, scores and weights, where each score is a number, or a sum and what it is divided by."""
    items, values = tuple(item for item, _ in samples), [value for _, value in samples]
    if all(map(_is_number, values)):
        return {"items": items, "scores": tuple(map(float, values))}
    if all(isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_number, value)) for value in values):
        scores, weights = zip(*((float(score), float(weight)) for score, weight in values), strict=True)
        return {"items": items, "scores": scores, "weights": weights}
    return {}


def _asked(samples: Sequence[Mapping[str, Any]]) -> str:
    content = "\n".join(f"{s['doc_hash']} {s['prompt_hash']} {s['target_hash']}" for s in samples)
    return sha256(content.encode()).hexdigest() if samples else ""


def _is_number(value: object) -> bool:
    """Also numpy's numbers, and whether an answer was right."""
    try:
        return not isinstance(value, str) and math.isfinite(value)  # type: ignore[arg-type]
    except TypeError:
        return False
