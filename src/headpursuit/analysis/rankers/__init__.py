"""Rankers: ways to score every head for a concept, the higher the earlier it is edited. A file for each kind."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Literal

from headpursuit.analysis.rankers.at_random import at_random
from headpursuit.analysis.rankers.attribution import aligned_attribution, alignment, direct_attribution
from headpursuit.analysis.rankers.evidence import Evidence, Unsuited
from headpursuit.analysis.rankers.linear_probe import linear_probe
from headpursuit.analysis.rankers.logit_lens import logit_lens
from headpursuit.analysis.rankers.nonlinear_probe import nonlinear_probe
from headpursuit.analysis.rankers.nonnegative import nonnegative
from headpursuit.analysis.rankers.scale_gradient import answer_gradient, concept_gradient
from headpursuit.analysis.rankers.somp import somp
from headpursuit.heads import Head

Kind = Literal["linear", "nonlinear", "random"]


@dataclass(frozen=True)
class Ranker:
    """A way to score heads."""

    name: str
    what: str
    """What the score is, in a few words."""
    kind: Kind
    """`linear`: reads what a head writes by a linear map, whatever it then does with it. `nonlinear`: not so."""
    score: Callable[[Evidence], dict[Head, float]]
    needs_answers: bool = False
    """Whether the right answers of the ranking prompts must be known."""

    def order(self, evidence: Evidence) -> tuple[Head, ...]:
        """All heads, best first; equal scores in the order of heads.

        Raises:
            Unsuited: If the model, the capture or the task lacks what the ranker needs.
        """
        return order_of(self.score(evidence))


def order_of(scores: dict[Head, float]) -> tuple[Head, ...]:
    """Heads with the highest score first; equal scores in the order of heads."""
    return tuple(sorted(scores, key=lambda head: (-scores[head], head)))


DEFAULT = "specificity"
"""What `rank` sorts by unless told otherwise."""


def _somp(name: str, what: str, **options: object) -> Ranker:
    return Ranker(name, what, "linear", partial(somp, **options))  # type: ignore[arg-type]


_ALL = (
    _somp(DEFAULT, "explained above random dictionaries, l2 rule", score=DEFAULT, rule="l2", centre=True),
    _somp("specificity-l1", "the same, l1 rule", score=DEFAULT, rule="l1", centre=True),
    _somp("specificity-forward", "the same, forward rule", score=DEFAULT, rule="forward", centre=True),
    _somp("specificity-uncentred", "the default, not centred", score=DEFAULT, rule="l2", centre=False),
    _somp("specificity-l1-uncentred", "l1 rule, not centred", score=DEFAULT, rule="l1", centre=False),
    _somp("specificity-forward-uncentred", "forward rule, not centred", score=DEFAULT, rule="forward", centre=False),
    _somp("explained", "explained by the concept's tokens", score="explained", rule="l2", centre=True),
    _somp("explained-paper", "the paper's: l1 rule, not centred", score="explained", rule="l1", centre=False),
    Ranker("nonnegative", "specificity, coefficients >= 0", "linear", partial(nonnegative, centre=True)),
    Ranker("nonnegative-uncentred", "the same, not centred", "linear", partial(nonnegative, centre=False)),
    Ranker("logit-lens", "energy on the best concept token, one sample, one step", "linear", logit_lens),
    Ranker("direct-attribution", "lift of the answer's logit, directly", "linear", direct_attribution, True),
    Ranker("alignment", "cosine with what lifts the answer", "linear", partial(alignment, centre=False), True),
    Ranker("alignment-centred", "the same, centred", "linear", partial(alignment, centre=True), True),
    Ranker("aligned-attribution", "direct attribution times |alignment|", "linear", aligned_attribution, True),
    Ranker("linear-probe", "answer's direction from the head, ridge", "linear", linear_probe, True),
    Ranker("nonlinear-probe", "the same with a Gaussian kernel", "nonlinear", nonlinear_probe, True),
    Ranker("gradient-concept", "d log p(concept) / d scale", "nonlinear", concept_gradient),
    Ranker("gradient-answer", "d log p(answer) / d scale", "nonlinear", answer_gradient, True),
    Ranker("random", "heads in a random order", "random", at_random),
)

RANKERS: dict[str, Ranker] = {ranker.name: ranker for ranker in _ALL}
"""All rankers by name, the default first."""


def ranker_names() -> tuple[str, ...]:
    """All rankers, the default first."""
    return tuple(RANKERS)


def find_ranker(name: str) -> Ranker:
    """A ranker by name.

    Raises:
        ValueError: If there is none of this name; the text names those there are.
    """
    if name not in RANKERS:
        close = get_close_matches(name, RANKERS, 1)
        meant = f"did you mean {close[0]}?" if close else f"there is {', '.join(RANKERS)}"
        raise ValueError(f"there is no ranker {name!r}; {meant}")
    return RANKERS[name]


__all__ = ["DEFAULT", "Evidence", "Ranker", "RANKERS", "Unsuited", "find_ranker", "order_of", "ranker_names"]
