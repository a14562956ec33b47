"""Rank every head of a model for a concept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from headpursuit.analysis.captures import Capture
from headpursuit.analysis.nulls import explained_by_each, null_dictionaries
from headpursuit.analysis.rankings import RankedHead, Ranking
from headpursuit.analysis.readings import Reading, read
from headpursuit.concepts import Words, concept_of
from headpursuit.heads import Head
from headpursuit.models import ConceptTokens, GivenModel, LanguageModel, model_of, token_text, tokens_of
from headpursuit.pursuit import Scores, q_values
from headpursuit.settings import RankConfig


def rank(
    model: GivenModel, capture: Capture, concept: Words, config: RankConfig | None = None, *, tokenizer: Any = None
) -> Ranking:
    """Rank all heads for a concept.

    Args:
        model: The model that was captured: what `load` returned, or a transformers model with its tokenizer.
        capture: The capture.
        concept: A concept; the name of a built-in one or a file of words; a list of words; or `{name: words}`.
        config: Score and options; see `RankConfig`.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images.

    Raises:
        FileNotFoundError: If there is no such concept.
        TypeError: If a word is no text.
        ValueError: If the capture is of another model or holds too little (see `read`), the concept has no token in the
            vocabulary, or there are too few random dictionaries for a z-score.

    Source: arXiv 2510.21518, section 3.
    Differences: 1. `specificity` is the default score, because heads of the first layers write nearly constant
        vectors which any dictionary explains. 2. Signals are centred by default, for the same reason.
    """
    model = model_of(model, tokenizer)
    config = config or RankConfig()
    return rank_each(model, capture, [tokens_of(model, concept_of(concept), config.multi_token)], config)[0]


def rank_each(
    model: LanguageModel,
    capture: Capture,
    lists: Sequence[ConceptTokens],
    config: RankConfig,
    *,
    seeds: Sequence[int] | None = None,
    reading: Reading | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Ranking]:
    """Rank all heads for each of several lists of tokens; what they share is read once.

    Args:
        model: The model that was captured.
        capture: The capture.
        lists: What stands for each concept; a list of `tokens_of` is ranked as `rank` does it.
        config: Score and options; its `multi_token` is not looked at.
        seeds: Of each list's random dictionaries; the config's for all if None.
        reading: What `read` returned for the same capture and options, to be spared reading it again.
        progress: Told how many rankings are done, and of how many.

    Raises:
        ValueError: As `rank`.
    """
    seeds = seeds or [config.seed] * len(lists)
    scored = score_each(model, capture, lists, config, seeds=seeds, reading=reading, progress=progress)
    return [
        _ranking(model, capture, found, replace(config, seed=seed), heads, scores)
        for found, seed, (heads, scores) in zip(lists, seeds, scored, strict=True)
    ]


def score_each(
    model: LanguageModel,
    capture: Capture,
    lists: Sequence[ConceptTokens],
    config: RankConfig,
    *,
    seeds: Sequence[int] | None = None,
    reading: Reading | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Iterator[tuple[tuple[Head, ...], Scores]]:
    """The scores that `rank_each` makes rankings of: of each list the heads, in one order for all, and their scores.

    The arguments and errors are those of `rank_each`.
    """
    if reading is None:
        reading = read(model, capture, rule=config.rule, centre=config.centre, gain=config.gain)
    for number, (found, seed) in enumerate(zip(lists, seeds or [config.seed] * len(lists), strict=True), start=1):
        ids = torch.tensor(found.token_ids)
        draws = null_dictionaries(model, reading.directions, ids, config.null, config.n_draws, seed)
        both = torch.cat([ids[None], draws])
        heads, explained = explained_by_each(reading, both, n_steps=config.n_atoms, rule=config.rule)
        progress(number, len(lists))
        yield heads, Scores(explained[0], explained[1:])


def _ranking(
    model: LanguageModel,
    capture: Capture,
    found: ConceptTokens,
    config: RankConfig,
    heads: Sequence[Head],
    scores: Scores,
) -> Ranking:
    columns = (scores.explained, scores.specificity, scores.z, scores.p, q_values(scores))
    entries = [RankedHead(*row) for row in zip(heads, *(column.tolist() for column in columns), strict=True)]
    return Ranking(
        found.concept.name,
        tuple(sorted(entries, key=lambda e: (-getattr(e, config.score), e.head))),
        config,
        capture.identity.model,
        capture.identity.revision,
        capture.identity.unembedding_sha256,
        tuple(token_text(model, i) for i in found.token_ids),
        found.dropped_words,
    )
