"""Whole-vocabulary pursuit of all heads of smollm2-135m against the plain algorithm.

Run: python benchmarks/pursuit.py
"""

import resource
from functools import partial
from typing import Any

import plain
import torch
from common import STEPS, captured, ceilings, report, seconds, signals_of, smollm2, written

from headpursuit.analysis import Capture, read
from headpursuit.models import LanguageModel
from headpursuit.pursuit import Dictionary, Pursuit, pursue

HEADS = (29 * 9 + 2, 23 * 9 + 4, 5 * 9 + 1)
"""Heads on which slow algorithms are timed; their time per head is multiplied by the number of heads."""


def main() -> None:
    """Run all comparisons."""
    model = smollm2()
    capture = captured(model)
    dictionary = Dictionary.of(read(model, capture).directions)
    best, whole = ceilings("cpu"), whole_model(model, capture, dictionary)
    rows: dict[str, object] = {"ceilings": best, "positions": capture.n_samples, "whole_model": whole}
    rows["floor"] = floor(best, whole["n=1000"]["ours_s"])
    rows["l1"] = l1(model, capture, dictionary)
    rows["peak_memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    report("pursuit", rows)


def agreement(found: Pursuit, head: int, atoms: list[int], explained: float) -> dict[str, float]:
    """The number of atoms that agree, and the difference of explained."""
    same = sum(a == b for a, b in zip(found.atoms[head].tolist(), atoms, strict=True))
    return {"same_atoms": same, "explained_difference": abs(float(found.explained[head, -1]) - explained)}


def whole_model(model: LanguageModel, capture: Capture, dictionary: Dictionary) -> dict[str, Any]:
    """All heads, all tokens: ours (moments to signals included) against the plain algorithm per head."""
    atoms, rows = dictionary.unit(slice(None), torch.empty(0)), {}
    for n, heads in ((100, HEADS), (1000, HEADS), (10_000, HEADS[:1])):

        def pursued(n: int = n) -> Pursuit:
            return pursue(signals_of(model, capture, n), dictionary, STEPS)

        ours, found = seconds(pursued)
        times, agree = [], []
        for head in heads:
            h = written(model, capture, head, n)
            one, (chosen, explained) = seconds(partial(plain.somp, h, atoms, STEPS), 1)
            times.append(one)
            agree.append(agreement(found, head, chosen, explained))
        everything = sum(times) / len(times) * len(found.atoms)
        rows[f"n={n}"] = {"ours_s": ours, "plain_s": everything, "ratio": everything / ours, "agreement": agree}
    return rows


def floor(best: dict[str, float], ours: float) -> dict[str, float]:
    """The time that the counted operations and bytes take at this machine's ceilings."""
    heads, d_head, d_model, vocab = 270, 64, 576, 49152
    flop = 2 * heads * vocab * d_model * (d_head + 2 * (STEPS - 1))
    moved = 4 * (vocab * d_model * 2 * STEPS + heads * vocab * (1 + 6 * STEPS) + heads * d_head * d_model * 3 * STEPS)
    least = flop / best["gflop_per_s"] / 1e9 + moved / best["gbyte_per_s"] / 1e9
    return {"tflop": flop / 1e12, "gbyte": moved / 1e9, "floor_s": least, "ours_over_floor": ours / least}


def l1(model: LanguageModel, capture: Capture, dictionary: Dictionary) -> dict[str, Any]:
    """The l1 rule at n = 1,000: pruned against exhaustive, in the residual stream and in head space."""
    atoms = dictionary.unit(slice(None), torch.empty(0))
    signals = signals_of(model, capture, 1000, samples=True)
    ours, found = seconds(lambda: pursue(signals, dictionary, STEPS, rule="l1"), 1)
    assert signals.left is not None
    plain_s, head_space_s, same = [], [], []
    for head in HEADS:

        def exhaustive(head: int = head) -> tuple[list[int], float]:
            return plain.somp(written(model, capture, head, 1000), atoms, STEPS, "l1")

        one, (chosen, _) = seconds(exhaustive, 1)
        left, rows = signals.left[head], signals.rows[head]
        two, again = seconds(partial(plain.exhaustive_l1_in_head_space, rows, left, atoms, STEPS), 1)
        plain_s.append(one)
        head_space_s.append(two)
        same.append(chosen == again == found.atoms[head].tolist())
    n_heads = len(found.atoms)
    slow, medium = (sum(times) / len(times) * n_heads for times in (plain_s, head_space_s))
    return {
        "ours_s": ours,
        "exhaustive_s": slow,
        "ratio": slow / ours,
        "exhaustive_in_head_space_s": medium,
        "ratio_in_head_space": medium / ours,
        "same_atoms": same,
    }


if __name__ == "__main__":
    main()
