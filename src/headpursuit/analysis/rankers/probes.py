"""Probes: is the answer a linear function, or any smooth one, of what a head carries?"""

import torch

from headpursuit.analysis.rankers.evidence import Evidence, by_head
from headpursuit.heads import Head
from headpursuit.pursuit import Kernel, cross_validated

_FOLDS = 5
_SHUFFLES = 3
_SAMPLES = 400
"""At most, spread evenly: the cost of a kernel grows with their cube."""


def linear_probe(evidence: Evidence) -> dict[Head, float]:
    """Ridge regression from mixed values to the answer's direction; see `_probed`.

    Source: Alain and Bengio (2017), arXiv 1610.01644.
    Differences: 1. a regression to the answer's direction, because most answers occur in one fact alone and a class
        that was never seen cannot be named. 2. above shuffled answers, the control task of Hewitt and Liang (2019).
    """
    return _probed(evidence, "linear")


def nonlinear_probe(evidence: Evidence) -> dict[Head, float]:
    """Kernel ridge regression with a Gaussian kernel from mixed values to the answer's direction; see `_probed`.

    Same targets, folds and shuffles as `linear_probe`, so that the two differ in linearity alone.
    """
    return _probed(evidence, "rbf")


def _probed(evidence: Evidence, kernel: Kernel) -> dict[Head, float]:
    """Cross-validated R² of a probe from a head's mixed values to the answer's direction, above shuffled answers.

    The target of a sample is the unit direction of its right answer's token, so that a probe can be right about answers
    it was never fitted to: folds keep all prompts of a fact together, and most answers have one fact. Shuffling gives
    each fact another fact's answer.

    Raises:
        Unsuited: If right answers are not known, or there are fewer than two facts.
    """
    answers, samples = evidence.right_answers(), evidence.samples
    folds = evidence.folds(_FOLDS)
    step = -(-len(samples) // _SAMPLES)
    kept = torch.arange(0, len(samples), step)
    answer_of: dict[str, tuple[int, ...]] = {}
    for fact, ids in zip(evidence.facts, answers, strict=True):
        answer_of.setdefault(fact, ids)
    facts = sorted(answer_of)
    prompt_of = samples.prompt_of[kept].tolist()
    right = [answers[i] for i in prompt_of]
    generator = torch.Generator().manual_seed(evidence.seed)
    drawn = [right]
    for _ in range(_SHUFFLES):
        order = torch.randperm(len(facts), generator=generator).tolist()
        swapped = {fact: answer_of[facts[other]] for fact, other in zip(facts, order, strict=True)}
        drawn.append([swapped[evidence.facts[i]] for i in prompt_of])
    targets = _directions(evidence, drawn)
    found: dict[Head, float] = {}
    for site in evidence.model.anatomy.sites:
        scores = cross_validated(samples.mixed[site.name][kept], targets, folds[kept], kernel)
        found |= by_head(site, scores[0] - scores[1:].mean(0))
    return found


def _directions(evidence: Evidence, drawn: list[list[tuple[int, ...]]]) -> torch.Tensor:
    """Directions of answers, (n_sets, n_samples, n_targets), in a basis of those that occur: lengths are the same."""
    known = {ids: row for row, ids in enumerate(sorted({ids for answers in drawn for ids in answers}))}
    rows = torch.stack([evidence.directions[list(ids)].double().mean(0) for ids in known]).cpu()
    rows = torch.nn.functional.normalize(rows, dim=1)
    left, lengths, _ = torch.linalg.svd(rows, full_matrices=False)
    return torch.stack([(left * lengths)[[known[ids] for ids in answers]] for answers in drawn])
