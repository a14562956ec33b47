"""Rankers: ways to score every head for a concept, the higher the earlier it is edited. A file for each kind."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from headpursuit.analysis.rankers.activation_patching import activation_patching
from headpursuit.analysis.rankers.answer_gradients import aligned_gradient, gradient_mean
from headpursuit.analysis.rankers.at_random import at_random
from headpursuit.analysis.rankers.attribution import aligned_attribution, alignment, direct_attribution
from headpursuit.analysis.rankers.evidence import Evidence, Unsuited
from headpursuit.analysis.rankers.logit_lens import logit_lens
from headpursuit.analysis.rankers.maps import maps
from headpursuit.analysis.rankers.nonnegative import nonnegative
from headpursuit.analysis.rankers.probes import linear_probe, nonlinear_probe
from headpursuit.analysis.rankers.samd import samd
from headpursuit.analysis.rankers.scale_gradient import answer_gradient, concept_gradient, integrated_gradient
from headpursuit.analysis.rankers.somp import somp
from headpursuit.analysis.rankers.weights_svd import weights_svd
from headpursuit.heads import Head
from headpursuit.plugins import Register, decorator, named, number

Kind = Literal["linear", "nonlinear", "random"]


@dataclass(frozen=True)
class Ranker:
    """A way to score heads."""

    name: str
    what: str
    """The score in a few words."""
    kind: Kind
    """`linear`: reads what a head writes by a linear map, whatever it then does with it. `nonlinear`: not so."""
    score: Callable[[Evidence], Mapping[Head, float]]
    needs_answers: bool = False
    """True if the right answers of the ranking prompts must be known."""
    passes: float = 1.0
    """Whole passes over the ranking prompts that its scores take, a backward pass counted as two; 1 is the capture."""
    tokens_per_head: float = 0.0
    """Tokens that are read beyond that for each prompt and head."""

    def order(self, evidence: Evidence) -> tuple[Head, ...]:
        """All heads, best first; equal scores in the order of heads.

        Raises:
            Unsuited: If the model, the capture or the task lacks what the ranker needs.
        """
        return order_of(self.scores(evidence))

    def scores(self, evidence: Evidence) -> dict[Head, float]:
        """The score of every head, checked.

        Raises:
            Unsuited: If the model, the capture or the task lacks what the ranker needs, or a score is no finite number.
            ValueError: If a head has no score, what has one is no head of the model, or the ranker fails.
        """
        with named(f"the ranker {self.name}"):
            scores = {head: number(value) for head, value in dict(self.score(evidence)).items()}
        odd = set(scores) ^ set(evidence.model.anatomy.heads)
        if odd:
            raise ValueError(
                f"the ranker {self.name} must give each of the {evidence.model.anatomy.n_heads} heads a score, and "
                f"nothing else; it gave {len(scores)}, and {min(map(str, odd))} is on one side only"
            )
        if not all(map(math.isfinite, scores.values())):
            raise Unsuited("some of its scores are infinite or undefined")
        return scores


def order_of(scores: Mapping[Head, float]) -> tuple[Head, ...]:
    """Heads with the highest score first; equal scores in the order of heads."""
    return tuple(sorted(scores, key=lambda head: (-scores[head], head)))


DEFAULT = "specificity"
"""The score that `rank` sorts by unless told otherwise."""


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
    Ranker("gradient-concept", "d log p(concept) / d scale", "nonlinear", concept_gradient, passes=3.0),
    Ranker("gradient-answer", "d log p(answer) / d scale", "nonlinear", answer_gradient, True, 3.0),
    Ranker(
        "gradient-mean", "the answer's loss by the head's mean, to first order", "nonlinear", gradient_mean, True, 3.0
    ),
    Ranker(
        "integrated-gradients", "d log p(answer) / d scale, from 1 to -1", "nonlinear", integrated_gradient, True, 18.0
    ),
    Ranker("aligned-gradient", "lift of the answer through all later layers", "nonlinear", aligned_gradient, True, 3.0),
    Ranker(
        "activation-patching",
        "the answer's loss by the head's values of another prompt",
        "nonlinear",
        activation_patching,
        True,
        passes=3.0,
        tokens_per_head=1.0,
    ),
    Ranker("samd", "cosine with what tells answers apart", "linear", samd, True),
    Ranker("weights-svd", "specificity of singular directions, weights alone", "linear", weights_svd, passes=0.0),
    Ranker("maps", "answers from their facts' words, weights alone", "linear", maps, True, 0.0),
    Ranker("random", "heads in a random order", "random", at_random, passes=0.0),
)

RANKERS = Register("ranker", Ranker, _ALL)
"""All rankers by name, the default first; packages bring theirs by entry points `headpursuit.rankers`."""


def register_ranker(
    name: str, what: str, *, kind: Kind = "nonlinear", needs_answers: bool = False
) -> Callable[[Callable[[Evidence], Mapping[Head, float]]], Ranker]:
    """Make a function the ranker of a name, as a decorator; it is found by that name wherever ours are.

    The function is given an `Evidence`, and returns a score for every head of `evidence.model.anatomy.heads`. What the
    decorator returns is the `Ranker`, which an entry point of the group `headpursuit.rankers` can name.

    Args:
        name: What it is called.
        what: What the score is, in a few words.
        kind: `linear` if it reads what heads write by a linear map.
        needs_answers: True if the right answers of the ranking prompts must be known.

    Raises:
        TypeError: If it is no function.
        ValueError: If another ranker has that name.
    """
    return decorator("ranker", lambda score: RANKERS.add(Ranker(name, what, kind, score, needs_answers)))


def ranker_names() -> tuple[str, ...]:
    """All rankers, the default first."""
    return tuple(RANKERS)


def find_ranker(name: str) -> Ranker:
    """A ranker by name.

    Raises:
        ValueError: If there is none of this name; the text names those there are.
    """
    return RANKERS.find(name)


__all__ = [
    "DEFAULT",
    "Evidence",
    "RANKERS",
    "Ranker",
    "Unsuited",
    "find_ranker",
    "order_of",
    "ranker_names",
    "register_ranker",
]
