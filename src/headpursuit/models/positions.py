"""Follows forward passes and `generate`, to tell which positions of each pass an edit's scope covers.

Every token has a slot: its column in the batch, counted over the whole text, cached tokens and padding included. A
forward pass takes the slots from the length of the cache before it, which one hook on the decoder reads. Whether a slot
is of the prompt is told by `generate` (see `generating`), by the caller, or, in forward passes by hand, by the cache:
without one, all tokens are the prompt's, and on top of one, they are generated. Whether a token stands for an image or
a sound is told by the tokens that the network gets in each pass (see `senses.positions`); none that is generated does.
"""

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import local
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from headpursuit.heads import Scope
from headpursuit.models.scopes import BY_TOKEN, Prompts, Slots, covered
from headpursuit.models.senses.positions import MediaPositions


@dataclass(eq=False)
class _Generation:
    """One running call of `generate`."""

    width: int
    """Slots in the caller's attention mask, which also counts what is in a cache already; 0 without."""
    prompts: Prompts | None = None
    copies: int = 1
    """Rows of each prompt, side by side: its beams, or the answers that are returned for it."""
    seen: int = 0
    """Slots read so far."""


@dataclass(eq=False)
class _Forward:
    """One running forward pass of the decoder."""

    shape: tuple[int, int]
    chosen: bool | Tensor
    runs: Counter[str] = field(default_factory=Counter)
    """Runs of each module in it."""


@dataclass(eq=False)
class RowsNow:
    """The rows that a layer is given, where not all rows go through each."""

    rows: tuple[int, ...] | None = None
    """Those of the layer that runs now; None: all of them."""
    over: Sequence[bool] = ()
    """Of each row whether its answer is over, so that what is done to it does not count; none: nowhere."""


