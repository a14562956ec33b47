"""Specificity with coefficients that are never negative: what a head writes, not what it writes the opposite of."""

import torch

from headpursuit.analysis.rankers.evidence import Evidence
from headpursuit.analysis.readings import read
from headpursuit.heads import Head
from headpursuit.pursuit import pursue_nonnegative

_ROOM = 2**26
"""Bytes of signals at once."""


def nonnegative(evidence: Evidence, *, centre: bool) -> dict[Head, float]:
    """Explained by the concept's tokens, minus the mean over random dictionaries, all with coefficients >= 0.

    Source: see `pursue_nonnegative`; specificity as in `rank`.
    """
    _ = evidence.samples
    reading = read(evidence.model, evidence.capture, rule="l1", centre=centre, gain=evidence.config.gain)
    dictionaries = evidence.dictionaries()
    n_steps = min(evidence.config.n_atoms, len(evidence.concept_ids))
    found: dict[Head, float] = {}
    for heads, signals in reading.batches(_ROOM):
        own, *null = (pursue_nonnegative(signals, each, n_steps).explained[:, -1] for each in dictionaries)
        found |= dict(zip(heads, (own - torch.stack(null).mean(0)).tolist(), strict=True))
    return found
