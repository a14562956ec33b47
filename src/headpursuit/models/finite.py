"""Weights that are numbers: NaN and infinities are named where they are, before anything is concluded from them."""

import torch
from torch import Tensor, nn
from torch.nn import Parameter

_PLAIN = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


@torch.no_grad()
def unusable_weights(network: nn.Module) -> str:
    """The first parameter that holds NaN or infinities, and what to do; empty if none does.

    Parameters that lie elsewhere (offloaded) or are packed are not looked at.
    """
    for name, parameter in network.named_parameters():
        values = _here(parameter)
        if values is None or torch.stack(torch.aminmax(values)).isfinite().all():
            continue
        n_nan, n_bad = int(values.isnan().sum()), int((~values.isfinite()).sum())
        found = f"{name} holds {n_bad:,} of {values.numel():,} values that are {_kinds(n_nan, n_bad)}"
        half = values.dtype is torch.float16 and n_nan < n_bad
        return f"{found}; " + (
            "float16 ends at 65,504: load it as bfloat16 or float32, and if that is no help, the file is damaged"
            if half
            else "the file is damaged, or training diverged: use another checkpoint"
        )
    return ""


def _kinds(n_nan: int, n_bad: int) -> str:
    return "NaN" if n_nan == n_bad else "NaN or infinite" if n_nan else "infinite"


def _here(parameter: Parameter) -> Tensor | None:
    """Of a shared parameter, the part that is here."""
    values = parameter.detach()
    values = values.to_local() if hasattr(values, "to_local") else values
    usable = not values.is_meta and values.dtype in _PLAIN and values.numel() > 0
    return values if usable and type(values) is Tensor else None
