"""The plain algorithm, written out as the paper states it, in float64."""

import torch


def plain_somp(signals, dictionary, n_steps, rule):
    """Algorithm 1 of arXiv 2510.21518 for one head: signals (n_samples, d_model), dictionary (n_atoms, d_model).

    Ties go to the first atom; atoms in the span of the chosen ones are left out; it stops when nothing is left.
    """
    h, d = signals.double(), dictionary.double()
    d = d / d.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(d.dtype).tiny)
    residual, chosen, explained = h, [], []
    for _ in range(n_steps):
        outside = d
        if chosen:
            outside = d - (torch.linalg.pinv(d[chosen]) @ (d[chosen] @ d.T)).T
        outside = outside.square().sum(1)
        inner = residual @ d.T
        score = inner.abs().sum(0) if rule == "l1" else inner.square().sum(0)
        if rule == "forward":
            score = score / outside.clamp_min(1e-12)
        score[outside < 1e-10] = -torch.inf
        best = score.max()
        nothing_left = residual.square().sum() <= 1e-12 * h.square().sum()
        if nothing_left or best == -torch.inf:
            chosen_now = None
        else:
            chosen_now = int((score >= best - 1e-9 * best.abs()).nonzero()[0])
            chosen.append(chosen_now)
            coefficients = torch.linalg.lstsq(d[chosen].T, h.T, driver="gelsd").solution
            residual = h - (d[chosen].T @ coefficients).T
        explained.append(float(1 - residual.square().sum() / h.square().sum()) if h.any() else 0.0)
    return chosen + [-1] * (n_steps - len(chosen)), explained
