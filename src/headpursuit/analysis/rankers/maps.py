"""MAPS: does a head's weights alone turn the word that a fact is about into its answer?"""

import re
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.analysis.rankers.evidence import Evidence, Unsuited, by_head
from headpursuit.heads import Head
from headpursuit.models import AnatomyError, input_rows, readout, spelled, value_weights, write_weights

_WORD = re.compile(r"[^\W_]+")

_FIRST = 10
"""An answer counts if its token is among so many of the largest logits."""

_FEWEST = 5
"""Pairs below which fractions say nothing."""


def maps(evidence: Evidence) -> dict[Head, float]:
    """Fraction of pairs (source word, answer) whose answer is among the ten largest of e V W Rᵀ.

    e is the source token's input embedding, V W the head's value-output map, R the directions that logits read (see
    `readout`). The source word of a prompt is the last word of the fact that it asks for, where it stands in the prompt
    and is a token of its own: of "Monday, Tuesday" that is Tuesday. Each pair counts once. No prompt is read by the
    model, and attention plays no part.

    Source: Elhelo and Geva (2025), MAPS, arXiv 2412.11965: the relation score, for pairs of single tokens.
    Differences: 1. the norms' gains are folded into V and R. 2. e is the embedding itself for every layer; theirs may
        pass the first layer's MLP before later ones. 3. what suppresses an answer (the smallest logits) is not counted.

    Raises:
        Unsuited: If right answers or sources are not known, a site's value weights cannot be found, or heads do not
            reach the final norm.
    """
    pairs = sorted(set(_pairs(evidence)))
    if len(pairs) < _FEWEST:
        raise Unsuited(
            f"{len(pairs)} of its facts end in a word of one token that stands in the prompt; MAPS needs {_FEWEST}"
        )
    model, values = evidence.model, value_weights(evidence.model)
    missing = next((site.name for site in model.anatomy.sites if site not in values), None)
    if missing is not None:
        raise Unsuited(f"the value weights of {missing} cannot be found")
    sources = input_rows(model, [source for source, _ in pairs])
    try:
        rows = readout(model, range(len(evidence.directions)))
    except AnatomyError as error:
        raise Unsuited(str(error)) from error
    found: dict[Head, float] = {}
    for site in model.anatomy.sites:
        write = write_weights(model.network, site)
        moved = torch.einsum("pm,hmd,hdn->hpn", sources.to(write), values[site].to(write), write)
        hits = [_hits(one @ rows.T.to(one), [answers for _, answers in pairs]) for one in moved]
        found |= by_head(site, torch.tensor(hits))
    return found


def _hits(logits: Float[Tensor, "n_pairs vocab"], answers: list[tuple[int, ...]]) -> float:
    """Fraction of rows with one of their answers among the largest; a head that writes nothing has none."""
    ours = torch.stack([row[list(ids)].max() for row, ids in zip(logits, answers, strict=True)])
    before = (logits > ours[:, None]).sum(1)
    return float(((before < _FIRST) & (logits.amax(1) > logits.amin(1))).float().mean())


def _pairs(evidence: Evidence) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Source token and tokens of the answer, for each prompt that has a source word."""
    for prompt, fact, answers in zip(evidence.prompts, evidence.facts, evidence.right_answers(), strict=True):
        last = _WORD.findall(fact)[-1:]
        if isinstance(prompt, str) and last and last[0] in _WORD.findall(prompt):
            ids = spelled(evidence.model, last[0], spaced=True)
            if len(ids) == 1:
                yield ids[0], answers
