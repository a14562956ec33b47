"""Scores that know the right answers: how much a head by itself lifts their logits, and how little else it writes."""

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.analysis.rankers.evidence import Evidence, Unsuited, by_head
from headpursuit.heads import Head
from headpursuit.models import AnatomyError, readout


def direct_attribution(evidence: Evidence) -> dict[Head, float]:
    """Mean over samples of H_i·d_i, where H_i is what a head writes and d_i the direction that lifts the right answer.

    H_i = z_i W for mixed values z_i and write weights W; d_i = r(answer_i) - mean of r over the concept's other tokens.
    r(token) is the direction of the residual stream that the token's logit reads (see `readout`): the final norm is
    part of it, its scale held fixed. Several accepted answers count by the mean of their directions.

    Source: Elhage et al. (2021); Wang et al. (2023), arXiv 2211.00593, section 3, the logit difference.
    Differences: 1. the norm's scale at each position, one factor for all heads and tokens there, is left out, so that
        positions with a long residual stream weigh as much as others. 2. the others are the whole concept, not one
        foil.
    """
    lifts = _lifts(evidence)
    found: dict[Head, float] = {}
    for site, written in evidence.written():
        found |= by_head(site, _products(written, lifts) / len(lifts))
    return found


def alignment(evidence: Evidence, *, centre: bool) -> dict[Head, float]:
    """Cosine of all that a head writes with the directions that lift the right answers, -1 to 1.

    Σ_i H_i·d_i / (|H| |d|), with Frobenius norms over samples; H and d as in `direct_attribution`, each minus its mean
    over samples where `centre`. Direct attribution grows with the length of what a head writes, this does not: a head
    is aligned that lifts the right answer and writes little else. Heads that write nothing have 0.
    """
    lifts = _lifts(evidence)
    if centre:
        lifts = lifts - lifts.mean(0)
    found: dict[Head, float] = {}
    for site, written in evidence.written():
        signals = written - written.mean(0) if centre else written
        lengths = signals.square().sum((0, 2)).sqrt() * lifts.norm().to(signals)
        cosines = _products(signals, lifts) / lengths
        found |= by_head(site, torch.where(lengths == 0, 0.0, cosines))
    return found


def aligned_attribution(evidence: Evidence) -> dict[Head, float]:
    """Direct attribution times |alignment|, so with the sign of both: much of the answer, and little else."""
    aligned = alignment(evidence, centre=False)
    return {head: lift * abs(aligned[head]) for head, lift in direct_attribution(evidence).items()}


def _products(
    written: Float[Tensor, "n_samples n_heads d_model"], lifts: Float[Tensor, "n_samples d_model"]
) -> Float[Tensor, " n_heads"]:
    return torch.einsum("nhm,nm->h", written, lifts.to(written))


def _lifts(evidence: Evidence) -> Float[Tensor, "n_samples d_model"]:
    """For each sample the direction that lifts the right answer above the concept's other tokens.

    Raises:
        Unsuited: If answers are not known, the concept has no token beside an answer's, or heads do not reach the final
            norm.
    """
    answers, concept = evidence.right_answers(), evidence.concept_ids.tolist()
    known = sorted({*concept, *(i for ids in answers for i in ids)})
    row_of = {token: row for row, token in enumerate(known)}
    try:
        rows = readout(evidence.model, known)
    except AnatomyError as error:
        raise Unsuited(str(error)) from error
    lifts = {}
    for ids in dict.fromkeys(answers):
        others = [row_of[i] for i in concept if i not in ids]
        if not others:
            raise Unsuited("the concept has no token beside an answer's own")
        lifts[ids] = rows[[row_of[i] for i in ids]].mean(0) - rows[others].mean(0)
    return torch.stack([lifts[answers[i]] for i in evidence.samples.prompt_of.tolist()])
