"""Is the answer a linear function of what a head carries?"""

from headpursuit.analysis.rankers.evidence import Evidence
from headpursuit.analysis.rankers.probing import probed
from headpursuit.heads import Head


def linear_probe(evidence: Evidence) -> dict[Head, float]:
    """Ridge regression from mixed values to the answer's direction; see `probed`.

    Source: Alain and Bengio (2017), arXiv 1610.01644.
    Differences: 1. a regression to the answer's direction, because most answers occur in one fact alone and a class
        that was never seen cannot be named. 2. above shuffled answers, the control task of Hewitt and Liang (2019).
    """
    return probed(evidence, "linear")
