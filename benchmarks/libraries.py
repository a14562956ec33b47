"""Pursuit against other libraries, each on the problem that it can solve.

The dictionary is the first 8,192 tokens: SPAMS and scikit-learn build a matrix of all inner products of atoms.
scikit-learn and orthogonal-matching-pursuit-gpu solve every signal on its own, so the problems agree for one sample per
head only. Needs spams-bin, scikit-learn and orthogonal-matching-pursuit-gpu.

Run: python benchmarks/libraries.py
"""

import numpy as np
import torch
from common import STEPS, captured, report, samples_of, seconds, smollm2, written

from headpursuit.analysis import Capture, read
from headpursuit.models import LanguageModel, write_weights
from headpursuit.pursuit import Dictionary, Moments, Pursuit, Signals, pursue

HEAD = 29 * 9 + 2
N_ATOMS = 8192


def main() -> None:
    """Run all comparisons; a library that is not installed is left out."""
    model = smollm2()
    capture = captured(model)
    dictionary = Dictionary.of(read(model, capture).directions[:N_ATOMS])
    rows: dict = {}
    for name, compare in (("spams.somp", spams), ("sklearn.orthogonal_mp_gram", sklearn), ("omp_gpu", omp_gpu)):
        try:
            rows[name] = compare(model, capture, dictionary)
        except ImportError as error:
            rows[name] = f"not installed: {error}"
    report("libraries", rows)


def unit(dictionary: Dictionary) -> torch.Tensor:
    """All atoms at unit length, float64, as the libraries want them."""
    return torch.nn.functional.normalize(dictionary.vectors.double(), dim=1)


def spams(model: LanguageModel, capture: Capture, dictionary: Dictionary) -> dict:
    """SPAMS' simultaneous OMP is forward selection: one head, n = 1,000."""
    import spams as library

    site, index = model.anatomy.sites[HEAD // 9], HEAD % 9
    mixed = samples_of(capture).mixed[site.name][:1000, index : index + 1]
    write = write_weights(model.network, site)[index : index + 1]

    def solve() -> Pursuit:
        return pursue(Signals.from_moments(Moments.of(mixed), write), dictionary, STEPS, rule="forward")

    ours, found = seconds(solve, 15)
    x = np.asfortranarray(written(model, capture, HEAD, 1000).T.double().numpy())
    d = np.asfortranarray(unit(dictionary).T.numpy())
    options = {"L": STEPS, "eps": 0.0, "numThreads": torch.get_num_threads()}
    theirs, code = seconds(lambda: library.somp(x, d, np.array([0], dtype=np.int32), **options), 3)
    support = set(code.tocoo().row.tolist())
    same = len(support & set(found.atoms[0].tolist()))
    return {"ours_s": ours, "theirs_s": theirs, "ratio": theirs / ours, "same_atoms": f"{same} of {STEPS}"}


def single_samples(model: LanguageModel, capture: Capture) -> tuple[Signals, torch.Tensor]:
    """One sample of every head, as signals and as what the heads write."""
    parts = []
    for site in model.anatomy.sites:
        mixed, write = samples_of(capture).mixed[site.name][:1], write_weights(model.network, site)
        parts.append(Signals.from_samples(mixed, write, centre=False))
    signals = Signals.concatenate(parts)
    assert signals.left is not None
    return signals, (signals.left @ signals.rows)[:, 0]


def compared(found: Pursuit, ours: float, theirs: float, supports: list[set[int]]) -> dict:
    """Times, and on how many heads the atoms agree."""
    same = sum(set(a) == b for a, b in zip(found.atoms.tolist(), supports, strict=True))
    heads = f"{same} of {len(supports)}"
    return {"ours_s": ours, "theirs_s": theirs, "ratio": theirs / ours, "heads_with_same_atoms": heads}


def sklearn(model: LanguageModel, capture: Capture, dictionary: Dictionary) -> dict:
    """scikit-learn's OMP with a precomputed Gram matrix."""
    from sklearn.linear_model import orthogonal_mp_gram

    signals, h = single_samples(model, capture)
    ours, found = seconds(lambda: pursue(signals, dictionary, STEPS))
    d = unit(dictionary)

    def solve() -> np.ndarray:
        return orthogonal_mp_gram((d @ d.T).numpy(), (d @ h.double().T).numpy(), n_nonzero_coefs=STEPS)

    theirs, code = seconds(solve, 1)
    return compared(found, ours, theirs, [set(column.nonzero()[0].tolist()) for column in code.T])


def omp_gpu(model: LanguageModel, capture: Capture, dictionary: Dictionary) -> dict:
    """Batched OMP in torch."""
    from orthogonal_matching_pursuit_gpu import run_omp

    signals, h = single_samples(model, capture)
    ours, found = seconds(lambda: pursue(signals, dictionary, STEPS))
    d = unit(dictionary).float().T.contiguous()
    options = {"precompute": True, "tol": None, "normalize": False, "fit_intercept": False, "alg": "v0"}
    theirs, code = seconds(lambda: run_omp(d, h.contiguous(), STEPS, **options))
    return compared(found, ours, theirs, [set(row.nonzero()[:, 0].tolist()) for row in code])


if __name__ == "__main__":
    main()
