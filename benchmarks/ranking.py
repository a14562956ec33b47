"""Ranking all heads for a new concept of 100 tokens, 16 random dictionaries included.

Two sizes: smollm2-135m with real weights and a real capture, and the geometry of Mistral-7B (32 layers, 32 heads of
width 128, d_model 4096, 32,000 tokens) with random bf16 weights and random moments.

Run: python benchmarks/ranking.py [--device cuda]
"""

import sys

import torch
from common import ceilings, report, seconds, smollm2
from mistral import D_MODEL, VOCAB, moments, write_weights

import headpursuit as hp
from headpursuit.concepts import Concept
from headpursuit.pursuit import Dictionary, Signals, Stack, explained_by, random_dictionaries
from headpursuit.studies import load_task

N_TOKENS, N_DRAWS, STEPS = 100, 16, 20


def main(device: str) -> None:
    """Rank on both sizes."""
    rows = {"ceilings": ceilings(device), "mistral-7b geometry": mistral(device)}
    if device == "cpu":
        rows["smollm2-135m"] = embedded()
    report("ranking" if device == "cpu" else f"ranking-{device}", rows, device)


def embedded() -> dict[str, float]:
    """`rank` as users call it, from a capture in memory to a sorted ranking."""
    model = smollm2()
    capture = hp.capture(model, load_task("countries-qa").ranking_prompts)
    words = [word for word in hp.load_concept("countries").words + hp.load_concept("animals").words]
    concept = first_tokens(model, words, N_TOKENS)
    took, ranking = seconds(lambda: hp.rank(model, capture, concept), 9)
    return {"tokens": len(ranking.tokens), "heads": len(ranking.entries), "rank_s": took}


def first_tokens(model: hp.LanguageModel, words: list[str], n_tokens: int) -> Concept:
    """A concept of as many words as give that number of tokens."""
    from headpursuit.models import spell

    for count in range(1, len(words) + 1):
        concept = Concept("hundred", tuple(words[:count]))
        if len(spell(model, concept).token_ids) >= n_tokens:
            return concept
    raise ValueError(f"these words give fewer than {n_tokens} tokens")


def mistral(device: str) -> dict[str, float]:
    """All 1,024 heads: signals from moments, then the concept and its random dictionaries."""
    weights, unembedding = write_weights(device)
    captured = moments(device)
    tokens = torch.arange(N_TOKENS)
    draws = random_dictionaries(VOCAB, N_TOKENS, tokens, N_DRAWS, seed=0)

    def rank() -> None:
        dictionaries = tuple(Dictionary.of(unembedding[rows.to(device)]) for rows in (tokens, *draws))
        stack = Stack(dictionaries, torch.empty(0, device=device))
        for layer, write in enumerate(weights):
            signals = Signals.from_moments(captured[layer], write.float())
            explained_by(signals, stack, n_steps=STEPS)

    took, _ = seconds(rank)
    return {"tokens": N_TOKENS, "heads": 1024, "rank_s": took, "tflop": 2 * 1024 * 128 * D_MODEL * 1700 / 1e12}


if __name__ == "__main__":
    main("cuda" if "cuda" in sys.argv else "cpu")
