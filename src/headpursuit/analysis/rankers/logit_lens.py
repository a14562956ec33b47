"""The logit lens on single heads: of what a head writes at one position, how much is its best concept token?"""

import torch

from headpursuit.analysis.rankers.evidence import Evidence, by_head
from headpursuit.heads import Head
from headpursuit.pursuit import Dictionary


def logit_lens(evidence: Evidence) -> dict[Head, float]:
    """Mean over samples of max_j max(0, H_i·D_j)² / |H_i|², over the concept's unit directions D_j.

    That is the pursuit of one sample with one step, for the token of the largest logit: the share of the sample's
    energy that this token explains. Nothing is centred or compared with random dictionaries.

    Source: nostalgebraist (2020), "interpreting GPT: the logit lens"; on what heads write, Elhage et al. (2021);
        arXiv 2510.21518, section 3, for the relation to SOMP.
    Differences: 1. only the concept's tokens compete. 2. the final norm is left out, but for its gain where it is asked
        for: its scale is common to all tokens.
    """
    dictionary = Dictionary.of(evidence.directions[evidence.concept_ids.to(evidence.directions.device)])
    found: dict[Head, float] = {}
    for site, written in evidence.written():
        atoms = dictionary.unit(slice(None), written)
        best = (written @ atoms.T).amax(-1).clamp_min(0).square()
        energy = written.square().sum(-1)
        shares = torch.where(energy > 0, best / energy.clamp_min(torch.finfo(energy.dtype).tiny), 0.0)
        found |= by_head(site, shares.mean(0))
    return found
