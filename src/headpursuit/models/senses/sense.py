"""A sense: the way that models read one modality."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from headpursuit.media import Modality


@dataclass(frozen=True)
class Sense:
    """The way that models read one modality, by the names that transformers gives to its parts."""

    modality: Modality
    verb: str
    """The word for having it, as in `it hears`."""
    lacking: str
    """Said about a prompt where it is wanted, with `{}` for the model that lacks it."""
    parts: tuple[str, ...]
    """Parts of a processor, of which one prepares it."""
    argument: str
    """The argument of a processor that takes it."""
    inputs: tuple[str, ...]
    """Arguments of a forward pass, of which one takes it."""
    token: str
    """The setting of a processor that names its placeholder in a text."""
    token_ids: tuple[str, ...]
    """Settings of a config, of which one names the token that stands for a piece of it."""
    config: str
    """The part of a config that is about it, and may name that token where the whole does not."""
    placing: tuple[str, ...]
    """Classes of processors that write the placeholder themselves."""
    alone: bool
    """True if it may be a whole prompt, without a text."""
    check: Callable[[Any, Any], None]
    """Given the processor and one, looks at what can be known without decoding it: a FileNotFoundError if its file is
    missing, a ValueError if it cannot be read, or is more than the model takes."""
    read: Callable[[Any, Any], Any]
    """Given the processor and one, decodes it; errors are those of `check`."""
    size: Callable[[Any, Any], tuple[int, ...]]
    """Given the processor and one, what the number of its positions depends on."""
    fills: Callable[[Any], bool]
    """Given the processor, true if an encoder is given all of them at one size."""
    whole: Callable[[list[Any]], Any]
    """Of several, decoded, what a processor takes for as many texts."""
    options: Callable[[Any], dict[str, Any]]
    """Given the processor, the options that it takes beside them."""
    around: Callable[[dict[str, Any]], dict[str, Any]]
    """Given options of the tokenizer, how a processor takes them."""
    examples: Callable[[Any], list[Any]]
    """Given the processor, two of other sizes, decoded, for the forward passes that heads are looked for in."""

    def part(self, processor: Any) -> Any:
        """The part of a processor that prepares it; None if it has none."""
        found = (getattr(processor, name, None) for name in self.parts)
        return next((part for part in found if part is not None), None)

    def reaches(self, network: nn.Module) -> bool:
        """True for a network that takes it."""
        takes = inspect.signature(network.forward).parameters
        return any(name in takes for name in self.inputs)

    def is_in(self, given: Any) -> bool:
        """True for inputs of a forward pass that hold it."""
        return any(name in given for name in self.inputs)

    def placeholder(self, processor: Any) -> str:
        """The text that stands for one, such as `<image>`.

        Raises:
            ValueError: If the processor does not tell.
        """
        found = self.told_placeholder(processor)
        if not found:
            raise ValueError(
                f"a {type(processor).__name__} does not tell what stands for {self.article} in a text ({self.token})"
            )
        return found

    def told_placeholder(self, processor: Any) -> str:
        """The same; empty if the processor does not tell."""
        # In older versions of transformers, Gemma 3's image token is what its placeholder is replaced by.
        boi = self.token == "image_token" and type(processor).__name__ == "Gemma3Processor"
        return str(getattr(processor, "boi_token" if boi else self.token, None) or "")

    def places_itself(self, processor: Any) -> bool:
        """True for a processor that puts the placeholder before every text, and its special tokens around it."""
        return type(processor).__name__ in self.placing

    def token_id(self, network: Any) -> int | None:
        """The token that stands for a piece of one, if the config names one."""
        configs = (network.config, getattr(network.config, self.config, None))
        found = (getattr(config, name, None) for config in configs for name in self.token_ids)
        return next((value for value in found if isinstance(value, int)), None)

    @property
    def article(self) -> str:
        """One of it: `an image`, `a sound`."""
        return f"{'an' if self.modality.noun[0] in 'aeiou' else 'a'} {self.modality.noun}"
