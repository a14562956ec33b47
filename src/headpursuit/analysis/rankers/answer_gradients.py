"""Scores from the gradient of the right answer by what heads mix and write: one backward pass, all later layers."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.analysis.rankers.evidence import Evidence, Unsuited, by_head
from headpursuit.heads import Head
from headpursuit.models import AnatomyError, HeadGradients, HeadSite, head_gradients, projection_weights
from headpursuit.pursuit import Moments


def aligned_gradient(evidence: Evidence) -> dict[Head, float]:
    """A|C|: how much a head lifts the right answer through all later layers, and how little else it writes.

    At captured position i a head writes H_i = z_i W, the output of its projection; g_i is the gradient of the right
    answer's log-probability by that output. A = mean H_i·g_i, C = Σ H_i·g_i / (|H| |g|) with Frobenius norms over
    positions, -1 to 1; the score has the sign of both. H_i·g_i is what a small change of the head's scale there does.

    Where the capture is of answers, the log-probability is that of the right answer coming next anywhere in the model's
    own answer (see `scale_gradients`), and positions are those of the answer, with the prompt's last token.

    Source: ours; `aligned_attribution` with the gradient in place of the direction that the answer's logit reads.
        H_i·g_i is gradient times input, Shrikumar et al. (2016), arXiv 1605.01713.
    Differences: 1. the whole vocabulary is the foil, not the concept's other tokens. 2. taken before the norm or factor
        that some families put behind the projection, so that A is a derivative exactly.
    """
    found: dict[Head, float] = {}
    for site, sums in _sums(evidence).items():
        weights = projection_weights(evidence.model.network, site).double()
        second = sums.moments.second.to(weights)
        written = torch.einsum("hde,hdm,hem->h", second, weights, weights).clamp_min(0)
        lengths = (written * sums.by_output.to(weights)).sqrt()
        lifted = sums.lifted.to(weights)
        aligned = torch.where(lengths == 0, 0.0, lifted / lengths)
        found |= by_head(site, lifted / sums.moments.count * aligned.abs())
    return found


def gradient_mean(evidence: Evidence) -> dict[Head, float]:
    """Mean over prompts of Σ_i (z_i - z̄)·∂ log p(answer) / ∂z_i, over captured positions i.

    z̄ is the head's mean over all captured positions. To first order that is what the answer's log-probability loses
    when the head's mixed values are replaced by their mean: a head that always does the same has 0, whatever the model
    needs it for. What is followed, and where, is as in `aligned_gradient`.

    Source: attribution patching, Nanda (2023); Syed, Rager and Conmy (2023), arXiv 2310.10348.
    Differences: 1. the mean over prompts stands for the activations of another prompt, which would have to be as long
        and ask for another fact. 2. signed.
    """
    found: dict[Head, float] = {}
    for site, sums in _sums(evidence).items():
        mean = sums.moments.total / sums.moments.count
        lost = sums.lifted - (mean * sums.by_mixed).sum(1)
        found |= by_head(site, lost / len(evidence.prompts))
    return found


@dataclass(frozen=True, eq=False)
class _Sums:
    """A site's sums over positions i: mixed values z_i, and gradients g_i by what all its heads write together."""

    moments: Moments
    lifted: Float[Tensor, " n_heads"]
    """Σ z_i·∂/∂z_i, which is Σ H_i·g_i."""
    by_mixed: Float[Tensor, "n_heads d_head"]
    """Σ ∂/∂z_i."""
    by_output: Float[Tensor, ""]
    """Σ |g_i|²."""

    @classmethod
    def of(cls, found: HeadGradients) -> "_Sums":
        by_mixed = found.by_mixed.double()
        return cls(
            Moments.of(found.mixed),
            (found.mixed * by_mixed).sum((0, 2)),
            by_mixed.sum(0),
            found.by_output.double().square().sum(),
        )

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.moments + other.moments,
            self.lifted + other.lifted,
            self.by_mixed + other.by_mixed,
            self.by_output + other.by_output,
        )


def _sums(evidence: Evidence) -> dict[HeadSite, _Sums]:
    """Sums over all captured positions, not only over those that were kept.

    Raises:
        Unsuited: If right answers are not known, or the model works on other positions than tokens.
    """
    answers = evidence.right_answers()
    found: dict[HeadSite, _Sums] = {}
    try:
        for batch in _batches(evidence, answers):
            for site, gradients in batch.items():
                sums = _Sums.of(gradients)
                found[site] = found[site] + sums if site in found else sums
    except AnatomyError as error:
        raise Unsuited(str(error)) from error
    return found


def _batches(evidence: Evidence, answers: tuple[tuple[int, ...], ...]) -> Iterator[dict[HeadSite, HeadGradients]]:
    return head_gradients(
        evidence.model,
        evidence.prompts,
        answers,
        evidence.capture.config.positions,
        max_new_tokens=evidence.answer_length,
        batch_size=evidence.batch_size,
        chat=evidence.chat,
    )
