"""Random heads to compare an edit with."""

import random
from collections import Counter
from collections.abc import Iterable

from headpursuit.heads import Head, site_order


def random_heads(
    chosen: Iterable[Head],
    all_heads: Iterable[Head],
    n_draws: int,
    seed: int | str,
    *,
    layer_matched: bool,
    near: int = 0,
) -> list[tuple[Head, ...]]:
    """Draw as many heads as were chosen, `n_draws` times, never one of the chosen.

    Args:
        chosen: The heads of the edit.
        all_heads: Every head of the model.
        n_draws: Number of draws; fewer come back where there are not as many different ones.
        seed: Same seed, same draws.
        layer_matched: Take as many from each layer as the edit does, else from anywhere.
        near: Layers on either side of each that its heads may come from too.

    Raises:
        ValueError: If a layer has too few other heads.
    """
    taken = frozenset(chosen)
    others = [head for head in all_heads if head not in taken]
    pools = [(others, len(taken))]
    if layer_matched:
        of_site = Counter(head.site for head in sorted(taken))
        first = {head.site: head for head in taken}
        pools = [
            ([head for head in others if _is_near(head, first[site], near)], of_site[site])
            for site in sorted(of_site, key=site_order)
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
        draw = tuple(sorted({head for pool, wanted in pools for head in rng.sample(pool, wanted)}))
        if len(draw) == len(taken) and draw not in draws:  # pools of layers beside each other share heads
            draws.append(draw)
        if len(draws) == n_draws:
            break
    return draws


def _is_near(head: Head, other: Head, layers: int) -> bool:
    return head.kind == other.kind and abs(head.layer - other.layer) <= layers
