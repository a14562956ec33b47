"""Capture against the bare forward pass of the same batches, TransformerLens and nnsight saving the same tensors.

Each row runs in a process of its own, so that its peak memory is its own. TransformerLens and nnsight are left out
where they are not installed.

Run: python benchmarks/capturing.py [--device cuda]
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
from common import moved, prompts, report, smollm2, timed

from headpursuit.analysis import CaptureConfig, capture
from headpursuit.models import LanguageModel
from headpursuit.models.batches import Batch, batches

N_PROMPTS, BATCH_SIZE, ROUNDS = 512, 32, 7
Forward = Callable[[Batch], list[torch.Tensor]]
"""Runs the model on a batch; returns what every layer's heads mixed, if that is asked for."""

WAYS = ("bare", "headpursuit", "headpursuit with 1,000 samples", "transformer_lens", "nnsight")


def main(device: str) -> None:
    """Bare and captured rounds take turns within one process, then each way alone for memory and peers."""
    rows: dict[str, Any] = {"turns": turns(device)}
    for way in WAYS:
        done = subprocess.run([sys.executable, __file__, way, device], capture_output=True, text=True)
        last = done.stdout.strip().splitlines()[-1:] or [""]
        rows[way] = json.loads(last[0]) if done.returncode == 0 else done.stderr.strip()[-300:]
    report("capturing" if device == "cpu" else f"capturing-{device}", rows, device)


def turns(device: str) -> dict[str, float]:
    """Median ratio of capture to bare forward over rounds that take turns."""
    model, texts = opened(device)
    ways = {way: runner(way, model, texts) for way in WAYS[:3]}
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS + 1):
        for way, run in ways.items():
            times[way].append(timed(run))
    ratios = {
        f"{way} / bare": sorted(a / b for a, b in zip(times[way][1:], times["bare"][1:], strict=True))[ROUNDS // 2]
        for way in WAYS[1:3]
    }
    return ratios | {"tokens_per_s_bare": n_tokens(model, texts) / min(times["bare"])}


def opened(device: str) -> tuple[LanguageModel, list[str]]:
    """The model and prompts of all ways."""
    model = smollm2()
    moved(model.network, device)
    model.certificate  # noqa: B018 - found once, not part of the time
    return model, prompts()[:: len(prompts()) // N_PROMPTS][:N_PROMPTS]


def n_tokens(model: LanguageModel, texts: list[str]) -> int:
    """Tokens of all prompts."""
    return sum(int(batch.attention_mask.sum()) for batch in batches(model, texts, BATCH_SIZE))


def runner(way: str, model: LanguageModel, texts: list[str]) -> Callable[[], Any]:
    """One way's work on all prompts; all but `bare` end with every head's second moments."""
    if way.startswith("headpursuit"):
        config = CaptureConfig("prompt", batch_size=BATCH_SIZE, samples=1000 if "samples" in way else 0)
        return lambda: capture(model, texts, config)
    forwards = {"bare": bare, "transformer_lens": transformer_lens, "nnsight": nnsight}[way](model)

    @torch.no_grad()
    def run() -> None:
        seconds: list[torch.Tensor | float] = [0.0] * 30
        for batch in batches(model, texts, BATCH_SIZE):
            for layer, mixed in enumerate(forwards(batch)):
                z = mixed[batch.attention_mask.bool()].unflatten(-1, (9, 64)).transpose(0, 1)
                seconds[layer] = z.mT @ z + seconds[layer]

    return run


def bare(model: LanguageModel) -> Forward:
    """The decoder alone."""

    def forward(batch: Batch) -> list[torch.Tensor]:
        inputs = {"attention_mask": batch.attention_mask, "position_ids": batch.position_ids}
        model.network.base_model(batch.input_ids, **inputs, use_cache=False)
        return []

    return forward


def transformer_lens(model: LanguageModel) -> Forward:
    """run_with_cache of the inputs of the output projections, which is all that is needed."""
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_transformers(
        model.network.config._name_or_path, hf_model=model.network, tokenizer=model.tokenizer
    )
    names = [f"blocks.{layer}.attn.o.hook_in" for layer in range(30)]

    def forward(batch: Batch) -> list[torch.Tensor]:
        _, cache = bridge.run_with_cache(
            batch.input_ids, attention_mask=batch.attention_mask, names_filter=names, return_type=None
        )
        return [cache[name].flatten(2) for name in names]

    return forward


def nnsight(model: LanguageModel) -> Forward:
    """A trace that saves the inputs of the output projections."""
    import nnsight as library

    wrapped = library.LanguageModel(model.network, tokenizer=model.tokenizer)

    def forward(batch: Batch) -> list[torch.Tensor]:
        inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        with wrapped.trace(inputs):
            saved = library.save([layer.self_attn.o_proj.input for layer in wrapped.model.layers])
        return saved  # noqa: RET504 - nnsight reads the block's source

    return forward


def alone(way: str, device: str) -> None:
    """One way in its own process: best time and peak memory over what the loaded model takes."""
    model, texts = opened(device)
    run = runner(way, model, texts)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    best = min(timed(run) for _ in range(4))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"best_s": best, "peak_memory_growth_mb": grown / 1024}))


if __name__ == "__main__":
    wanted = "cuda" if "cuda" in sys.argv else "cpu"
    if len(sys.argv) > 1 and sys.argv[1] in WAYS:
        alone(sys.argv[1], wanted)
    else:
        main(wanted)
