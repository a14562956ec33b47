"""Heads that write along what tells one answer from the others: SAMD's cosine with a mean difference."""

import torch

from headpursuit.analysis.rankers.evidence import Evidence, Unsuited, by_head
from headpursuit.heads import Head


def samd(evidence: Evidence) -> dict[Head, float]:
    """Mean over samples of cos(H_i, v(a_i)), where a_i is the sample's right answer.

    v(a) is what all heads of the model write together, averaged over the samples whose right answer is a, minus the
    same over all other samples. Heads that write nothing have 0.

    Source: Su, Kempe and Ullrich (2025), arXiv 2506.17052: the mean over prompts of the cosine of a head's
        output with a concept's vector.
    Differences: 1. ranking prompts are all about the concept, so that the contrast is between its answers, each with a
        vector of its own, and not between prompts with and without the concept. 2. the difference is of all that heads
        write, one direction for all layers, without embeddings and MLPs. 3. samples are scored that made the vector, as
        there.

    Raises:
        Unsuited: If right answers are not known, or all samples have the same.
    """
    answers, samples = evidence.right_answers(), evidence.samples
    right = [answers[i] for i in samples.prompt_of.tolist()]
    row_of = {ids: row for row, ids in enumerate(sorted(set(right)))}
    if len(row_of) < 2:
        raise Unsuited("all its ranking prompts have the same right answer; a mean difference needs two")
    rows = torch.tensor([row_of[ids] for ids in right])
    together = sum((written.sum(1).cpu() for _, written in evidence.written()), torch.zeros(()))
    sums = torch.zeros(len(row_of), together.shape[1]).index_add(0, rows, together)
    counts = rows.bincount()[:, None]
    vectors = (sums / counts - (sums.sum(0) - sums) / (len(rows) - counts))[rows, None]
    found: dict[Head, float] = {}
    for site, written in evidence.written():
        found |= by_head(site, torch.cosine_similarity(written, vectors.to(written), dim=-1).mean(0))
    return found
