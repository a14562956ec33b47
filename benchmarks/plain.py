"""The plain algorithms that the benchmarks compare with, as a careful researcher would write them in torch."""

import torch
from torch import Tensor


def somp(signals: Tensor, atoms: Tensor, n_steps: int, rule: str = "l2", chunk: int = 1000) -> tuple[list[int], float]:
    """SOMP for one head: signals (n_samples, d_model), unit atoms (n_atoms, d_model).

    Keeps an orthonormal basis instead of solving least squares anew, and goes through the samples in chunks, so that
    the inner products fit into memory.
    """
    residual, energy = signals.clone(), signals.square().sum()
    chosen: list[int] = []
    basis = signals.new_empty(n_steps, signals.shape[1])
    for step in range(n_steps):
        scores = atoms.new_zeros(len(atoms))
        for part in residual.split(chunk):
            inner = part @ atoms.T
            scores += inner.abs_().sum(0) if rule == "l1" else inner.square_().sum(0)
        if rule == "forward":
            scores /= (1 - (atoms @ basis[:step].T).square().sum(1)).clamp_min(1e-5)
        scores[chosen] = -torch.inf
        chosen.append(int(scores.argmax()))
        project_off(residual, basis, step, atoms[chosen[-1]])
    return chosen, float(1 - residual.square().sum() / energy)


def exhaustive_l1_in_head_space(rows: Tensor, left: Tensor, atoms: Tensor, n_steps: int) -> list[int]:
    """The l1 rule on d_head rows (d_head, d_model) with H = left @ rows, every atom scored exactly at every step."""
    chosen: list[int] = []
    residual, basis = rows.clone(), rows.new_empty(n_steps, rows.shape[1])
    for step in range(n_steps):
        scores = torch.cat([(left @ (residual @ tile.T)).abs_().sum(0) for tile in atoms.split(4096)])
        scores[chosen] = -torch.inf
        chosen.append(int(scores.argmax()))
        project_off(residual, basis, step, atoms[chosen[-1]])
    return chosen


def project_off(residual: Tensor, basis: Tensor, step: int, atom: Tensor) -> None:
    """Add an atom's new direction to the orthonormal basis, and take it out of the residual."""
    q = atom
    for _ in range(2):
        q = q - (basis[:step] @ q) @ basis[:step]
    basis[step] = q / q.norm()
    residual -= (residual @ basis[step])[:, None] * basis[step]
