"""Multiply what chosen heads write, while a block of code runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from headpursuit.heads import GivenEdit, edit_of
from headpursuit.models.certified import certified
from headpursuit.models.language_model import GivenModel, LanguageModel, network_of
from headpursuit.models.scaling import Applied, rescale_sites


@contextmanager
def rescale(
    model: GivenModel,
    edit: GivenEdit,
    *,
    prompt_length: int | None = None,
) -> Iterator[Applied]:
    """Rescale heads in every forward pass inside the block: in `forward`, and in `generate` with cache and batches.

    The head's slice of the output projection's input is multiplied by its scale, at the positions in the edit's scope.
    Afterwards the model is as it was, also after an error. Edits nest: where two rescale one head at one position,
    their scales multiply.

    In `generate`, the prompt is what it was given (of an encoder-decoder: what the decoder is given first). In forward
    passes by hand, tokens on top of a cache count as generated, and all others as the prompt, unless `prompt_length`
    says otherwise. Compiled models run uncompiled inside the block, and compiled again afterwards.

    Args:
        model: What `load` returned, or a transformers model (compiled or not), whose heads are then located and
            certified first.
        edit: Heads, their scales, and the scope; a plain mapping like `{"L29H2": -1}` or `{(29, 2): -1}` acts
            everywhere.
        prompt_length: How many columns of the batch are the prompt, padding and cached tokens included; for decoding
            by hand without a cache or in chunks, or to call a part of a text generated.

    Yields:
        A counter of the forward passes that were edited.

    Raises:
        TypeError: If the edit is neither an edit nor a mapping of heads to scales, or the model is none.
        ValueError: If the edit names a head that the model does not have; nothing is changed then. Inside the block, if
            `generate` is asked for guidance, assisted decoding or continuous batching, which an edit cannot follow.
        AnatomyError: If the model's heads cannot be certified.

    Source: arXiv 2510.21518, section 4 (alpha is the scale).
    """
    if prompt_length is not None and prompt_length < 0:
        raise ValueError(f"the prompt length is {prompt_length}; it is a number of tokens, 0 or more")
    edit = edit_of(edit)
    network = network_of(model.network if isinstance(model, LanguageModel) else model)
    anatomy = model.anatomy if isinstance(model, LanguageModel) else certified(network)[0]
    with rescale_sites(network, anatomy, edit, prompt_length) as applied:
        yield applied
