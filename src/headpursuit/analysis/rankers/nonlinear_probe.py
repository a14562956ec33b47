"""Is the answer any smooth function of what a head carries?"""

from headpursuit.analysis.rankers.evidence import Evidence
from headpursuit.analysis.rankers.probing import probed
from headpursuit.heads import Head


def nonlinear_probe(evidence: Evidence) -> dict[Head, float]:
    """Kernel ridge regression with a Gaussian kernel from mixed values to the answer's direction; see `probed`.

    Same targets, folds and shuffles as `linear_probe`, so that the two differ in linearity alone.
    """
    return probed(evidence, "rbf")
