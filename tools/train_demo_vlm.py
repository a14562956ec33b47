"""Train the demo model: `python tools/train_demo_vlm.py -o FOLDER`; 45 minutes on two cores.

Without g++ the second lesson takes twice as long.

The language model is never changed. What is trained, the vision tower and the projector, is written to
`trained.safetensors` in float16; put it into `src/headpursuit/models/demo_vlm/` to make it the demo model.
"""

import argparse
import shutil
import time
from pathlib import Path

import torch
from demo_vlm.lessons import stream
from demo_vlm.looking import Naming, features
from demo_vlm.steps import Steps
from demo_vlm.talking import answer_loss, dialogues
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase

from headpursuit.models.demo_vlm.ready import TRAINED, put_together

_LOOK_BATCH, _TALK_BATCH, _TALKED = 256, 80, 16
"""Scenes of a step; in the second lesson the first few are talked about, the others only named."""


def look(
    network: LlavaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    *,
    n_steps: int,
    rate: float,
    digits: float = 1.0,
) -> None:
    """First lesson: name what each patch shows."""
    naming = Naming(network, tokenizer, digits)
    steps = Steps("look", [*_trained(network), *_trained(naming)], n_steps, rate=rate, decay=0.05, warmup=100)
    for shown in stream(n_steps, _LOOK_BATCH, 0, seed):
        steps.take(*naming(*features(network, shown.pixels), shown))


def talk(
    network: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, seed: int, *, n_steps: int, rate: float
) -> None:
    """Second lesson: captions and answers, without forgetting the first."""
    naming = Naming(network, tokenizer, digits=4.0, fixed=False)
    steps = Steps("talk", [*_trained(network), *_trained(naming)], n_steps, rate=rate, decay=0.01, warmup=30)
    for shown in stream(n_steps, _TALK_BATCH, _TALKED, seed):
        seen, projected = features(network, shown.pixels)
        talk_loss, right = answer_loss(network, projected[: len(shown.talk)], dialogues(shown.talk, tokenizer))
        naming_loss, named = naming(seen, projected, shown)
        steps.take(talk_loss + naming_loss, right | named)


def _make_fast(network: LlavaForConditionalGeneration) -> None:
    """In half precision on a CPU, eager attention trains faster than fused; compiled layers take half the time."""
    network.model.language_model.set_attn_implementation("eager")
    if shutil.which("g++") is None:
        print("without g++, layers are not compiled: the second lesson takes twice as long")
        return
    for layer in network.model.language_model.layers:
        layer.compile(dynamic=True)


def _trained(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _save(network: nn.Module, file: Path) -> None:
    weights: dict[str, Tensor] = {n: p.detach().half() for n, p in network.named_parameters() if p.requires_grad}
    save_file(weights, file)


def main() -> None:
    """Both lessons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of initial weights and scenes")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    torch.manual_seed(given.seed)
    # The language model in half precision: it is only read, and twice as fast.
    network, processor = put_together(torch.bfloat16)
    _make_fast(network)
    look(network, processor.tokenizer, given.seed, n_steps=900, rate=2e-3)
    # Then closer at digits, which are the hardest to tell apart.
    look(network, processor.tokenizer, given.seed + 1, n_steps=400, rate=1e-3, digits=4.0)
    talk(network, processor.tokenizer, given.seed + 2, n_steps=1800, rate=1e-3)
    _save(network, given.output / TRAINED)
    print(f"{(time.monotonic() - start) / 60:.0f} minutes: {given.output / TRAINED}")


if __name__ == "__main__":
    main()
