"""Calibration of p- and q-values on a real model, where the truth is known: for lists of random tokens.

For countries on smollm2-135m, many random dictionaries of each null are read once. Then again and again one of them
plays the concept, and 99 others are its random dictionaries:
    - random lists against their own null: how often is a head found at q <= 0.05, and how even are p-values?
    - lists that are matched to countries (same spacing, case and frequency), against any tokens: how easy is that null?
For months, a short list, lists that look like months stand in their place, and each is ranked as a concept is: against
tokens that are matched to itself.

Run: python benchmarks/calibration.py (about six minutes on two cores)
"""

from typing import Any

import numpy as np
import torch
from common import report, smollm2
from scipy.stats import kstest

import headpursuit as hp
from headpursuit.analysis import explained_by_each, null_dictionaries, read
from headpursuit.models import tokens_of
from headpursuit.pursuit import Scores, q_values
from headpursuit.studies import load_task

N_DICTIONARIES, N_DRAWS, N_LISTS, N_LOOK_ALIKES, LEVEL = 500, 99, 400, 100, 0.05


def main() -> None:
    """Read all dictionaries once, then judge lists."""
    model = smollm2()
    capture = hp.capture(model, load_task("countries-qa").ranking_prompts)
    reading = read(model, capture)
    ids = torch.tensor(tokens_of(model, hp.load_concept("countries")).token_ids)
    explained = {}
    for null in ("any", "matched"):
        draws = null_dictionaries(model, reading.directions, ids, null, N_DICTIONARIES, seed=0)
        heads, explained[null] = explained_by_each(reading, torch.cat([ids[None], draws]), n_steps=20)
    rows: dict[str, Any] = {"tokens": len(ids), "dictionaries": N_DICTIONARIES, "draws": N_DRAWS, "lists": N_LISTS}
    for null, values in explained.items():
        names = [str(head) for head in heads]
        rows[f"countries against {null}"] = concept(Scores(values[0], values[1 : 1 + N_DRAWS]), names)
        rows[f"{null} lists against {null}"] = lists(values[1:], values[1:])
    rows["matched lists against any"] = lists(explained["matched"][1:], explained["any"][1:])
    rows["lists like months, each against its own matched"] = look_alikes(model, "months")
    report("calibration", rows)


def concept(scores: Scores, names: list[str]) -> dict[str, Any]:
    """The number of heads found, and the best ten."""
    q = q_values(scores)
    best = scores.specificity.argsort(descending=True)[:10].tolist()
    columns = {"specificity": scores.specificity, "z": scores.z, "p": scores.p, "q": q}
    top = {names[i]: {name: float(f"{column[i]:.3g}") for name, column in columns.items()} for i in best}
    return {"found": int((q <= LEVEL).sum()), "top": top}


def look_alikes(model: hp.LanguageModel, name: str) -> dict[str, float]:
    """Lists that look like a concept's, each ranked with `--null matched` on the last positions of its task."""
    reading = read(model, hp.capture(model, load_task(name).ranking_prompts))
    ids = torch.tensor(tokens_of(model, hp.load_concept(name)).token_ids)
    made = null_dictionaries(model, reading.directions, ids, "matched", N_LOOK_ALIKES, seed=0)

    def scores_of(number: int, tokens: torch.Tensor) -> Scores:
        draws = null_dictionaries(model, reading.directions, tokens, "matched", N_DRAWS, seed=number)
        _, explained = explained_by_each(reading, torch.cat([tokens[None], draws]), n_steps=20)
        return Scores(explained[0], explained[1:])

    return summary([scores_of(*each) for each in enumerate(made)])


def lists(concepts: torch.Tensor, null: torch.Tensor) -> dict[str, float]:
    """Random dictionaries in the place of a concept, each against others."""
    generator = torch.Generator().manual_seed(0)
    chosen = (torch.randperm(len(null), generator=generator)[: 1 + N_DRAWS] for _ in range(N_LISTS))
    return summary([Scores(concepts[one[0]], null[one[1:]]) for one in chosen])


def summary(scores: list[Scores]) -> dict[str, float]:
    """The findings for lists that no head is for, all of them false, and the evenness of each head's p-values."""
    found = [int((q_values(each) <= LEVEL).sum()) for each in scores]
    p = torch.stack([each.p for each in scores]).numpy()
    spread = p - np.random.default_rng(0).random(p.shape) / (1 + N_DRAWS)
    uneven = np.mean([kstest(column, "uniform").pvalue < 0.05 for column in spread.T])
    return {
        "lists with a head found": float(np.mean([n > 0 for n in found])),
        "heads found per list": float(np.mean(found)),
        "heads with uneven p (KS p < 0.05)": float(uneven),
    }


if __name__ == "__main__":
    main()
