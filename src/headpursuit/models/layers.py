"""The decoder's layers as modules, in the order they run in."""

from collections.abc import Collection
from dataclasses import dataclass, field

from torch import nn

from headpursuit.heads import Head
from headpursuit.models.anatomy import decoder_layers
from headpursuit.models.language_model import LanguageModel


@dataclass(frozen=True, eq=False)
class Layers:
    """The decoder's layers, in the order they run in; none where they are not one list."""

    modules: tuple[nn.Module, ...] = ()
    number_of: dict[str, int] = field(default_factory=dict)
    """By site (`L12`) the layer that holds it."""

    def first_of(self, heads: Collection[Head]) -> int:
        """The lowest layer that holds one of these heads; behind the last one for none."""
        return min((self.number_of.get(head.site, 0) for head in heads), default=len(self.modules))


def layers_of(model: LanguageModel) -> Layers:
    """The layers that hold the heads, and those between them.

    Raises:
        AnatomyError: If they are no list of modules that each run once.
    """
    return Layers(*decoder_layers(model.network, model.anatomy.sites))