class PositionTracker(local):
    """Follows the decoder, to tell which run of a module this is, and which of its positions are in scope.

    Each thread has its own state, since several may run one model at a time.
    """

    def __init__(
        self,
        scope: Scope,
        prompt_length: int | None = None,
        media: MediaPositions | None = None,
        n_rows: int | None = None,
        now: RowsNow | None = None,
    ) -> None:
        """Nothing runs yet; `n_rows` is the number of edits where each row has its own, else None."""
        self.scope, self._prompt_length, self._media, self._n_rows = scope, prompt_length, media, n_rows
        self._now = now or RowsNow()
        self._generations: list[_Generation] = []
        self._mask: Any = None
        """The attention mask as the whole network got it; the decoder may get it in another form."""
        self._ids: Any = None
        """The tokens as the whole network got them; the decoder may get them embedded."""
        self._forward: _Forward | None = None

    def __reduce__(self) -> Any:
        raise TypeError("a model cannot be copied or pickled while its heads are rescaled; do it outside the block")

    def begin_generate(self, width: int) -> None:
        """`generate` was called, with an attention mask of so many columns."""
        self._generations.append(_Generation(width))

    def set_prompts(self, prompts: Prompts, copies: int = 1) -> None:
        """`generate` has made out what the prompts are, and how many rows each has."""
        if self._generations:
            running = self._generations[-1]
            running.prompts, running.seen = Prompts(max(prompts.length, running.width), prompts.real), 0
            running.copies = copies

    def end_generate(self) -> None:
        """`generate` has returned, or failed."""
        self._generations.pop()

    def enter_network(self, network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Forward pre-hook of the network."""
        given = named_arguments(network.forward, args, kwargs)
        self._mask = given.get("decoder_attention_mask" if "decoder_input_ids" in given else "attention_mask")
        self._ids = given.get("input_ids")

    def leave_network(self, *_: object) -> None:
        """Forward hook of the network."""
        self._mask = self._ids = None

    def enter_decoder(self, decoder: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Forward pre-hook of the decoder: the cache tells its length now, and no longer later."""
        given = named_arguments(decoder.forward, args, kwargs) if self.scope != "all" or self._n_rows else {}
        if self._n_rows:
            self._check_rows(len(_tokens(given)))
        if self.scope == "all":
            shape = _tokens(given).shape if self._n_rows else (0, 0)
            self._forward = _Forward((shape[0], shape[1]), True)
            return
        slots = _slots(given)
        prompts = self._prompts(slots, given.get("attention_mask"))
        of_media = self._of_media(given, slots, prompts) if self.scope in BY_TOKEN else None
        chosen = covered(self.scope, slots, prompts, of_media)
        self._forward = _Forward((slots.n_rows, slots.n_tokens), chosen)

    def leave_decoder(self, *_: object) -> None:
        """Forward hook of the decoder, also called after an error."""
        self._forward = None

    def next_run(self, path: str) -> int | None:
        """The run of a module in this forward pass that begins, from zero; None outside the decoder."""
        if self._forward is None:
            return None
        run = self._forward.runs[path]
        self._forward.runs[path] += 1
        return run

    def chosen(self, shape: torch.Size) -> bool | Tensor:
        """Mask of the positions in scope, of the values' shape (all axes but the last); a bool holds for all of them.

        Raises:
            ValueError: If that cannot be told, for a forward pass that was not seen or a shape with other axes.
        """
        if self._forward is None:
            if self.scope == "all":
                return True
            raise ValueError(f"attention ran outside the decoder, where {_UNKNOWN}")
        chosen, expected = self._forward.chosen, self._forward.shape
        if isinstance(chosen, Tensor) and self._now.rows is not None:
            chosen, expected = chosen[list(self._now.rows)], (len(self._now.rows), expected[1])
        if isinstance(chosen, bool) or shape == expected:
            return chosen
        if shape == (expected[0] * expected[1],):
            return chosen.flatten()
        raise ValueError(f"attention writes {tuple(shape)} positions for {expected} rows and tokens, where {_UNKNOWN}")

    def touched(self, n_edits: int) -> list[bool]:
        """Of each edit whether the running pass has a position in its scope."""
        chosen = True if self._forward is None else self._forward.chosen
        found = [chosen] * n_edits if isinstance(chosen, bool) else chosen.reshape(n_edits, -1).any(1).tolist()
        over = self._now.over or [False] * n_edits
        return [acts and not ended for acts, ended in zip(found, over, strict=True)]

    def spread(
        self, factor: Float[Tensor, "n_edits width"], shape: torch.Size
    ) -> Float[Tensor, "1 width"] | Float[Tensor, "n_rows 1 width"] | Float[Tensor, "n_positions width"]:
        """Factors of each edit, for values of a shape (all axes but the last): those of its row at all its positions.

        Raises:
            ValueError: If the values' rows cannot be told.
        """
        if self._n_rows is None:
            return factor
        if self._forward is None:
            raise ValueError(f"attention ran outside the decoder, where {_UNTOLD}")
        n_rows, n_tokens = self._forward.shape
        by_row = factor.repeat_interleave(n_rows // self._n_rows, dim=0)
        if self._now.rows is not None:
            n_rows, by_row = len(self._now.rows), by_row[list(self._now.rows)]
        if shape == (n_rows, n_tokens) or (self.scope == "all" and shape[0] == n_rows and len(shape) == 2):
            return by_row[:, None]  # an encoder of sound or pictures makes other positions of what it reads
        if shape == (n_rows * n_tokens,):
            return by_row.repeat_interleave(n_tokens, dim=0)
        raise ValueError(
            f"attention writes {tuple(shape)} positions for {(n_rows, n_tokens)} rows and tokens, where {_UNTOLD}"
        )

    def _check_rows(self, n_rows: int) -> None:
        copies = self._generations[-1].copies if self._generations else 1
        if n_rows != (self._n_rows or 0) * copies:
            beams = f", {copies} for each prompt" if copies > 1 else ""
            raise ValueError(
                f"there are {self._n_rows} edits and {n_rows} rows{beams}; give one edit for each prompt of the "
                "batch, or one alone"
            )

    def _prompts(self, slots: Slots, mask: Any) -> Prompts:
        generation = self._generations[-1] if self._generations else None
        if generation is not None and generation.prompts is not None:
            if slots.end < generation.seen:
                raise ValueError(f"the model keeps its cache to itself, where {_UNKNOWN}")
            generation.seen = slots.end
            length, real = generation.prompts.length, generation.prompts.real
        else:
            length = slots.start or slots.n_tokens
            real = self._read(mask, slots) if isinstance(self.scope, tuple) else None
        return Prompts(length if self._prompt_length is None else self._prompt_length, real)

    def _of_media(self, given: dict[str, Any], slots: Slots, prompts: Prompts) -> Bool[Tensor, "n_rows n_tokens"]:
        assert self._media is not None
        ids = next((ids for ids in (self._ids, given.get("input_ids")) if isinstance(ids, Tensor)), None)
        if ids is None or ids.shape != (slots.n_rows, slots.n_tokens):
            raise ValueError(f"the model got no input_ids for what its decoder reads, where {_UNKNOWN}")
        found = self._media.among(ids, given.get("inputs_embeds")).cpu()
        if self._generations or self._prompt_length is not None:
            found[:, max(prompts.length - slots.start, 0) :] = False
        return found

    def _read(self, mask: Any, slots: Slots) -> Tensor | None:
        flat = next((m for m in (mask, self._mask) if isinstance(m, Tensor) and m.dim() == 2), None)
        if flat is None and mask is None:
            return None
        if flat is None or flat.shape[1] < slots.end:
            raise ValueError(
                f"positions {list(self.scope)} are counted from each prompt's first real token, which this attention "
                f"mask does not show; give forward a mask of {slots.n_rows} rows and {slots.end} columns, 0 for padding"
            )
        return flat[:, : slots.end].bool().cpu()


_READ = ("input_ids", "inputs_embeds", "input_features", "input_values", "pixel_values", "flattened_patches")
_UNTOLD = "rows cannot be told; give one edit for all of them"
_UNKNOWN = 'positions cannot be told; give the edit the scope "all"'


def named_arguments(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name."""
    return dict(zip(inspect.signature(function).parameters, args, strict=False)) | kwargs if args else kwargs


def _tokens(given: dict[str, Any]) -> Tensor:
    """The decoder's tokens (n_rows, n_tokens), also embedded; or the inputs of an encoder of sound or pictures."""
    tokens = next((given[n] for n in _READ if isinstance(given.get(n), Tensor)), None)
    if tokens is None:
        raise ValueError(f"the decoder got neither input_ids nor inputs_embeds, where {_UNKNOWN}")
    return tokens


def _slots(given: dict[str, Any]) -> Slots:
    tokens = _tokens(given)
    cache = given.get("past_key_values")
    if cache is not None and not hasattr(cache, "get_seq_length"):
        raise ValueError(f"a cache of type {type(cache).__name__} does not tell its length, where {_UNKNOWN}")
    # A static cache gives a tensor that it goes on counting in, so it is read at once.
    return Slots(tokens.shape[0], 0 if cache is None else int(cache.get_seq_length()), tokens.shape[1])
