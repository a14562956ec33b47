"""The difference of an exported edit from the live one, on prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from headpursuit.media import AudioPrompt, ImagePrompt, MediaPrompt, Prompt, Sound
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.senses import HEARING
from headpursuit.models.senses.sense import Sense
from headpursuit.models.text import answer, batches, read_logits

PROMPTS = (
    "The city of Osaka is located in the country of",
    "The Eiffel Tower is in",
    "The opposite of hot is",
    "My favourite colour is",
    "Two plus three equals",
    "Once upon a time there was a",
    "The capital of Kenya is",
    "Water boils at a temperature of",
)
"""Prompts that are compared by default: short, so that they fit into every context."""

_RATE = 16000


def examples_for(sense: Sense) -> tuple[MediaPrompt, ...]:
    """Prompts that a model is compared on whose encoder reads no text."""
    return _noises() if sense is HEARING else _pictures()


def _pictures() -> tuple[ImagePrompt, ...]:
    """Shades from black to white, in one colour each."""
    shade = Image.linear_gradient("L").resize((96, 64))
    black = Image.new("L", shade.size)
    bands = ([shade, black, black], [black, shade, black], [black, black, shade], [shade, shade, shade])
    return tuple(ImagePrompt("", Image.merge("RGB", some)) for some in bands)


def _noises() -> tuple[AudioPrompt, ...]:
    """Noise that grows louder and softer."""
    seconds = np.arange(2 * _RATE) / _RATE
    waves = (
        np.random.default_rng(i).normal(0, 0.1, len(seconds)) * np.sin(np.pi * (i + 1) * seconds) for i in range(4)
    )
    return tuple(AudioPrompt(Sound(wave.astype(np.float32), _RATE)) for wave in waves)


MOST_PROMPTS = 64
"""More prompts would take memory and tell nothing new."""

NEW_TOKENS = 12
"""Length of the greedy answers."""

_POSITIONS = 16
"""Last positions of each prompt whose logits are compared; every layer and earlier position reaches them."""

LOGITS_TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""By dtype; wider than what single projections are held to, since roundings add up over layers."""


def tolerance_of(dtype: torch.dtype) -> float:
    """The difference of logits that an export may have from the live edit."""
    return LOGITS_TOLERANCE.get(dtype, 5e-2)


@dataclass(frozen=True, eq=False)
class Outputs:
    """Logits and answers of a model to prompts."""

    logits: tuple[Tensor, ...]
    """Per batch (n_prompts, n_positions, vocab), on the CPU."""
    answers: tuple[str, ...]
    """Greedy answers; none where only logits were asked for."""


@dataclass(frozen=True)
class Difference:
    """An exported edit, reloaded from disk, against the live edit."""

    logits: float
    """Largest absolute difference of logits, relative to the largest absolute logit under the live edit."""
    effect: float
    """The same for the unedited model: how much the live edit moves these logits."""
    tolerance: float
    """The largest `logits` that is allowed: for the network's dtype, or for what the format rounds or leaves out."""
    equal_answers: int
    """Greedy answers that are the same text."""
    n_prompts: int

    @property
    def passed(self) -> bool:
        """Within tolerance, and much nearer to the live edit than the unedited model is."""
        return self.logits <= self.tolerance and self.logits <= self.effect / 2 and self.effect > 0

    def __str__(self) -> str:
        return (
            f"logits differ by {self.logits:.1e} at most, relative to the largest (allowed {self.tolerance:.0e}; the "
            f"edit itself moves them by {self.effect:.1e}); {self.equal_answers} of {self.n_prompts} greedy answers "
            "are equal"
        )


@torch.no_grad()
def outputs_of(model: LanguageModel, prompts: Sequence[Prompt], *, answers: bool = True) -> Outputs:
    """Logits at the last positions of each prompt, and greedy answers."""
    logits = []
    for batch in batches(model, prompts, 8, room=NEW_TOKENS):
        found = read_logits(model, batch, logits_to_keep=_POSITIONS)
        real = batch.attention_mask[:, -_POSITIONS:, None].bool().to(found.device)
        logits.append(found[:, -_POSITIONS:].masked_fill(~real, 0).cpu())
    texts = answer(model, prompts, max_new_tokens=NEW_TOKENS, batch_size=32) if answers else []
    return Outputs(tuple(logits), tuple(texts))


def difference(exported: Outputs, live: Outputs, base: Outputs, tolerance: float | None) -> Difference:
    """Compare an export with the live edit and, as a yardstick, with the unedited model.

    Without a tolerance, half of what the edit itself does is allowed.
    """
    effect = _relative(base.logits, live.logits)
    return Difference(
        _relative(exported.logits, live.logits),
        effect,
        effect / 2 if tolerance is None else tolerance,
        sum(a == b for a, b in zip(exported.answers, live.answers, strict=True)),
        len(live.answers),
    )


def _relative(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Infinite where the shapes differ: then the prompts became other tokens."""
    if [x.shape for x in found] != [x.shape for x in expected]:
        return float("inf")
    worst = torch.stack([_distance(a.double(), b.double()) for a, b in zip(found, expected, strict=True)]).max()
    largest = torch.stack([x.double().where(x.isfinite(), 0).abs().max() for x in expected]).max()
    return float(worst / largest.clamp_min(1e-30))


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Largest absolute difference; equal infinities do not differ, and NaN stays."""
    return (a - b).abs().where(a != b, 0).max()
