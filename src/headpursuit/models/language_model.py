"""A network, its tokenizer and its certified heads, kept together."""

from dataclasses import dataclass

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from headpursuit.models.anatomy import Anatomy, input_device
from headpursuit.models.certificate import Certificate
from headpursuit.models.certified import certified


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
        return certified(self.network, keep=bool(self.name))[0]

    @property
    def certificate(self) -> Certificate:
        """What was measured when the heads were certified."""
        return certified(self.network, keep=bool(self.name))[1]

    def examine(self) -> tuple[Anatomy, Certificate]:
        """Locate and certify the heads anew, whatever was found before."""
        return certified(self.network, keep=bool(self.name), fresh=True)

    @property
    def dtype(self) -> str:
        """What the network computes in, such as `float32`."""
        return str(self.network.dtype).removeprefix("torch.")

    @property
    def device(self) -> torch.device:
        """Where inputs go."""
        return input_device(self.network)
