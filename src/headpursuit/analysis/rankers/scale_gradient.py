"""The derivative of what the model says next with respect to every head's scale."""

from collections.abc import Sequence

from headpursuit.analysis.rankers.evidence import Evidence, by_head
from headpursuit.heads import Head
from headpursuit.models import scale_gradients


def concept_gradient(evidence: Evidence) -> dict[Head, float]:
    """Mean over prompts of d log p(any token of the concept) / d scale."""
    ids = tuple(evidence.concept_ids.tolist())
    return _mean(evidence, [ids] * len(evidence.prompts))


def answer_gradient(evidence: Evidence) -> dict[Head, float]:
    """Mean over prompts of d log p(a token that begins the right answer) / d scale."""
    return _mean(evidence, evidence.right_answers())


def _mean(evidence: Evidence, targets: Sequence[Sequence[int]]) -> dict[Head, float]:
    """At each prompt's last token, at scale 1, all heads in one backward pass a batch; see `scale_gradients`."""
    found = scale_gradients(
        evidence.model, evidence.prompts, targets, batch_size=evidence.batch_size, chat=evidence.chat
    )
    return {h: v for site in evidence.model.anatomy.sites for h, v in by_head(site, found[site.name].mean(0)).items()}
