"""Multiply what chosen heads write, while a block of code runs."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, overload

from headpursuit.heads import GivenEdit, edit_of
from headpursuit.models.certified import certified
from headpursuit.models.language_model import GivenModel, LanguageModel, network_of
from headpursuit.models.scaling import Applied, rescale_rows, rescale_sites


@overload
def rescale(
    model: GivenModel, edit: GivenEdit, *, prompt_length: int | None = None
) -> AbstractContextManager[Applied]: ...


@overload
def rescale(
    model: GivenModel, edit: Sequence[GivenEdit], *, prompt_length: int | None = None
) -> AbstractContextManager[tuple[Applied, ...]]: ...


@contextmanager
def rescale(
    model: GivenModel,
    edit: GivenEdit | Sequence[GivenEdit],
    *,
    prompt_length: int | None = None,
) -> Iterator[Any]:
    """Rescale heads in every forward pass inside the block: in `forward`, and in `generate` with cache and batches.

    The head's slice of the output projection's input is multiplied by its scale, at the positions in the edit's scope.
    Afterwards the model is as it was, also after an error. Edits nest: where two rescale one head at one position,
    their scales multiply.

    A list of edits has one for each prompt of the batch, each with its own scope: `rescale(model, [a, a, b])`; `{}`
    leaves a prompt as it is. In `generate`, all beams of a prompt have its edit. Each row is bit-equal to what it is in
    the same batch under its edit alone.

    In `generate`, the prompt is what it was given (of an encoder-decoder: what the decoder is given first). In forward
    passes by hand, tokens on top of a cache count as generated, and all others as the prompt, unless `prompt_length`
    says otherwise. Compiled models run uncompiled inside the block, and compiled again afterwards.

    Args:
        model: What `load` returned, or a transformers model (compiled or not), whose heads are then located and
            certified first.
        edit: Heads, their scales, and the scope; a plain mapping like `{"L29H2": -1}` or `{(29, 2): -1}` acts
            everywhere. A list or tuple has one for each prompt of the batch.
        prompt_length: How many columns of the batch are the prompt, padding and cached tokens included; for decoding
            by hand without a cache or in chunks, or to call a part of a text generated.

    Yields:
        A counter of the forward passes that were edited; of a list of edits a tuple of them, one for each.

    Raises:
        TypeError: If the edit is neither an edit nor a mapping of heads to scales, or the model is none.
        ValueError: If the edit names a head that the model does not have, or the list is empty; nothing is changed
            then. Inside the block, if `generate` is asked for guidance, assisted decoding or continuous batching, which
            an edit cannot follow, or the batch has another number of prompts than the list has edits.
        AnatomyError: If the model's heads cannot be certified.

    Source: arXiv 2510.21518, section 4 (alpha is the scale).
    """
    if prompt_length is not None and prompt_length < 0:
        raise ValueError(f"the prompt length is {prompt_length}; it is a number of tokens, 0 or more")
    each = isinstance(edit, list | tuple)
    given: Sequence[Any] = edit if isinstance(edit, list | tuple) else [edit]
    edits = [edit_of(one) for one in given]
    if not edits:
        raise ValueError("the list of edits is empty; give one for each prompt of the batch, or one alone")
    network = network_of(model.network if isinstance(model, LanguageModel) else model)
    anatomy = model.anatomy if isinstance(model, LanguageModel) else certified(network)[0]
    if each:
        with rescale_rows(network, anatomy, edits, prompt_length) as by_row:
            yield by_row
    else:
        with rescale_sites(network, anatomy, edits[0], prompt_length) as applied:
            yield applied
