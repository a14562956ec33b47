"""A network, its tokenizer or processor, and its certified heads, kept together."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from headpursuit.conversations import Conversation
from headpursuit.media import Modality
from headpursuit.models.anatomy import (
    FLAGS,
    Anatomy,
    GivenAnatomy,
    Probe,
    handed_anatomy,
    input_device,
    probe_input,
)
from headpursuit.models.certificate import Certificate
from headpursuit.models.certified import certified, known_anatomy
from headpursuit.models.compiled import OptimizedModule, plain_network
from headpursuit.models.senses import HEARING, SENSES, SIGHT
from headpursuit.models.senses.networks import encoder_sense_of
from headpursuit.models.senses.processors import encoder_probes, probes
from headpursuit.models.senses.sense import Sense
from headpursuit.models.templates import Message, today, writes_date, written
from headpursuit.notebook import html_table
from headpursuit.settings import Chat

_PLAIN = Chat()


@dataclass(frozen=True, init=False)
class LanguageModel:
    """A model with its tokenizer, as `load` returns it; build it yourself around a transformers model that you have.

    The network is put into eval mode, and the tokenizer pads on the left (of an encoder-decoder, on the right), with
    the end token if it has none of its own.
    Whether every weight came from a file cannot be told of a network that is there already: `load` asks transformers
    and refuses what is not whole, and a network of your own needs that from you (`output_loading_info=True`).

    Heads are looked for when they are first needed. Where they cannot be found, hand in an `anatomy`, which is
    certified by the same measurements: `{"model.layers.*.mixer.out": {"n_heads": 8, "d_head": 64}}`, output projections
    by name (`*`: a layer's number) with the number and the width of their heads, or a YAML file of that.
    """

    network: PreTrainedModel
    """The transformers model, in eval mode."""
    tokenizer: PreTrainedTokenizerBase
    name: str = ""
    """The name given to `load`: written into every result."""
    revision: str | None = None
    """Commit of a hub model."""
    processor: Any = None
    """Of a model that sees or hears: transformers' processor, of which the tokenizer is a part."""
    file_flags: tuple[tuple[str, str], ...] = ()
    """Flags of the files it was loaded from, and what each means here: tensors left out, an adapter merged."""

    handed: Anatomy | None = field(default=None, repr=False)
    """The anatomy that was handed in."""
    handed_file: str = ""
    """The file it was handed in as."""

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        name: str = "",
        revision: str | None = None,
        processor: Any = None,
        file_flags: tuple[tuple[str, str], ...] = (),
        anatomy: GivenAnatomy | None = None,
        handed: Anatomy | None = None,
        handed_file: str = "",
    ) -> None:
        handed = handed if anatomy is None else handed_anatomy(plain_network(network), anatomy)
        handed_file = str(anatomy) if isinstance(anatomy, str | Path) else handed_file
        values = (network, tokenizer, name, revision, processor, file_flags, handed, handed_file)
        for one, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, one.name, value)
        self.network.eval()
        # A processor that was loaded by itself has a tokenizer of its own.
        for tokenizer in (self.tokenizer, getattr(self.processor, "tokenizer", self.tokenizer)):
            tokenizer.padding_side = "right" if self.has_encoder else "left"
            if tokenizer.pad_token_id is None:
                tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token

    @property
    def anatomy(self) -> Anatomy:
        """The heads' places; located and certified at the first use.

        Raises:
            AnatomyError: If the heads cannot be found or certified.
        """
        return self._certified()[0]

    @property
    def certificate(self) -> Certificate:
        """Measurements that certify the heads; flags of the files concern every attention."""
        return self._flagged(self._certified()[1])

    @property
    def flags(self) -> dict[str, str]:
        """Limits of claims about this model: flags of its anatomy and of its files, and what each means.

        Raises:
            AnatomyError: If the heads cannot be found or certified.
        """
        return {flag: FLAGS[flag] for flag in sorted(self.anatomy.flags)} | dict(self.file_flags)

    def _repr_html_(self) -> str:
        """A table of the model's facts, in notebooks; heads are not looked for."""
        found = known_anatomy(self.network)
        rows = {
            "class": type(plain_network(self.network)).__name__,
            "computes in": f"{self.dtype} on {self.device}",
            "reads": " and ".join(self.reads),
            "heads": found.summary() if found else "not looked for yet",
        }
        return html_table(self.name or "a model without a name", rows.items())

    def examine(self) -> tuple[Anatomy, Certificate]:
        """Locate and certify the heads anew, whatever was found before."""
        anatomy, certificate = self._certified(fresh=True)
        return anatomy, self._flagged(certificate)

    def _flagged(self, certificate: Certificate) -> Certificate:
        flags = {name: certificate.n_attentions for name, _ in self.file_flags}
        return replace(certificate, flags=certificate.flags | flags) if flags else certificate

    def _certified(self, fresh: bool = False) -> tuple[Anatomy, Certificate]:
        probe = self._probe if self.senses else None
        return certified(self.network, probe, handed=self.handed, keep=bool(self.name), fresh=fresh)

    def _probe(self) -> tuple[Probe, ...]:
        """A short text about something, alone and behind padding; or what an encoder reads that reads no text."""
        if self.encoder_sense is not None:
            return encoder_probes(self.encoder_sense, self.processor, self.network)
        return probes(self.senses[0], self.processor, self.network)

    @property
    def senses(self) -> tuple[Sense, ...]:
        """Senses for what prompts may hold beside text: the processor prepares it, and the network takes it."""
        if self.processor is None:
            return ()
        there = (sense for sense in SENSES if sense.part(self.processor) is not None)
        return tuple(sense for sense in there if sense.reaches(self.network))

    @property
    def encoder_sense(self) -> Sense | None:
        """The sense by which an encoder reads prompts that reads no text, as Whisper's and TrOCR's; None of others."""
        found = encoder_sense_of(self.network)
        return found if found in self.senses else None

    @property
    def reads(self) -> tuple[str, ...]:
        """Kinds of things that prompts are made of, in words."""
        senses = tuple(sense.modality.many for sense in self.senses)
        return senses if self.encoder_sense is not None else ("text", *senses)

    @property
    def sees_images(self) -> bool:
        """True if prompts may hold images."""
        return SIGHT in self.senses

    @property
    def hears(self) -> bool:
        """True if prompts may hold sound."""
        return HEARING in self.senses

    @property
    def probe(self) -> Probe:
        """Inputs of a short forward pass: text, or what an encoder reads that reads no text."""
        return probe_input(self.network) if self.encoder_sense is None else self._probe()[0]

    @property
    def has_encoder(self) -> bool:
        """True of an encoder-decoder: its encoder reads the prompt, and its decoder begins with a start of its own."""
        return bool(getattr(self.network.config, "is_encoder_decoder", False))

    def as_message(self, prompt: str | Conversation, beside: Modality | None = None, chat: Chat = _PLAIN) -> str:
        """A text as a user's message in the chat template, behind its image or sound; or all of a conversation.

        Raises:
            ValueError: As `in_template`.
        """
        if isinstance(prompt, Conversation):
            said = [(message.role, message.content) for message in prompt.messages]
            text = self.in_template([{"role": who, "content": self._content(content)} for who, content in said], chat)
            if any(who == "user" and content.strip() not in text for who, content in said):
                raise ValueError("the chat template leaves messages of the user out; leave these out, or `chat`")
            return text
        return self.in_template([{"role": "user", "content": self._content(prompt, beside)}], chat)

    def _content(self, text: str, beside: Modality | None = None) -> Any:
        """A message's content, as the chat template takes it."""
        if self.senses and (beside or self._writes_parts):
            said = [{"type": "text", "text": text}] if text else []
            return [*([{"type": beside.name}] if beside else []), *said]
        return text

    def in_template(self, messages: Sequence[Message], chat: Chat = _PLAIN) -> str:
        """Messages (`{"role": ..., "content": ...}`) in the chat template, and the beginning of the answer.

        The system prompt of `chat` comes first, unless the messages begin with one of their own.

        Raises:
            ValueError: If there is no chat template, it reads no such setting, or it cannot write the messages.
        """
        if not self.has_chat_template:
            raise ValueError(f"the tokenizer of {self.name or 'this model'} has no chat template; leave `chat` out")
        if chat.system and not (messages and messages[0]["role"] == "system"):
            messages = [{"role": "system", "content": self._content(chat.system)}, *messages]
        return written(self._writer, messages, chat)

    @property
    def has_chat_template(self) -> bool:
        """True if messages can be put into a chat template."""
        return self._writer.chat_template is not None

    @property
    def _writer(self) -> Any:
        """The tokenizer or processor, whichever has the chat template."""
        return self.processor if getattr(self.processor, "chat_template", None) else self.tokenizer

    @property
    def _writes_parts(self) -> bool:
        """True if the chat template takes a message as a list of texts, images and sounds."""
        return bool(self.senses) and self._writer is self.processor

    def dated(self, chat: Chat | bool) -> Chat | None:
        """The frame of prompts, with today's date if its template writes the date and it has none; None for False."""
        if not chat:
            return None
        frame = _PLAIN if chat is True else chat
        return frame if frame.date or not writes_date(self._writer) else replace(frame, date=today())

    def wants_special(self, message: str) -> bool:
        """True if special tokens are added to a message that the chat template has written.

        Tokenizers leave that to the template; processors add them, unless the template has begun with the first one.
        """
        first = self.tokenizer.bos_token
        return bool(self.senses) and not (first and message.startswith(first))

    @property
    def dtype(self) -> str:
        """The dtype that the network computes in, such as `float32`."""
        return str(self.network.dtype).removeprefix("torch.")

    @property
    def device(self) -> torch.device:
        """The device that inputs go to."""
        return input_device(self.network)


