"""The derivative of what the model says with respect to every head's scale."""

from collections.abc import Sequence

from headpursuit.analysis.rankers.evidence import Evidence, by_head
from headpursuit.heads import Head
from headpursuit.models import scale_gradients

_STEPS = 6
_TARGET = -1.0
"""The scale that edits go to unless told otherwise."""


def concept_gradient(evidence: Evidence) -> dict[Head, float]:
    """Mean over prompts of d log p(any token of the concept) / d scale."""
    ids = tuple(evidence.concept_ids.tolist())
    return _mean(evidence, [ids] * len(evidence.prompts))


def answer_gradient(evidence: Evidence) -> dict[Head, float]:
    """Mean over prompts of d log p(a token that begins the right answer) / d scale."""
    return _mean(evidence, evidence.right_answers())


def integrated_gradient(evidence: Evidence) -> dict[Head, float]:
    """Mean of the answer's derivative by the head's scale on the way from 1 to -1, all heads together.

    ∂ log p(right answer) / ∂ scale at the middles of 6 equal steps, averaged over steps and prompts. Twice the sum over
    heads is what the log-probability loses when all heads go from 1 to -1, but for the steps' width. Where the capture
    is of answers, the right answer may come anywhere in the unedited model's answer (see `scale_gradients`).

    Source: Sundararajan, Taly and Yan (2017), arXiv 1703.01365; for heads Hao et al. (2021), arXiv
        2004.11207.
    Differences: 1. by the scale of what a head mixes, not by attention weights. 2. to -1, which edits go to, and beyond
        the usual 0. 3. all layers' heads move together, so that a step takes one backward pass: on the way the model is
        another than one with a few heads edited.
    """
    answers, length = evidence.right_answers(), evidence.answer_length
    scales = [1 + (_TARGET - 1) * (step + 0.5) / _STEPS for step in range(_STEPS)]
    found = [_mean(evidence, answers, scale, length) for scale in scales]
    return {head: sum(step[head] for step in found) / _STEPS for head in found[0]}


def _mean(
    evidence: Evidence, targets: Sequence[Sequence[int]], scale: float = 1.0, answer_length: int = 0
) -> dict[Head, float]:
    """All heads in one backward pass a batch, the next token after each prompt unless answers are followed."""
    found = scale_gradients(
        evidence.model,
        evidence.prompts,
        targets,
        scale=scale,
        max_new_tokens=answer_length,
        batch_size=evidence.batch_size,
        chat=evidence.chat,
    )
    return {h: v for site in evidence.model.anatomy.sites for h, v in by_head(site, found[site.name].mean(0)).items()}
