"""The senses of a network, told by what its forward pass and its encoder's take."""

import inspect
from typing import Any

from torch import nn

from headpursuit.models.senses import SENSES
from headpursuit.models.senses.sense import Sense


def senses_of(network: nn.Module) -> tuple[Sense, ...]:
    """The senses that a network takes something for."""
    return tuple(sense for sense in SENSES if sense.reaches(network))


def encoder_sense_of(network: Any) -> Sense | None:
    """The sense of an encoder that reads no text, as Whisper's and TrOCR's; None of others, and of decoders alone."""
    if not getattr(network.config, "is_encoder_decoder", False):
        return None
    encoder = network.get_encoder()
    if "input_ids" in inspect.signature(encoder.forward).parameters:
        return None
    return next((sense for sense in senses_of(network) if sense.reaches(encoder)), None)
