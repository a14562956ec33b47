"""See attention outputs during a forward pass, and poison some heads of them to see where they arrive.

Attention is seen where transformers dispatches it (`AttentionInterface`: eager, sdpa, flex, flash, and whatever else is
registered there), and in families that do not use the dispatch at scaled dot product attention or at a softmax over
pairs of tokens. A poisoned head's output is NaN: what is NaN later depends on that head, and on nothing else.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from transformers.modeling_utils import AttentionInterface

Poisoned = Callable[[int], bool]
"""True for the numbers of heads, at the attention, that are poisoned."""


@dataclass(eq=False)
class Attended:
    """An attention output that was seen."""

    n_heads: int
    output: Tensor | None
    """Of all heads, (..., n_tokens, n_heads, d_head); None where only the attention probabilities were seen."""


class Watch(TorchFunctionMode):
    """Sees attention outputs during a forward pass, in order."""

    def __init__(self, n_tokens: int, poisoned: Poisoned = lambda _: False) -> None:
        super().__init__()
        self.seen: list[Attended] = []
        self._n_tokens = n_tokens
        self._poisoned = poisoned
        self._dispatched = 0
        """Depth of the running code in dispatched attentions, whose inner workings are not looked at."""
        self._stack = ExitStack()

    def __enter__(self) -> "Watch":
        self._stack.__enter__()
        for method in ("get_interface", "__getitem__"):
            if hasattr(AttentionInterface, method):  # the former is not there before transformers 5.2
                self._stack.callback(_replace(AttentionInterface, method, self._watching(method)))
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        self._stack.close()
        super().__exit__(*error)

    def _watching(self, method: str) -> Callable[..., Any]:
        original = getattr(AttentionInterface, method)

        def get(interface: AttentionInterface, *names: Any) -> Any:
            function = original(interface, *names)
            watched = getattr(function, "_watched_by", None) is self
            return function if watched or not callable(function) else self._watched(function)

        return get

    def _watched(self, attend: Callable[..., Any]) -> Callable[..., Any]:
        def attend_and_see(module: Any, query: Tensor, key: Tensor, *args: Any, **kwargs: Any) -> Any:
            self._dispatched += 1
            try:
                found = attend(module, query, key, *args, **kwargs)
            finally:
                self._dispatched -= 1
            output, *rest = found if isinstance(found, tuple) else (found,)
            seen = self._see(output, output.dim() - 2, output)
            return (seen, *rest) if isinstance(found, tuple) else seen

        attend_and_see._watched_by = self  # type: ignore[attr-defined]
        return attend_and_see

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: D102
        output = func(*args, **(kwargs or {}))
        if self._dispatched:
            return output
        name = getattr(func, "__name__", "")
        if name == "scaled_dot_product_attention" and output.dim() == 4 and output.shape[-2] >= self._n_tokens:
            return self._see(output, 1, output.transpose(1, 2))
        if name == "softmax" and self._over_tokens(output):
            # A head whose probabilities are NaN has an output that is NaN.
            return self._see(output, output.dim() - 3, None)
        return output

    def _over_tokens(self, output: Tensor) -> bool:
        """True for attention probabilities of one prompt, and not those of a router over experts.

        There may be more positions than tokens, where a model puts a prefix before them.
        """
        return output.dim() in (3, 4) and output.shape[-2] >= self._n_tokens and output.shape[0] * output.dim() != 3

    def _see(self, output: Tensor, head_axis: int, values: Tensor | None) -> Tensor:
        n_heads = output.shape[head_axis]
        self.seen.append(Attended(n_heads, values))
        chosen = [head for head in range(n_heads) if self._poisoned(head)]
        if not chosen:
            return output
        return output.index_fill(head_axis, torch.tensor(chosen, device=output.device), torch.nan)


def _replace(owner: type, name: str, value: Any) -> Callable[[], None]:
    """Set an attribute of a class; what comes back undoes it."""
    inherited, previous = name not in vars(owner), getattr(owner, name)
    setattr(owner, name, value)
    return lambda: delattr(owner, name) if inherited else setattr(owner, name, previous)
