"""One capture, from which others are made without the model: of resampled prompts, or of some of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from headpursuit.analysis import Capture, Samples
from headpursuit.pursuit import Moments
from headpursuit.studies.tasks import Question


def of_rows(capture: Capture, rows: Int[Tensor, " n_rows"]) -> Capture:
    """The capture of some of the positions that one kept, a position twice where it is named twice.

    Args:
        capture: With all its positions kept one by one.
        rows: Numbers of samples.
    """
    samples = capture.samples
    if samples is None or len(samples) < capture.n_samples:
        raise ValueError("the capture did not keep all its positions one by one; capture with more samples")
    mixed = {site: values[rows] for site, values in samples.mixed.items()}
    moments = {
        site: Moments(torch.einsum("nhd,nhe->hde", z.double(), z.double()), z.double().sum(0), len(rows))
        for site, z in mixed.items()
    }
    kept = Samples(mixed, samples.prompt_of[rows], samples.position_of[rows], samples.keys[rows])
    return replace(capture, moments=moments, samples=kept, n_prompts=len(set(kept.prompt_of.tolist())))


def bootstraps(capture: Capture, questions: Sequence[Question], n: int, seed: int) -> Iterator[Int[Tensor, " n_rows"]]:
    """Rows of resampled prompts, all that ask for one fact together, as facts are what is independent."""
    prompt_of = capture.samples.prompt_of.tolist() if capture.samples else []
    rows_of: dict[str, list[int]] = {}
    for row, prompt in enumerate(prompt_of):
        rows_of.setdefault(questions[prompt].fact, []).append(row)
    facts, rng = sorted(rows_of), np.random.default_rng(seed)
    for _ in range(n):
        drawn = rng.integers(len(facts), size=len(facts))
        yield torch.tensor([row for i in drawn.tolist() for row in rows_of[facts[i]]])


def by_phrasing(capture: Capture, questions: Sequence[Question]) -> dict[str, Int[Tensor, " n_rows"]]:
    """Rows of each phrasing; none where there is but one, or one has prompts about a single fact."""
    prompt_of = capture.samples.prompt_of.tolist() if capture.samples else []
    rows_of: dict[str, list[int]] = {}
    facts_of: dict[str, set[str]] = {}
    for row, prompt in enumerate(prompt_of):
        rows_of.setdefault(questions[prompt].phrasing, []).append(row)
        facts_of.setdefault(questions[prompt].phrasing, set()).add(questions[prompt].fact)
    if len(rows_of) < 2 or min(map(len, facts_of.values())) < 2:
        return {}
    return {phrasing: torch.tensor(rows) for phrasing, rows in rows_of.items()}
