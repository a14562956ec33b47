"""Random dictionaries beside a concept's, and what each of many dictionaries explains of every head."""

from typing import get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headpursuit.analysis.readings import Reading
from headpursuit.heads import Head
from headpursuit.models import LanguageModel, ids_without_token, token_forms
from headpursuit.pursuit import Dictionary, Rule, Stack, explained_by, matched_dictionaries, random_dictionaries
from headpursuit.settings import Null

_ROOM = 2**26
"""Bytes of signals at once: more would only fetch fresh memory."""

_STACK_ROOM = 2**24
"""Bytes of dictionaries at once."""

_FEWEST = 17
"""Dictionaries at once, at least: signals are made again for each batch of them."""


def null_dictionaries(
    model: LanguageModel,
    directions: Float[Tensor, "vocab d_model"],
    token_ids: Int[Tensor, " n_tokens"],
    null: Null,
    n_draws: int,
    seed: int,
) -> Int[Tensor, "n_draws n_tokens"]:
    """Random tokens, as many as a concept has, none of them the concept's, special, or an id without a token.

    `matched` takes for each of the concept's tokens one of the same form (see `token_forms`) whose place in the
    vocabulary (earlier tokens are the more frequent ones) and whose row's length rank nearly the same.

    Raises:
        ValueError: If too few tokens are left beside the concept, or the null is unknown.
    """
    if null not in get_args(Null):
        raise ValueError(f"unknown null {null!r}; choose {' or '.join(get_args(Null))}")
    n_tokens = len(directions)
    others = torch.tensor([*model.tokenizer.all_special_ids, *ids_without_token(model)], dtype=torch.int64)
    exclude = torch.cat([token_ids, others[others < n_tokens]])
    if null == "any":
        return random_dictionaries(n_tokens, len(token_ids), exclude, n_draws, seed)
    lengths = torch.cat([block.float().norm(dim=1) for block in directions.split(4096)]).cpu()
    traits = torch.stack([torch.arange(n_tokens), lengths.argsort().argsort()], dim=1) / n_tokens
    return matched_dictionaries(token_ids, token_forms(model), traits, exclude, n_draws, seed)


def explained_by_each(
    reading: Reading, dictionaries: Int[Tensor, "n_dictionaries n_tokens"], *, n_steps: int, rule: Rule = "l2"
) -> tuple[tuple[Head, ...], Float[Tensor, "n_dictionaries n_heads"]]:
    """The fraction of every head that each of many sets of tokens explains; memory does not grow with their number.

    Args:
        reading: The heads' signals and the directions of tokens.
        dictionaries: Token ids, a row for each.
        n_steps: Atoms chosen from each dictionary, at most all of them.
        rule: How atoms are chosen.
    """
    directions, n_tokens = reading.directions, dictionaries.shape[1]
    size = 4 * n_tokens * (directions.shape[1] + n_tokens)
    heads: list[Head] = []
    parts = []
    for some in dictionaries.split(max(_FEWEST, _STACK_ROOM // size)):
        made = tuple(Dictionary.of(directions[rows.to(directions.device)]) for rows in some)
        stack = Stack(made, directions.new_empty(0, dtype=torch.float32))
        batches = [
            (names, explained_by(signals, stack, n_steps=min(n_steps, n_tokens), rule=rule).cpu())
            for names, signals in reading.batches(_ROOM)
        ]
        heads = [head for names, _ in batches for head in names]
        parts.append(torch.cat([explained for _, explained in batches], dim=1))
    return tuple(heads), torch.cat(parts)
