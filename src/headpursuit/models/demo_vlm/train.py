"""Train the demo model: `python -m headpursuit.models.demo_vlm.train -o FOLDER`; two cores and 45 minutes suffice."""

import argparse
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, LlavaForConditionalGeneration, PreTrainedTokenizerBase

from headpursuit.models.demo_vlm.lessons import stream
from headpursuit.models.demo_vlm.looking import Naming, features, schedule
from headpursuit.models.demo_vlm.parts import IMAGE_TOKEN, assemble, processor_for
from headpursuit.models.demo_vlm.talking import answer_loss, dialogues
from headpursuit.models.embedded import embedded_folder

LOOKING = {"n_steps": 900, "batch_size": 256, "rate": 2e-3}
TALKING = {"n_steps": 600, "batch_size": 16, "n_exchanges": 4, "rate": 5e-4}


def look(network: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, seed: int) -> None:
    """First lesson."""
    n_steps = LOOKING["n_steps"]
    naming = Naming(network, tokenizer)
    trained = [p for p in [*network.parameters(), *naming.parameters()] if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LOOKING["rate"], betas=(0.9, 0.98), weight_decay=0.05)
    rates, start = schedule(optimizer, n_steps, 100), time.time()
    for step, shown in enumerate(stream(n_steps, LOOKING["batch_size"], 0, seed), start=1):
        loss, right = naming(*features(network, shown.pixels), shown)
        _step(loss, trained, optimizer, rates)
        if step % 50 == 0:
            _tell("look", step, n_steps, start, loss, right)


def talk(network: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, seed: int) -> None:
    """Second lesson."""
    n_steps = TALKING["n_steps"]
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=TALKING["rate"], betas=(0.9, 0.98), weight_decay=0.01)
    rates, start = schedule(optimizer, n_steps, 30), time.time()
    for step, shown in enumerate(stream(n_steps, TALKING["batch_size"], TALKING["n_exchanges"], seed + 1), start=1):
        _, projected = features(network, shown.pixels)
        loss, right = answer_loss(network, projected, dialogues(shown.talk, tokenizer))
        _step(loss, trained, optimizer, rates)
        if step % 20 == 0:
            _tell("talk", step, n_steps, start, loss, {"tokens": right})


def _step(
    loss: torch.Tensor,
    trained: list[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    rates: torch.optim.lr_scheduler.LambdaLR,
) -> None:
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    rates.step()


def _tell(
    lesson: str, step: int, n_steps: int, start: float, loss: torch.Tensor, right: dict[str, torch.Tensor]
) -> None:
    shares = ", ".join(f"{name} {share:.3f}" for name, share in right.items())
    print(f"{lesson} {step}/{n_steps}, {time.time() - start:.0f} s: loss {loss:.3f}; right: {shares}", flush=True)


def untrained(seed: int) -> tuple[LlavaForConditionalGeneration, PreTrainedTokenizerBase]:
    """The network in bfloat16 with tower and projector in float32, and its tokenizer."""
    folder = embedded_folder()
    language_model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).requires_grad_(False)
    processor = processor_for(AutoTokenizer.from_pretrained(folder))
    tokenizer = processor.tokenizer
    torch.manual_seed(seed)
    network = assemble(language_model, tokenizer.convert_tokens_to_ids(IMAGE_TOKEN))
    return network, tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--from-look", type=Path)
    parsed = parser.parse_args()
    parsed.output.mkdir(parents=True, exist_ok=True)
    network, tokenizer = untrained(parsed.seed)

    def trained():
        return {n: p.detach() for n, p in network.named_parameters() if p.requires_grad}

    if parsed.from_look:
        from safetensors.torch import load_file

        print(network.load_state_dict(load_file(parsed.from_look), strict=False).unexpected_keys)
    else:
        look(network, tokenizer, parsed.seed)
        save_file(trained(), parsed.output / "look.safetensors")
    talk(network, tokenizer, parsed.seed)
    save_file(trained(), parsed.output / "talk.safetensors")


if __name__ == "__main__":
    main()
