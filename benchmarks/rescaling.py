"""Generation with rescaled heads against generation without, and against nnsight and TransformerLens hooks.

Rounds take turns in one process. Peers are left out where they are not installed.

Run: python benchmarks/rescaling.py [--device cuda]
"""

import sys
from contextlib import ExitStack

import torch
from common import report, smollm2, timed

import headpursuit as hp
from headpursuit.models import LanguageModel

PROMPT, N_NEW, ROUNDS = "The quick brown fox jumps over the lazy dog and then", 48, 9
EDITS = {"3 heads (1 %)": 3, "27 heads (10 %)": 27, "all 270 heads": 270}


def main(device: str) -> None:
    """All edits and peers, in turns with plain generation."""
    model = smollm2()
    torch.nn.Module.to(model.network, device)
    ids = model.tokenizer(PROMPT, return_tensors="pt").to(device)
    heads = [head for i in range(9) for head in model.anatomy.heads[i::9]]
    ways = {"plain": lambda: generate(model, ids)}
    edits = {name: hp.Edit.uniform(heads[:count], 0.5) for name, count in EDITS.items()}
    for name, edit in edits.items():
        ways[name] = lambda edit=edit: rescaled(model, ids, edit)
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS + 1):
        for way, run in ways.items():
            times[way].append(timed(run))
    rows = {f"{way} / plain": median_ratio(times[way], times["plain"]) for way in EDITS}
    rows["peers, 3 heads"] = peers(model, ids, edits["3 heads (1 %)"])
    report("rescaling" if device == "cpu" else f"rescaling-{device}", rows, device)


def median_ratio(ours: list[float], base: list[float]) -> float:
    """Median over rounds, the first one left out."""
    ratios = sorted(a / b for a, b in zip(ours[1:], base[1:], strict=True))
    return ratios[len(ratios) // 2]


def generate(model: LanguageModel, ids) -> torch.Tensor:
    """Greedy, always as many tokens."""
    with torch.no_grad():
        return model.network.generate(**ids, do_sample=False, min_new_tokens=N_NEW, max_new_tokens=N_NEW)


def rescaled(model: LanguageModel, ids, edit: hp.Edit) -> torch.Tensor:
    """The same with heads rescaled."""
    with hp.rescale(model, edit):
        return generate(model, ids)


def peers(model: LanguageModel, ids, edit: hp.Edit) -> dict[str, object]:
    """The same tokens from nnsight and TransformerLens, each in turns with ours."""
    rows: dict[str, object] = {}
    for name, build in (("nnsight", nnsight), ("transformer_lens", transformer_lens)):
        try:
            theirs = build(model, ids, edit)
            pairs = [(timed(theirs), timed(lambda: rescaled(model, ids, edit))) for _ in range(4)]
            same = bool(torch.equal(theirs().cpu(), rescaled(model, ids, edit).cpu()))
            rows[name] = {"theirs / ours": median_ratio(*map(list, zip(*pairs, strict=True))), "same_tokens": same}
        except ImportError as error:
            rows[name] = f"not installed: {error}"
        except Exception as error:  # a peer that fails must not lose our own figures
            rows[name] = f"failed: {type(error).__name__}: {error}"
    return rows


def nnsight(model: LanguageModel, ids, edit: hp.Edit):
    """Inputs of output projections changed at every generated token."""
    import nnsight as library

    wrapped = library.LanguageModel(smollm2().network.to(model.device), tokenizer=model.tokenizer)

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


def transformer_lens(model: LanguageModel, ids, edit: hp.Edit):
    """A hook on the inputs of output projections while the bridge generates."""
    from transformer_lens.model_bridge import TransformerBridge

    copy = smollm2().network.to(model.device)
    bridge = TransformerBridge.boot_transformers(copy.config._name_or_path, hf_model=copy, tokenizer=model.tokenizer)

    def hook_for(index: int, scale: float):
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
