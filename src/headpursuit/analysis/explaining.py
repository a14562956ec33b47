"""Name what each head writes, in tokens."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from headpursuit.analysis.captures import Capture
from headpursuit.analysis.readings import Reading, read
from headpursuit.heads import GivenHead, Head, heads_of
from headpursuit.models import GivenModel, model_of, token_text
from headpursuit.pursuit import Rule, pursue

_ROOM = 2**30
"""Bytes of signals at once: many heads share each pass over the vocabulary."""


@dataclass(frozen=True)
class Explanation:
    """The tokens that best explain what one head writes."""

    head: Head
    tokens: tuple[str, ...]
    """In the order they were chosen."""
    token_ids: tuple[int, ...]
    explained: tuple[float, ...]
    """Fraction of the head's energy explained by the tokens up to each."""

    def __post_init__(self) -> None:
        if not len(self.tokens) == len(self.token_ids) == len(self.explained):
            raise ValueError(
                f"{self.head} has {len(self.tokens)} tokens, {len(self.token_ids)} token ids and {len(self.explained)} "
                "explained fractions; each token has one of each"
            )

    @property
    def total(self) -> float:
        """Fraction of the head's energy that all its tokens explain together; 0 if it has none."""
        return self.explained[-1] if self.explained else 0.0


def explain(
    model: GivenModel,
    capture: Capture,
    *,
    heads: Iterable[GivenHead] | GivenHead | None = None,
    n_atoms: int = 20,
    rule: Rule = "l2",
    centre: bool = True,
    gain: bool = False,
    reading: Reading | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
    tokenizer: Any = None,
) -> list[Explanation]:
    """Explanations of heads: the few tokens of the whole vocabulary that explain best what each of them writes.

    Args:
        model: The model that was captured: what `load` returned, or a transformers model with its tokenizer.
        capture: The capture.
        heads: Only these, by name (`L24H3`), as `(24, 3)` or as `Head`; all if None.
        n_atoms: Tokens per head.
        rule: How the pursuit chooses atoms; see `pursue`.
        centre: Subtract what each head writes on average first.
        gain: Multiply token directions by the final norm's gain.
        reading: What `read` returned for the same capture and options, to be spared reading it again.
        progress: Told how many heads are explained, and of how many.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images.

    Raises:
        TypeError: If one of the heads is none.
        ValueError: See `read` and `pursue`.
    """
    model = model_of(model, tokenizer)
    heads = None if heads is None else heads_of(heads)
    if reading is None:
        reading = read(model, capture, rule=rule, centre=centre, gain=gain, heads=heads)
    elif heads is not None:
        reading = reading.only(heads)
    explanations = []
    for names, signals in reading.batches(_ROOM):
        result = pursue(signals, reading.dictionary, n_atoms, rule=rule)
        for head, atoms, explained in zip(names, result.atoms.tolist(), result.explained.tolist(), strict=True):
            ids = tuple(atom for atom in atoms if atom >= 0)
            tokens = tuple(token_text(model, i) for i in ids)
            explanations.append(Explanation(head, tokens, ids, tuple(explained[: len(ids)])))
        progress(len(explanations), reading.n_heads)
    return sorted(explanations, key=lambda e: e.head)
