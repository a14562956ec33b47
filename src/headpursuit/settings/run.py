"""The settings that all experiments on a model share."""

from dataclasses import dataclass
from typing import Annotated, get_args

from headpursuit.settings.fields import Flag, Settings
from headpursuit.settings.words import Dtype


@dataclass(frozen=True, kw_only=True)
class RunSettings(Settings):
    """The model's place and heads, batches, and the seed."""

    revision: str | None = None
    """Branch, tag or commit of a hub model."""
    batch_size: Annotated[int, Flag(least=1)] = 64
    """Prompts per batch."""
    seed: Annotated[int, Flag(least=0)] = 0
    """Seed of everything random."""
    device: str = "auto"
    """auto, cpu, cuda, mps, ..."""
    dtype: Annotated[str, Flag(choices=get_args(Dtype))] = "auto"
    """The model's number format; auto is float32 on a CPU."""
    anatomy: str = ""
    """A YAML file that says where the model's heads are, if they cannot be found (docs/architectures.md)."""
