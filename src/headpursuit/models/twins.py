"""A second set of modules around the same weights."""

import copy
from dataclasses import replace

from headpursuit.models.language_model import LanguageModel


def twin(model: LanguageModel) -> LanguageModel:
    """The same model with modules of its own, which share every weight with those of the first.

    Edits are hooks of modules, so an edit of one is none of the other: both can run at a time, in two threads, and the
    second takes no memory worth mentioning. Make it while the model is not edited; it is not for models whose layers
    are moved between devices while they run.
    """
    network = model.network
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return replace(model, network=copy.deepcopy(network, shared))
