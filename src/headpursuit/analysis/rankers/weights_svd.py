"""Specificity from weights alone: do the concept's tokens explain the directions a head writes along?"""

import torch

from headpursuit.analysis.rankers.evidence import Evidence, by_head
from headpursuit.heads import Head
from headpursuit.models import value_weights, write_weights
from headpursuit.pursuit import Signals, Stack, explained_by


def weights_svd(evidence: Evidence) -> dict[Head, float]:
    """Σ_k s_k² e_k / Σ_k s_k² over the singular values s_k of a head's value-output map V W.

    V takes what the residual stream holds, normed, to the head's values, W takes these back to the stream. e_k is what
    a pursuit over the concept's tokens explains of the k-th right singular direction, by itself, minus the mean over
    random dictionaries, with as many atoms as the default score. No prompt is read: nothing that a head is given
    enters. Where value weights cannot be found (see `value_weights`), W stands alone.

    Source: Gentile et al. (2026), arXiv 2603.24653: each singular direction of a head's value-output map
        explained by a few concepts; on transformers of language, Millidge and Black (2022).
    Differences: 1. plain pursuit with the tokens' directions, without asking that atoms be alike; coefficients have any
        sign, as have singular directions. 2. above random dictionaries, and one number for a head.
    """
    n_steps = min(evidence.config.n_atoms, len(evidence.concept_ids))
    dictionaries, values = evidence.dictionaries(), value_weights(evidence.model)
    found: dict[Head, float] = {}
    for site in evidence.model.anatomy.sites:
        write = write_weights(evidence.model.network, site)
        if site in values:
            # Of V only RᵀR = VᵀV counts for the right singular directions: R W is small, and has the same ones.
            write = torch.linalg.qr(values[site].to(write), mode="r").R @ write
        _, lengths, directions = torch.linalg.svd(write, full_matrices=False)
        signals = Signals(directions.flatten(0, 1)[:, None])
        own, *null = (
            explained_by(signals, Stack((each,), directions), n_steps=n_steps)[0].cpu() for each in dictionaries
        )
        specific = (own - torch.stack(null).mean(0)).view(lengths.shape).double()
        energy = lengths.square().double().cpu()
        whole = energy.sum(1)
        found |= by_head(site, torch.where(whole > 0, (specific * energy).sum(1) / whole, 0.0))
    return found
