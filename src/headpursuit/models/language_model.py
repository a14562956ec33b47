"""A network, its tokenizer and its certified heads, kept together."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from headpursuit.models.anatomy import Anatomy, input_device, locate
from headpursuit.models.certificate import Certificate, certify
from headpursuit.models.compiled import plain_network, uncompiled


@dataclass(frozen=True)
class LanguageModel:
    """What `load` returns; build it yourself around a transformers model that you already have.

    The network is put into eval mode, and the tokenizer pads on the left, with the end token if it has none of its own.
    """

    network: PreTrainedModel
    """The transformers model, in eval mode."""
    tokenizer: PreTrainedTokenizerBase
    name: str = ""
    """What was given to `load`: written into every result."""
    revision: str | None = None
    """Commit of a hub model."""

    def __post_init__(self) -> None:
        self.network.eval()
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token or self.tokenizer.unk_token

    @property
    def anatomy(self) -> Anatomy:
        """Where the heads are; located and certified at the first use.

        Raises:
            AnatomyError: If the heads cannot be found or certified.
        """
        return certified(self.network)[0]

    @property
    def certificate(self) -> Certificate:
        """What was measured when the heads were certified."""
        return certified(self.network)[1]

    @property
    def dtype(self) -> str:
        """What the network computes in, such as `float32`."""
        return str(self.network.dtype).removeprefix("torch.")

    @property
    def device(self) -> torch.device:
        """Where inputs go."""
        return input_device(self.network)


_known: WeakKeyDictionary[PreTrainedModel, tuple[Anatomy, Certificate]] = WeakKeyDictionary()


def certified(network: PreTrainedModel) -> tuple[Anatomy, Certificate]:
    """The heads of a network and their certificate; found once, then remembered as long as the network lives.

    Raises:
        AnatomyError: If the heads cannot be found or certified.
    """
    network = plain_network(network)
    if network not in _known:
        with uncompiled():
            anatomy = locate(network)
            _known[network] = anatomy, certify(network, anatomy)
    return _known[network]
