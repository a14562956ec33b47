"""Specificity from weights alone: do the concept's tokens explain the directions a head writes along?"""

import torch

from headpursuit.analysis.rankers.evidence import Evidence, by_head
from headpursuit.heads import Head
from headpursuit.models import write_weights
from headpursuit.pursuit import Signals, Stack, explained_by


def weights_svd(evidence: Evidence) -> dict[Head, float]:
    """Σ_k s_k² e_k / Σ_k s_k² over the singular values s_k of a head's write weights W.

    e_k is what a pursuit over the concept's tokens explains of the k-th right singular direction, by itself, minus the
    mean over random dictionaries, with as many atoms as the default score. No prompt is read: nothing that a head is
    given enters.

    Source: Gentile et al. (2026), arXiv 2603.24653: each singular direction of a head's value-output map
        explained by a few concepts; on transformers of language, Millidge and Black (2022).
    Differences: 1. of the write weights W (the output projection's rows), not of values and output together: which
        weights make values is not certified for an architecture, and is shared among heads where keys and values are
        grouped. 2. plain pursuit with the tokens' directions, without asking that atoms be alike; coefficients have any
        sign, as have singular directions. 3. above random dictionaries, and one number for a head.
    """
    n_steps = min(evidence.config.n_atoms, len(evidence.concept_ids))
    dictionaries = evidence.dictionaries()
    found: dict[Head, float] = {}
    for site in evidence.model.anatomy.sites:
        _, lengths, directions = torch.linalg.svd(write_weights(evidence.model.network, site), full_matrices=False)
        signals = Signals(directions.flatten(0, 1)[:, None])
        own, *null = (
            explained_by(signals, Stack((each,), directions), n_steps=n_steps)[0].cpu() for each in dictionaries
        )
        specific = (own - torch.stack(null).mean(0)).view(lengths.shape).double()
        energy = lengths.square().double().cpu()
        whole = energy.sum(1)
        found |= by_head(site, torch.where(whole > 0, (specific * energy).sum(1) / whole, 0.0))
    return found
