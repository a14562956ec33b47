"""Random heads to compare an edit with."""

import random
from collections.abc import Iterable

from headpursuit.heads import Head, site_order


def random_heads(
    chosen: Iterable[Head], all_heads: Iterable[Head], n_draws: int, seed: int, *, layer_matched: bool
) -> list[tuple[Head, ...]]:
    """Draw as many heads as were chosen, `n_draws` times, never one of the chosen.

    Args:
        chosen: The heads of the edit.
        all_heads: Every head of the model.
        n_draws: Number of draws; fewer come back where there are not as many different ones.
        seed: Same seed, same draws.
        layer_matched: Take as many from each layer as the edit does, else from anywhere.

    Raises:
        ValueError: If a layer has too few other heads.
    """
    taken = frozenset(chosen)
    others = [head for head in all_heads if head not in taken]
    pools = [(others, len(taken))]
    if layer_matched:
        sites = sorted({head.site for head in taken}, key=site_order)
        pools = [
            ([head for head in others if head.site == site], sum(head.site == site for head in taken)) for site in sites
        ]
    for pool, wanted in pools:
        if len(pool) < wanted:
            where = f"layer {(pool or sorted(taken))[0].layer}" if layer_matched else "the model"
            raise ValueError(
                f"a control needs {wanted} other heads in {where}, which has {len(pool)}; edit fewer heads"
            )
    rng = random.Random(seed)
    draws: list[tuple[Head, ...]] = []
    for _ in range(100 * n_draws):  # repeats are rare unless there are few different draws
        draw = tuple(sorted(head for pool, wanted in pools for head in rng.sample(pool, wanted)))
        if draw not in draws:
            draws.append(draw)
        if len(draws) == n_draws:
            break
    return draws
