"""The paper's score, the fraction of a head that SOMP over the concept's tokens explains, and specificity."""

from dataclasses import replace

from headpursuit.analysis.rankers.evidence import Evidence
from headpursuit.analysis.ranking_heads import rank
from headpursuit.heads import Head
from headpursuit.pursuit import Rule
from headpursuit.settings import Score


def somp(evidence: Evidence, *, score: Score, rule: Rule, centre: bool) -> dict[Head, float]:
    """`explained` or `specificity` of every head.

    Source: arXiv 2510.21518, section 3: `explained` with the l1 rule, not centred. The rest is ours; see `rank`.
    """
    config = replace(evidence.config, score=score, rule=rule, centre=centre)
    _ = evidence.samples if rule == "l1" else None
    found = rank(evidence.model, evidence.capture, evidence.concept, config)
    return {entry.head: getattr(entry, score) for entry in found.entries}
