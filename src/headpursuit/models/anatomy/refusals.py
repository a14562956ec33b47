"""Families whose heads cannot be scaled at an output projection, and why."""

from transformers import PreTrainedModel

_REASONS = {
    "diffusion_gemma": "it denoises a canvas of random tokens instead of writing from left to right",
    "jetmoe": "a router chooses the query and output projections for each token",
    "prophetnet": "each layer's projection runs once for every n-gram stream",
    "reformer": "its residual stream is reversible and in two parts, and its attention hashes tokens into buckets",
    "xlnet": "its output projection is a parameter used in a tensor product, not a linear module",
}
"""By model type. Families without softmax attention need no entry: nothing is seen in them."""


def reason_to_refuse(network: PreTrainedModel) -> str:
    """Why a family is known not to work; empty if it is not known to."""
    return _REASONS.get(network.config.model_type, "")
