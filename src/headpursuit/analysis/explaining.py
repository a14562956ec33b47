"""Name what each head writes, in tokens."""

from collections.abc import Iterable
from dataclasses import dataclass

from headpursuit.analysis.captures import Capture
from headpursuit.analysis.readings import read
from headpursuit.heads import Head
from headpursuit.models import LanguageModel, token_text
from headpursuit.pursuit import Dictionary, Rule, pursue

_ROOM = 2**30
"""Bytes of signals at once: many heads share each pass over the vocabulary."""


@dataclass(frozen=True)
class Explanation:
    """What one head writes: the tokens that explain it best."""

    head: Head
    tokens: tuple[str, ...]
    """In the order they were chosen."""
    token_ids: tuple[int, ...]
    explained: tuple[float, ...]
    """Fraction of the head's energy explained by the tokens up to each."""


def explain(
    model: LanguageModel,
    capture: Capture,
    *,
    heads: Iterable[Head] | None = None,
    n_atoms: int = 20,
    rule: Rule = "l2",
    centre: bool = True,
    gain: bool = False,
) -> list[Explanation]:
    """Which few tokens of the whole vocabulary explain what each head writes.

    Args:
        model: The model that was captured.
        capture: The capture.
        heads: Only these; all if None.
        n_atoms: Tokens per head.
        rule: How the pursuit chooses atoms; see `pursue`.
        centre: Subtract what each head writes on average first.
        gain: Multiply token directions by the final norm's gain.

    Raises:
        ValueError: See `read` and `pursue`.
    """
    reading = read(model, capture, rule=rule, centre=centre, gain=gain, heads=heads)
    dictionary = Dictionary.of(reading.directions)
    explanations = []
    for names, signals in reading.batches(_ROOM):
        result = pursue(signals, dictionary, n_atoms, rule=rule)
        for head, atoms, explained in zip(names, result.atoms.tolist(), result.explained.tolist(), strict=True):
            ids = tuple(atom for atom in atoms if atom >= 0)
            tokens = tuple(token_text(model, i) for i in ids)
            explanations.append(Explanation(head, tokens, ids, tuple(explained[: len(ids)])))
    return sorted(explanations, key=lambda e: e.head)
