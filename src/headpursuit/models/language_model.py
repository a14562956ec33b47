"""A network, its tokenizer and its certified heads, kept together."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from headpursuit.models.anatomy import Anatomy, Probe, input_device, locate, poison_all, probe_input, with_flags
from headpursuit.models.certificate import Certificate, certify


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


def certified(network: PreTrainedModel, probe: Probe | None = None) -> tuple[Anatomy, Certificate]:
    """The heads of a network and their certificate; found once, then remembered as long as the network lives.

    Args:
        network: The model, in eval mode.
        probe: Inputs of a short forward pass of one prompt, where text alone will not do.

    Raises:
        AnatomyError: If the heads cannot be found or certified.
    """
    if network not in _known:
        inputs = probe_input(network) if probe is None else probe
        poisonings = poison_all(network, inputs)
        anatomy = with_flags(network, locate(network, inputs, poisonings), inputs)
        _known[network] = anatomy, certify(network, anatomy, probe, poisonings)
    return _known[network]
