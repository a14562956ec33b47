"""Tiny random models of every class that transformers lists for generating text, from configs: nothing is downloaded.

for job in jobs():
    network = build(job)
    output = network(**(probe(job, network) or {"input_ids": ids}))
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
import transformers
from exceptions import ALIASES, CHANGES, REFUSED, STAND_INS
from probes import probe_for
from tiny_configs import tiny_config
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.auto import modeling_auto

MAPPINGS = ("CAUSAL_LM", "IMAGE_TEXT_TO_TEXT", "SEQ_TO_SEQ_CAUSAL_LM", "SPEECH_SEQ_2_SEQ", "MULTIMODAL_LM")


@dataclass(frozen=True)
class Job:
    """One class under one model type."""

    mapping: str
    model_type: str
    class_name: str


def jobs() -> list[Job]:
    """Every (model type, class) of the installed transformers once, in the order of its mappings."""
    first = {}
    for job in _listed():
        first.setdefault((job.model_type, job.class_name), job)
    return list(first.values())


def _listed() -> Iterator[Job]:
    """What the mappings say; an entry may name several classes."""
    for mapping in MAPPINGS:
        names = getattr(modeling_auto, f"MODEL_FOR_{mapping}_MAPPING_NAMES", {})
        for model_type, classes in names.items():
            for class_name in [classes] if isinstance(classes, str) else classes:
                yield Job(mapping, model_type, class_name)


def build(job: Job) -> PreTrainedModel:
    """The tiny model of a job in evaluation mode, the same at every call.

    Raises:
        ValueError: the class cannot be run, with the reason.
    """
    if job.class_name in REFUSED:
        raise ValueError(f"{job.class_name}: {REFUSED[job.class_name]}")
    model_class = getattr(transformers, job.class_name)
    model_type = ALIASES.get(job.model_type, job.model_type)
    config = tiny_config(model_type, CHANGES.get(model_type, {}))
    # The config would refuse parts of another class, so they are put in past its checks.
    vars(config).update(deepcopy(STAND_INS.get(model_type, {})))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = model_class._from_config(_config_for(model_class, config), dtype=torch.float32)
    randomise(network)
    return network.eval()


def probe(job: Job, network: PreTrainedModel) -> dict[str, Tensor] | None:
    """Keyword inputs for one forward pass; None where `input_ids` of any text (and `attention_mask`) suffice."""
    return probe_for(job.model_type, job.class_name, network)


def _config_for(model_class: type[PreTrainedModel], config: PreTrainedConfig) -> PreTrainedConfig:
    """The part of a composite config that the class is built from."""
    wanted = getattr(model_class, "config_class", None)
    if wanted is None or isinstance(config, wanted):
        return config
    parts = (getattr(config, name, None) for name in ("text_config", "decoder"))
    return next((part for part in parts if isinstance(part, wanted)), config.get_text_config(decoder=True))


def randomise(network: PreTrainedModel) -> None:
    """Moves every parameter and constant buffer off its initial value in place, so that shared ones stay shared.

    Gates that start at 0 and gains that start at 1 would hide a forgotten term.
    """
    generator = torch.Generator().manual_seed(1)
    for values in [*network.parameters(), *_constant_buffers(network)]:
        if values.is_floating_point():
            values.data.copy_(_start(values.data) + _noise(values, generator))


def _constant_buffers(network: PreTrainedModel) -> list[Tensor]:
    """Saved buffers that are all 0 or all 1, such as gemma4's scale of a layer."""
    saved = network.state_dict(keep_vars=True)
    buffers = [buffer for name, buffer in network.named_buffers() if name in saved and buffer.numel()]
    return [buffer for buffer in buffers if (buffer == 0).all() or (buffer == 1).all()]


def _start(values: Tensor) -> Tensor:
    """The initial values; what transformers leaves uninitialised counts as 0."""
    return values if values.isfinite().all() and values.abs().max() < 100 else torch.zeros_like(values)


def _noise(values: Tensor, generator: torch.Generator) -> Tensor:
    """Normal noise for matrices; for vectors and scalars 0.2 to 0.5 up or down, never near zero."""
    if values.squeeze().dim() > 1:
        return 0.08 * torch.randn(values.shape, generator=generator)
    sizes = 0.2 + 0.3 * torch.rand(values.shape, generator=generator)
    return sizes * torch.randint(0, 2, values.shape, generator=generator).mul(2).sub(1)
