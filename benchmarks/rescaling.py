"""Generation with rescaled heads against generation without, and against nnsight and TransformerLens hooks.

Rounds take turns in one process. Peers are left out where they are not installed.

Run: python benchmarks/rescaling.py [--device cuda]
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from common import moved, report, smollm2, timed
from transformers import BatchEncoding

import headpursuit as hp
from headpursuit.models import LanguageModel

PROMPT, N_NEW, ROUNDS = "The quick brown fox jumps over the lazy dog and then", 48, 9
EDITS = {"3 heads (1 %)": 3, "27 heads (10 %)": 27, "all 270 heads": 270}


def main(device: str) -> None:
    """All edits and peers, in turns with plain generation."""
    model = smollm2()
    moved(model.network, device)
    ids = model.tokenizer(PROMPT, return_tensors="pt").to(device)
    heads = [head for i in range(9) for head in model.anatomy.heads[i::9]]
    ways: dict[str, Callable[[], torch.Tensor]] = {"plain": lambda: generate(model, ids)}
    edits = {name: hp.Edit.uniform(heads[:count], 0.5) for name, count in EDITS.items()}
    for name, edit in edits.items():
        ways[name] = partial(rescaled, model, ids, edit)
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS + 1):
        for way, run in ways.items():
            times[way].append(timed(run))
    rows: dict[str, object] = {f"{way} / plain": median_ratio(times[way], times["plain"]) for way in EDITS}
    rows["peers, 3 heads"] = peers(model, ids, edits["3 heads (1 %)"])
    report("rescaling" if device == "cpu" else f"rescaling-{device}", rows, device)


def median_ratio(ours: list[float], base: list[float]) -> float:
    """Median over rounds, the first one left out."""
    ratios = sorted(a / b for a, b in zip(ours[1:], base[1:], strict=True))
    return ratios[len(ratios) // 2]


def generate(model: LanguageModel, ids: BatchEncoding) -> torch.Tensor:
    """Greedy, always as many tokens."""
    network: Any = model.network
    with torch.no_grad():
        return network.generate(**ids, do_sample=False, min_new_tokens=N_NEW, max_new_tokens=N_NEW)


def rescaled(model: LanguageModel, ids: BatchEncoding, edit: hp.Edit) -> torch.Tensor:
    """The same with heads rescaled."""
    with hp.rescale(model, edit):
        return generate(model, ids)


def peers(model: LanguageModel, ids: BatchEncoding, edit: hp.Edit) -> dict[str, object]:
    """The same tokens from nnsight and TransformerLens, each in turns with ours."""
    rows: dict[str, object] = {}
    for name, build in (("nnsight", nnsight), ("transformer_lens", transformer_lens)):
        try:
            ours, theirs = partial(rescaled, model, ids, edit), build(model, ids, edit)
            pairs = [(timed(theirs), timed(ours)) for _ in range(4)]
            same = bool(torch.equal(theirs().cpu(), ours().cpu()))
            rows[name] = {"theirs / ours": median_ratio(*map(list, zip(*pairs, strict=True))), "same_tokens": same}
        except ImportError as error:
            rows[name] = f"not installed: {error}"
        except Exception as error:  # a peer that fails must not lose our own figures
            rows[name] = f"failed: {type(error).__name__}: {error}"
    return rows


def nnsight(model: LanguageModel, ids: BatchEncoding, edit: hp.Edit) -> Callable[[], torch.Tensor]:
    """Inputs of output projections changed at every generated token."""
    import nnsight as library

    wrapped = library.LanguageModel(moved(smollm2().network, model.device), tokenizer=model.tokenizer)

    def run() -> torch.Tensor:
        with (
            torch.no_grad(),
            wrapped.generate(dict(ids), do_sample=False, min_new_tokens=N_NEW, max_new_tokens=N_NEW) as tracer,
        ):
            with tracer.iter[0:N_NEW]:
                for head, scale in edit.items():
                    part = slice(head.index * 64, head.index * 64 + 64)
                    wrapped.model.layers[head.layer].self_attn.o_proj.input[:, :, part] *= scale
            output = library.save(tracer.result)
        return output  # noqa: RET504 - nnsight reads the block's source

    return run


def transformer_lens(model: LanguageModel, ids: BatchEncoding, edit: hp.Edit) -> Callable[[], torch.Tensor]:
    """A hook on the inputs of output projections while the bridge generates."""
    from transformer_lens.model_bridge import TransformerBridge

    copy = moved(smollm2().network, model.device)
    bridge = TransformerBridge.boot_transformers(copy.config._name_or_path, hf_model=copy, tokenizer=model.tokenizer)

    def hook_for(index: int, scale: float) -> Callable[[torch.Tensor, object], torch.Tensor]:
        def scaled(z: torch.Tensor, hook: object) -> torch.Tensor:
            del hook
            z = z.clone()
            z.flatten(2)[:, :, index * 64 : index * 64 + 64] *= scale
            return z

        return scaled

    def run() -> torch.Tensor:
        hooks = [(f"blocks.{h.layer}.attn.o.hook_in", hook_for(h.index, scale)) for h, scale in edit.items()]
        with torch.no_grad(), ExitStack() as stack:
            stack.enter_context(bridge.hooks(fwd_hooks=hooks))
            return bridge.generate(
                ids["input_ids"], max_new_tokens=N_NEW, do_sample=False, stop_at_eos=False, verbose=False
            )

    return run


if __name__ == "__main__":
    main("cuda" if "cuda" in sys.argv else "cpu")
