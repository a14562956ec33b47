"""The geometry of Mistral-7B with random weights: sizes are real, numbers are not."""

import torch
from torch import Tensor

from headpursuit.pursuit import Moments

N_LAYERS, N_HEADS, D_HEAD, D_MODEL, VOCAB, N_SAMPLES = 32, 32, 128, 4096, 32_000, 1000


def write_weights(device: str) -> tuple[list[Tensor], Tensor]:
    """W of every layer (n_heads, d_head, d_model) and the unembedding, bf16."""
    generator = torch.Generator(device).manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device, dtype=torch.bfloat16) * 0.02

    return [random(N_HEADS, D_HEAD, D_MODEL) for _ in range(N_LAYERS)], random(VOCAB, D_MODEL)


def moments(device: str) -> list[Moments]:
    """Moments of every layer over 1,000 random samples of uneven directions."""
    generator = torch.Generator(device).manual_seed(1)
    scale = torch.logspace(0, -2, D_HEAD, device=device)
    samples = (torch.randn(N_SAMPLES, N_HEADS, D_HEAD, generator=generator, device=device) for _ in range(N_LAYERS))
    return [Moments.of(mixed * scale) for mixed in samples]
