"""Mistral-7B geometry with random bf16 weights: whole-model pursuit, capture and generation, for a GPU.

Beside every time stands its floor: operations and bytes counted, at ceilings measured on the same device.

Run: python benchmarks/large.py [--device cuda] [--tf32]
"""

import sys

import torch
from capturing import runner
from common import STEPS, ceilings, moved, report, seconds, timed
from mistral import D_HEAD, D_MODEL, N_HEADS, N_LAYERS, VOCAB, moments, write_weights
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

import headpursuit as hp
from headpursuit.models import LanguageModel
from headpursuit.pursuit import Dictionary, Pursuit, Signals, pursue


def main(device: str, tf32: bool) -> None:
    """Pursuit, capture and generation on one device."""
    best = ceilings(device)
    rows = {"ceilings": best, "pursuit": whole_model(device, best, tf32)}
    if device == "cuda":
        rows |= {"capture and generation": running(device)}
    report(f"large-{device}", rows, device)


def whole_model(device: str, best: dict[str, float], tf32: bool) -> dict:
    """All 1,024 heads over all 32,000 tokens."""
    weights, unembedding = write_weights(device)
    captured = moments(device)

    def solve() -> Pursuit:
        parts = [Signals.from_moments(m, w.float()) for m, w in zip(captured, weights, strict=True)]
        return pursue(Signals.concatenate(parts), Dictionary.of(unembedding), STEPS, memory_bytes=2**32)

    took, exact = seconds(solve, 3 if device == "cuda" else 1)
    rows = {"seconds": took, **floor(best), "peak_memory_gb": peak(device)}
    if tf32:
        torch.backends.cuda.matmul.allow_tf32 = True
        rows["tf32_seconds"], rounded = seconds(solve)
        torch.backends.cuda.matmul.allow_tf32 = False
        rows["tf32_same_atoms"] = float((rounded.atoms == exact.atoms).float().mean())
        rows["tf32_explained_difference"] = float((rounded.explained - exact.explained).abs().max())
    return rows


def floor(best: dict[str, float]) -> dict[str, float]:
    """The time that the counted operations and bytes take at the measured ceilings."""
    heads = N_LAYERS * N_HEADS
    flop = 2 * heads * VOCAB * D_MODEL * (D_HEAD + 2 * (STEPS - 1))
    moved = 4 * heads * (VOCAB * (1 + 6 * STEPS) + D_HEAD * D_MODEL * 3 * STEPS)
    return {"tflop": flop / 1e12, "floor_s": flop / best["gflop_per_s"] / 1e9 + moved / best["gbyte_per_s"] / 1e9}


def peak(device: str) -> float | None:
    """Peak memory of the device."""
    return torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else None


def running(device: str) -> dict[str, float | None]:
    """A whole random network: capture over the bare forward, generation with 1 % of heads rescaled over plain."""
    torch.manual_seed(0)
    config = MistralConfig(dtype=torch.bfloat16)
    with torch.device(device):
        network = moved(MistralForCausalLM(config), torch.bfloat16)
    vocab = {"<unk>": 0} | {f"w{i}": i for i in range(1, VOCAB)}
    words = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    model = LanguageModel(network, PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>"), "mistral-random")
    texts = [" ".join(f"w{(7 * i + 13 * j) % VOCAB}" for j in range(256)) for i in range(128)]
    bare, ours = runner("bare", model, texts), runner("headpursuit", model, texts)
    captures = sorted(timed(ours) / timed(bare) for _ in range(7))
    ids = torch.arange(1, 65, device=device)[None]
    edit = hp.Edit.uniform(model.anatomy.heads[::100], -1.0)

    def generate() -> None:
        network.generate(ids, do_sample=False, min_new_tokens=64, max_new_tokens=64, pad_token_id=0)

    def rescaled() -> None:
        with hp.rescale(model, edit):
            generate()

    generate()
    generations = sorted(timed(rescaled) / timed(generate) for _ in range(7))
    return {"capture / bare": captures[3], "rescaled / plain": generations[3], "peak_memory_gb": peak(device)}


if __name__ == "__main__":
    main("cuda" if "cuda" in sys.argv else "cpu", "--tf32" in sys.argv)
