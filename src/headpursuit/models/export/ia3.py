"""An edit as an (IA)3 adapter: a vector per projection that its input is multiplied by, as the live edit does.

Exact for every scale, in the dtype it was written in, also on quantised weights; a few KB.
"""

from collections.abc import Sequence
from pathlib import Path

from transformers.pytorch_utils import Conv1D

from headpursuit.models.adapters import peft_library
from headpursuit.models.export.adapters import config_of, write_adapter
from headpursuit.models.export.plan import ScaledProjection, check_in_range
from headpursuit.models.language_model import LanguageModel


def write_ia3(model: LanguageModel, scaled: Sequence[ScaledProjection], folder: Path) -> None:
    """Write the adapter; the model is not touched.

    Factors are rounded to the network's dtype, which is what the live edit multiplies by.

    Source: Liu et al. 2022, arXiv 2205.05638 (PEFT calls modules whose input is scaled feedforward modules).
    """
    network = model.network
    paths = [one.path for one in scaled]
    config = peft_library().IA3Config(
        **config_of(model, scaled),
        feedforward_modules=paths,
        fan_in_fan_out=any(isinstance(network.get_submodule(path), Conv1D) for path in paths),
    )
    tensors = {f"{one.path}.ia3_l": check_in_range(one.factors[None].to(network.dtype), one) for one in scaled}
    write_adapter(config, tensors, folder)
