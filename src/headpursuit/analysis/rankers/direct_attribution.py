"""Direct logit attribution: how much a head by itself lifts the right answer's logit above the concept's others."""

import torch

from headpursuit.analysis.rankers.evidence import Evidence, Unsuited, by_head
from headpursuit.heads import Head
from headpursuit.models import AnatomyError, readout


def direct_attribution(evidence: Evidence) -> dict[Head, float]:
    """Mean over samples of (z_i W)·(r(answer_i) - mean of r over the concept's other tokens).

    z_i are a head's mixed values at sample i, W its write weights, and r(token) the direction of the residual stream
    that the token's logit reads (see `readout`): the final norm is part of it, its scale held fixed. Several accepted
    answers count by the mean of their directions.

    Source: Elhage et al. (2021); Wang et al. (2023), arXiv 2211.00593, section 3, the logit difference.
    Differences: 1. the norm's scale at each position, one factor for all heads and tokens there, is left out, so that
        positions with a long residual stream weigh as much as others. 2. the others are the whole concept, not one
        foil.
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
    wanted = torch.stack([lifts[answers[i]] for i in evidence.samples.prompt_of.tolist()])
    found: dict[Head, float] = {}
    for site, mixed, write in evidence.sites():
        written = torch.einsum("nhd,hdm->nhm", mixed, write)
        found |= by_head(site, torch.einsum("nhm,nm->h", written, wanted.to(written)) / len(wanted))
    return found