GivenModel: TypeAlias = LanguageModel | PreTrainedModel | OptimizedModule
"""A model from `load`, or a transformers model (compiled or not), which comes with its tokenizer or processor."""


def model_of(given: GivenModel, tokenizer: Any = None) -> LanguageModel:
    """A model with its tokenizer, of what callers give; heads of one network are certified once.

    Args:
        given: A `LanguageModel`, or a transformers model; of a compiled one, the plain one inside is run.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images or sound.

    Raises:
        TypeError: If it is something else, or a transformers model without a tokenizer, or another with one.
    """
    if isinstance(given, LanguageModel):
        if tokenizer is not None:
            raise TypeError(
                "the model has a tokenizer already; leave the tokenizer out, or give the transformers model"
            )
        return given
    network = network_of(given)
    processor = tokenizer if any(sense.part(tokenizer) is not None for sense in SENSES) else None
    tokenizer = processor.tokenizer if processor else tokenizer
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise TypeError(
            f"a transformers model needs its tokenizer, but {'none' if tokenizer is None else type(tokenizer).__name__}"
            " was given; give tokenizer=AutoTokenizer.from_pretrained(...)"
        )
    return LanguageModel(network, tokenizer, processor=processor)


def network_of(given: Any) -> PreTrainedModel:
    """A transformers model, and the plain one inside a compiled one.

    Raises:
        TypeError: If it is something else.
    """
    network = plain_network(given)
    if not isinstance(network, PreTrainedModel):
        raise TypeError(
            f"the model is of type {type(given).__name__}; give what headpursuit.load returns, or a transformers model "
            "and its tokenizer"
        )
    return network
