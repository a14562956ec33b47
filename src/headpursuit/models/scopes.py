"""Positions of a forward pass that an edit's scope covers: the rule, for slots and prompts that are known."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from headpursuit.heads import Scope

BY_TOKEN = ("image", "audio", "text")
"""Scopes that are told by which tokens stand for an image or a sound."""


@dataclass(frozen=True, eq=False)
class Prompts:
    """The prompts of a batch, as the decoder gets them."""

    length: int
    """Slots, padding included; generated tokens follow."""
    real: Bool[Tensor, "n_rows n_slots"] | None = None
    """Mask of slots that are no padding, as far as known; later ones are none either. None: there is no padding."""


@dataclass(frozen=True)
class Slots:
    """The tokens that one forward pass of the decoder reads."""

    n_rows: int
    start: int
    """Slot of the first token: how many are in the cache."""
    n_tokens: int

    @property
    def end(self) -> int:
        """The slot behind the last token."""
        return self.start + self.n_tokens


def covered(
    scope: Scope, slots: Slots, prompts: Prompts, of_media: Bool[Tensor, "n_rows n_tokens"] | None = None
) -> bool | Bool[Tensor, "n_rows n_tokens"]:
    """Tokens of a forward pass that are in scope: all of them, none, or these (on the CPU).

    `of_media` says which ones stand for an image or a sound, for the scopes in `BY_TOKEN`: of `text`, any of them.

    A position is counted from its prompt's first real token and may lie in the answer; a negative one is counted from
    the prompt's end. A position that a prompt is too short for is nowhere.
    """
    if scope == "all":
        return True
    if isinstance(scope, tuple):
        chosen = _at(scope, slots, prompts)
        return chosen if chosen.any() else False
    if scope in BY_TOKEN:
        assert of_media is not None
        if not of_media.any():
            return scope == "text"
        return ~of_media if scope == "text" else of_media
    n_prompt = min(max(prompts.length - slots.start, 0), slots.n_tokens)
    if n_prompt in (0, slots.n_tokens):
        return (n_prompt > 0) == (scope == "prompt")
    of_prompt = torch.arange(slots.n_tokens) < n_prompt
    return (of_prompt if scope == "prompt" else ~of_prompt).repeat(slots.n_rows, 1)


def _at(wanted: tuple[int, ...], slots: Slots, prompts: Prompts) -> Bool[Tensor, "n_rows n_tokens"]:
    width = max(slots.end, prompts.length)
    real = torch.ones(slots.n_rows, width, dtype=torch.bool)
    if prompts.real is not None:
        known = _by_row(prompts.real, slots.n_rows)[:, :width]
        real[:, : known.shape[1]] = known
    index = real.cumsum(1) - 1
    n_prompt = real[:, : prompts.length].sum(1, keepdim=True)
    chosen = torch.zeros_like(real)
    for position in wanted:
        chosen |= index == (position if position >= 0 else n_prompt + position)
    return (chosen & real)[:, slots.start : slots.end]


def _by_row(real: Tensor, n_rows: int) -> Tensor:
    """Of each row, its prompt's slots: a prompt's beams lie side by side."""
    if n_rows % len(real):
        raise ValueError(f"the forward pass has {n_rows} rows for {len(real)} prompts; give each prompt as many")
    return real.repeat_interleave(n_rows // len(real), dim=0)
