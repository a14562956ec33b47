"""Facts about a model's tokenizer, unembedding and way of reading images and sounds, measured where they can be."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from headpursuit.models.anatomy import TOLERANCE, AnatomyError, run_probe, text_decoder
from headpursuit.models.batches import context_length
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.senses import HEARING
from headpursuit.models.senses.hearing import longest_sound, rate_of
from headpursuit.models.senses.positions import MediaPositions
from headpursuit.models.senses.sense import Sense
from headpursuit.models.sharding import whole_tensor
from headpursuit.models.tokens import token_ids
from headpursuit.models.vocabulary import final_gain, final_norm, output_embedding


@dataclass(frozen=True)
class TokenizerFacts:
    """A tokenizer in numbers."""

    kind: str
    n_tokens: int
    n_special: int
    chat_template: bool
    context: int
    """Tokens the model can read at once."""


@dataclass(frozen=True)
class UnembeddingFacts:
    """The way from the final residual stream to the logits."""

    rows: int
    d_model: int
    dropped_rows: int
    """Rows beyond the tokenizer's vocabulary or in its holes, which stand for no token."""
    tied: bool
    """True if it is the embedding matrix as well."""
    bias: bool
    norm: str
    """Class of the norm before it; empty if no norm's output enters it."""
    gain: tuple[float, float] | None
    """Smallest and largest gain of that norm."""
    logits: str
    """The change of its output to logits: `unchanged`, `times 0.125`, `soft cap 30`, or `transformed`."""


@dataclass(frozen=True)
class SenseFacts:
    """The way that a model reads images, or sounds."""

    modality: str
    """Its name: `image` or `audio`."""
    processor: str
    """Class of its processor."""
    decoder: str
    """The text decoder's place in the network."""
    token_id: int | None
    """The token that stands for a piece of an image or a sound; None if the config names none."""
    token: str | None
    """Its text."""
    placeholder: str | None
    """The text that stands in a prompt where it belongs; None where an encoder reads it alone."""
    positions: str
    """Its places in the text: positions of their own, or why there are none."""
    rate: int | None = None
    """Of sounds: frames a second."""
    longest: float | None = None
    """Of sounds: seconds that are heard at once; None where any length is taken."""


def sense_facts(model: LanguageModel) -> tuple[SenseFacts, ...]:
    """Look at how a model reads what is no text; nothing for a text model."""
    return tuple(_sense_facts(model, sense) for sense in model.senses)


def _sense_facts(model: LanguageModel, sense: Sense) -> SenseFacts:
    decoder, network, found = text_decoder(model.network), model.network, sense.token_id(model.network)
    try:
        told = MediaPositions.of(network, sense.modality.name).token_ids is not None
        name = sense.modality.name
        positions = "in the text, " + (f"at its {name} token" if told else "told by what the decoder gets")
    except ValueError as error:
        positions = str(error)
    hears = sense is HEARING
    return SenseFacts(
        modality=sense.modality.name,
        processor=type(model.processor).__name__,
        decoder=next(name for name, module in network.named_modules() if module is decoder),
        token_id=found,
        token=None if found is None else str(model.tokenizer.convert_ids_to_tokens(found)),
        placeholder=None if sense is model.encoder_sense else sense.placeholder(model.processor),
        positions=positions,
        rate=rate_of(model.processor) if hears else None,
        longest=longest_sound(model.processor) if hears else None,
    )


def tokenizer_facts(model: LanguageModel) -> TokenizerFacts:
    """Read the tokenizer."""
    tokenizer = model.tokenizer
    return TokenizerFacts(
        type(tokenizer).__name__,
        len(tokenizer),
        len(tokenizer.all_special_ids),
        tokenizer.chat_template is not None,
        context_length(model),
    )


def unembedding_facts(model: LanguageModel) -> UnembeddingFacts:
    """Look at the unembedding and at what stands before and behind it.

    Raises:
        AnatomyError: If there is no single unembedding matrix.
    """
    head: Any = output_embedding(model)
    rows, d_model = head.weight.shape
    embedding: Any = model.network.get_input_embeddings()
    try:
        norm, gain = type(final_norm(model)).__name__, final_gain(model)
    except AnatomyError:
        norm, gain = "", None
    return UnembeddingFacts(
        rows=rows,
        d_model=d_model,
        dropped_rows=rows - sum(i < rows for i in token_ids(model)),
        tied=_tied(model, getattr(embedding, "weight", None), head.weight),
        bias=getattr(head, "bias", None) is not None,
        norm=norm,
        gain=None if gain is None else (float(gain.min()), float(gain.max())),
        logits=_after(model),
    )


def _tied(model: LanguageModel, embedding: Tensor | None, head: Tensor) -> bool:
    """True if both are one weight; offloaded ones are placeholders, of which the config has to tell."""
    if head.is_meta:
        return bool(model.network.config.get_text_config(decoder=True).tie_word_embeddings)
    return embedding is head


@torch.no_grad()
def _after(model: LanguageModel) -> str:
    """The change of the unembedding's output before it is called logits."""
    left: list[Tensor] = []
    hook = output_embedding(model).register_forward_hook(lambda _, __, output: left.append(whole_tensor(output)))
    try:
        logits = whole_tensor(run_probe(model.network, model.probe).logits).double().flatten()
    finally:
        hook.remove()
    raw = left[-1].double().flatten()
    if raw.shape != logits.shape:
        return "transformed"
    if torch.equal(raw, logits):
        return "unchanged"
    cap = getattr(model.network.config.get_text_config(decoder=True), "final_logit_softcapping", None)
    if cap and _close(cap * torch.tanh(raw / cap), logits, model):
        return f"soft cap {cap:g}"
    ratio = float(raw @ logits / (raw @ raw))
    if abs(ratio - 1) > 1e-3 and _close(ratio * raw, logits, model):
        return f"times {ratio:.4g}"
    return "unchanged" if _close(raw, logits, model) else "transformed"


def _close(one: Tensor, other: Tensor, model: LanguageModel) -> bool:
    return bool((one - other).norm() <= TOLERANCE.get(model.network.dtype, 3e-2) * other.norm())
