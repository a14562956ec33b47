"""The capture of no prompt: what heads would do if whatever they can be given were as likely as anything else."""

import torch

from headpursuit.analysis.captures import Capture
from headpursuit.models import GivenModel, identify, model_of, value_weights
from headpursuit.pursuit import Moments
from headpursuit.settings import CaptureConfig
from headpursuit.storage import versions


def weights_capture(model: GivenModel) -> Capture:
    """Moments of every head's mixed values under inputs of no preferred direction: VᵀV of its value weights V.

    What a head with write weights W then writes has the second moments (V W)ᵀ(V W), whose eigenvectors are the right
    singular directions of its value-output map, each with its singular value squared. Whatever reads moments, such as
    an atlas, so reads these directions. Nothing is known of what heads attend to, nor of what the stream really holds.
    Where V cannot be found (see `value_weights`), it is left out: the directions are those of W.

    Args:
        model: What `load` returned, or a transformers model.

    Returns:
        A capture of 0 prompts; its positions stand for the dimensions of the stream.

    Raises:
        AnatomyError: If the heads cannot be found or certified.
    """
    model = model_of(model)
    values, moments = value_weights(model), {}
    count = max((each.shape[1] for each in values.values()), default=model.anatomy.sites[0].width)
    for site in model.anatomy.sites:
        if site in values:
            second = values[site].double().mT @ values[site].double()
        else:
            second = torch.eye(site.d_head, dtype=torch.float64).expand(site.n_heads, -1, -1).clone()
        total = torch.zeros(site.n_heads, site.d_head, dtype=torch.float64)
        moments[site.name] = Moments(second.cpu(), total, count)
    return Capture(moments, None, CaptureConfig(samples=0), identify(model), 0, versions())
