"""Compare two atlases: which heads changed their words, and what they are specific for.

A head's *profile* gives each of its tokens the share of the head's energy by which it raised `explained` when it was
chosen; the shares add up to what all its tokens explain. Two profiles x and y differ by

    changed = 1/2 sum_t |x_t - y_t|            kept = sum_t min(x_t, y_t) / sum_t max(x_t, y_t)

`changed` is at most 1, since both profiles add up to at most 1, and small for heads that no tokens explain. `kept` (and
any other measure that divides by the profiles' sizes) would put just those first: their tokens are arbitrary, and other
ones in every capture. So heads are sorted by `changed`.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor

from headpursuit.analysis.atlases.atlas import LEVEL, Atlas
from headpursuit.analysis.atlases.difference import AtlasDiff, HeadChange
from headpursuit.analysis.explaining import Explanation

_SETTINGS = ("rule", "centre", "gain", "n_atoms", "null", "multi_token")
"""Settings that must have been the same for figures to be comparable; draws and seeds only add noise."""


def diff_atlases(before: Atlas, after: Atlas, level: float = LEVEL) -> AtlasDiff:
    """The heads that changed their words most, and how much more or less specific for each concept they became.

    Two captures of one model differ too, by their prompts: what that amounts to is seen by comparing two atlases of the
    same model. Tokens count as the same only if they are the same token (or text, where the vocabularies differ);
    ` France` and ` French` are two.

    Args:
        before: The atlas of the first model, such as the base.
        after: That of the second, such as the finetuned one: the same layers with the same heads.
        level: False-discovery rate up to which a head counts as specific for a concept.

    Raises:
        ValueError: If the heads are not the same, or the atlases were made with different settings.
    """
    _check_comparable(before, after)
    by_text = before.vocabulary_sha256 != after.vocabulary_sha256
    shared = tuple(name for name in before.names if name in after.names)
    growth = _columns(after, shared) - _columns(before, shared)
    found = before.found(level), after.found(level)
    changes = []
    for ours, theirs, grown in zip(before.explanations, after.explanations, growth.tolist(), strict=True):
        old, new = ({finding.concept for finding in each[ours.head]} for each in found)
        one, other = (_profile(each, by_text) for each in (ours, theirs))
        changed, kept = _compare(one, other)
        gone, fresh = _only_in(ours, other, by_text), _only_in(theirs, one, by_text)
        gained = tuple(name for name in shared if name in new - old)
        lost = tuple(name for name in shared if name in old - new)
        changes.append(HeadChange(ours.head, changed, kept, ours, theirs, gone, fresh, tuple(grown), gained, lost))
    changes.sort(key=lambda change: (-change.changed, change.head))
    notes = tuple(_notes(before, after, shared, by_text))
    return AtlasDiff(before.identity, after.identity, before.anatomy, shared, tuple(changes), by_text, notes, level)


def _columns(atlas: Atlas, names: Sequence[str]) -> Float[Tensor, "n_heads n_shared"]:
    return atlas.specificity[:, [atlas.names.index(name) for name in names]]


def _keys(explanation: Explanation, by_text: bool) -> tuple[Hashable, ...]:
    return explanation.tokens if by_text else explanation.token_ids


def _profile(explanation: Explanation, by_text: bool) -> dict[Hashable, float]:
    """The share that each token explains; tokens of one text count together."""
    profile: dict[Hashable, float] = defaultdict(float)
    steps = pairwise((0.0, *explanation.explained))
    for key, (earlier, explained) in zip(_keys(explanation, by_text), steps, strict=True):
        profile[key] += max(0.0, explained - earlier)
    return profile


def _compare(ours: Mapping[Hashable, float], theirs: Mapping[Hashable, float]) -> tuple[float, float]:
    """`changed` and `kept` of two profiles."""
    pairs = [(ours.get(key, 0.0), theirs.get(key, 0.0)) for key in {**ours, **theirs}]
    either = sum(max(pair) for pair in pairs)
    kept = sum(min(pair) for pair in pairs) / either if either > 0 else 1.0
    return min(1.0, sum(abs(x - y) for x, y in pairs) / 2), kept


def _only_in(one: Explanation, others: Mapping[Hashable, float], by_text: bool) -> tuple[str, ...]:
    return tuple(token for token, key in zip(one.tokens, _keys(one, by_text), strict=True) if key not in others)


def _check_comparable(before: Atlas, after: Atlas) -> None:
    if before.heads != after.heads or before.anatomy != after.anatomy:
        raise ValueError(
            f"{before.identity.model} has {before.anatomy}, but {after.identity.model} has {after.anatomy}; "
            "compare atlases of one architecture, such as a base and a finetuned model"
        )
    ours, theirs = (asdict(a.config.ranking) | {"n_tokens": a.config.n_tokens} for a in (before, after))
    for name in ("n_tokens", *_SETTINGS):
        if ours[name] != theirs[name]:
            raise ValueError(
                f"the atlases were made with different settings: {name} is {ours[name]} in the first and "
                f"{theirs[name]} in the second; build both alike"
            )


def _notes(before: Atlas, after: Atlas, shared: Sequence[str], by_text: bool) -> Iterator[str]:
    """Caveats for the reader."""
    if by_text:
        yield "The vocabularies differ, so tokens are compared by their text."
    ours, theirs = before.identity, after.identity
    if (ours.heads_sha256, ours.unembedding_sha256) == (theirs.heads_sha256, theirs.unembedding_sha256):
        yield (
            "Both models have the same output projections and the same unembedding: what differs comes from prompts "
            "or other weights."
        )
    if _captured(before) != _captured(after):
        yield (
            f"The captures differ ({_captured(before)}; {_captured(after)}), and heads write other words on other "
            "prompts: part of the change may be due to that."
        )
    for here, there, which in ((before, after, "first"), (after, before, "second")):
        alone = [name for name in here.names if name not in there.names]
        if alone:
            yield f"Only the {which} atlas has {', '.join(alone)}; concepts are compared where both have them."
    tokens = [{c.name: c.tokens for c in atlas.concepts} for atlas in (before, after)]
    other = [name for name in shared if set(tokens[0][name]) != set(tokens[1][name])]
    if other:
        yield f"Not the same tokens stand for {', '.join(other)} in both."


def _captured(atlas: Atlas) -> str:
    if atlas.from_weights:
        return "no prompt, weights alone"
    chat = ", chat template" if atlas.capture.chat else ""
    return f"{atlas.n_samples} positions ({atlas.capture.positions}{chat}) of {atlas.n_prompts} prompts"
