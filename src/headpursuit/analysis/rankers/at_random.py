"""Heads in a random order: what any score must beat."""

import random

from headpursuit.analysis.rankers.evidence import Evidence
from headpursuit.heads import Head


def at_random(evidence: Evidence) -> dict[Head, float]:
    """A random number for each head."""
    rng = random.Random(evidence.seed)
    return {head: rng.random() for head in evidence.model.anatomy.heads}
