"""Multiply what chosen heads write, while a block of code runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedModel

from headpursuit.heads import Edit
from headpursuit.models.certified import certified
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.scaling import Applied, rescale_sites


@contextmanager
def rescale(model: LanguageModel | PreTrainedModel, edit: Edit) -> Iterator[Applied]:
    """Rescale heads in every forward pass inside the block: in `forward`, and in `generate` with cache and batches.

    The head's slice of the output projection's input is multiplied by its scale, at all positions. Afterwards the model
    is as it was, also after an error. Edits nest: where two rescale one head, their scales multiply.

    Args:
        model: What `load` returned, or a transformers model whose heads are then located and certified first.
        edit: Heads and their scales.

    Yields:
        A counter of the forward passes that were edited.

    Raises:
        ValueError: If the edit names a head that the model does not have; nothing is changed then.
        AnatomyError: If the model's heads cannot be certified.

    Source: arXiv 2510.21518, section 4 (alpha is the scale).
    """
    network = model.network if isinstance(model, LanguageModel) else model
    with rescale_sites(network, certified(network)[0], edit) as applied:
        yield applied
