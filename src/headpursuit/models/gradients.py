"""Derivatives of a token's log-probability by what heads do: one backward pass for all heads of a batch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.media import GivenPrompts, prompts_of
from headpursuit.models.anatomy import HeadSite, check_positions, site_hooks
from headpursuit.models.batches import Batch, batches
from headpursuit.models.capture import chosen_positions, rows_at
from headpursuit.models.compiled import uncompiled
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.sharding import is_sharded, whole_tensor
from headpursuit.models.text import continue_batch
from headpursuit.settings import Chat, Positions


def scale_gradients(
    model: LanguageModel,
    prompts: GivenPrompts,
    targets: Sequence[Sequence[int]],
    *,
    scale: float = 1.0,
    max_new_tokens: int = 0,
    batch_size: int = 32,
    chat: Chat | bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Float[Tensor, "n_prompts n_heads"]]:
    """Derivative of a token's log-probability with respect to every head's scale.

    Every head is multiplied by a number of its own for each prompt, at all its positions (scope `all`). The derivative
    of log Σ_t p(t | prompt) over a prompt's target tokens t is what a small change of the scale does to it: exact for
    small changes, and no more than a hint for a scale of -1.

    Args:
        model: The model.
        prompts: Texts, and texts with an image.
        targets: For each prompt the token ids whose probabilities are added up.
        scale: What all heads are multiplied by where the derivative is taken.
        max_new_tokens: 0 to follow the next token. Else the unedited model answers with so many tokens, and the
            probabilities that a target comes next are added up over the answer's positions too: the place where it is
            likeliest counts most.
        batch_size: Prompts per batch.
        chat: Put each prompt into the chat template; a `Chat` also has its system prompt and settings.
        progress: Called after each batch with the prompts done and all prompts.

    Returns:
        By site (`L12`): nats per unit of scale, for each prompt and head, on the CPU.

    Raises:
        ValueError: If a prompt has no target, prompts cannot be read, the model is shared between processes, or a
            derivative is infinite or undefined.
        AnatomyError: If the heads cannot be certified, or the model works on other positions than tokens.

    Source: importance of heads from gradients at a mask of ones, Michel, Levy and Neubig (2019), section 5.
    Differences: 1. of the log-probability of given tokens, not of a loss over a data set. 2. signed: a head whose scale
        raises the probability is one to turn down.
    """
    sites = model.anatomy.sites
    n_prompts = len(targets)
    found = {site.name: torch.zeros(n_prompts, site.n_heads) for site in sites}
    done = 0
    for text in _texts(model, prompts, targets, max_new_tokens, batch_size, chat):
        rows = list(text.batch.indices)
        for site, gradient in _by_scale(model, sites, text, scale).items():
            found[site.name][rows] = gradient.float().cpu()
        done += len(rows)
        if progress:
            progress(done, n_prompts)
    wrong = next((name for name, values in found.items() if not values.isfinite().all()), None)
    if wrong is not None:
        raise ValueError(f"a derivative of {wrong} is infinite or undefined; try dtype float32")
    return found


@dataclass(frozen=True, eq=False)
class HeadGradients:
    """Mixed values of a site's heads at some positions, and the derivatives of the followed log-probabilities there."""

    mixed: Float[Tensor, "n_positions n_heads d_head"]
    by_mixed: Float[Tensor, "n_positions n_heads d_head"]
    """By the mixed values, in nats per unit of them."""
    by_output: Float[Tensor, "n_positions d_out"]
    """By the output of the projection, which is what the heads write before any norm or factor on its way."""


def head_gradients(
    model: LanguageModel,
    prompts: GivenPrompts,
    targets: Sequence[Sequence[int]],
    positions: Positions = "last",
    *,
    max_new_tokens: int = 0,
    batch_size: int = 32,
    chat: Chat | bool = False,
) -> Iterator[dict[HeadSite, HeadGradients]]:
    """Derivatives of a token's log-probability by what every head mixes and writes, batch by batch; none is kept.

    What is followed, the arguments and the errors are those of `scale_gradients`, at scale 1; a derivative that is
    infinite or undefined is not looked for.

    Args:
        model: The model.
        prompts: Texts, and texts with an image.
        targets: For each prompt the token ids whose probabilities are added up.
        positions: Where heads are looked at, as in `read_mixed`; `generated` with the prompt's last token, which says
            the answer's first.
        max_new_tokens: Length of the answers that are followed; 0 to follow the next token.
        batch_size: Prompts per batch.
        chat: Put each prompt into the chat template.
    """
    for text in _texts(model, prompts, targets, max_new_tokens, batch_size, chat):
        chosen = chosen_positions(model, text.batch, positions, text.start + 1)
        if positions == "generated":
            chosen[:, text.start] = True
        yield _by_writes(model, text, chosen.flatten().nonzero()[:, 0])


@dataclass(frozen=True, eq=False)
class _Text:
    """A batch of prompts, with answers behind them where these are followed."""

    batch: Batch
    start: int
    """Position of the prompts' last token: from there on the next token is followed."""
    targets: list[Sequence[int]]
    """For each row."""

    def likely(self, network: Any) -> Float[Tensor, " n_rows"]:
        """Log of the probabilities that a target comes next, added up over targets and followed positions."""
        n_followed = self.batch.input_ids.shape[1] - self.start
        logits = network(**self.batch.inputs, use_cache=False, logits_to_keep=n_followed).logits
        logits = whole_tensor(logits)[:, -n_followed:]
        logs = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)
        real = self.batch.attention_mask[:, self.start :].bool()
        rows = zip(logs, real, self.targets, strict=True)
        return torch.stack([row[said][:, list(ids)].flatten().logsumexp(0) for row, said, ids in rows])


def _texts(
    model: LanguageModel,
    prompts: GivenPrompts,
    targets: Sequence[Sequence[int]],
    max_new_tokens: int,
    batch_size: int,
    chat: Chat | bool,
) -> Iterator[_Text]:
    prompts = prompts_of(prompts)
    if len(targets) != len(prompts) or not all(targets):
        raise ValueError("every prompt needs at least one token whose probability is followed")
    if is_sharded(model.network):
        raise ValueError("gradients need the whole model in one process; load it without tp_plan")
    for batch in batches(model, prompts, batch_size, chat=chat, room=max_new_tokens):
        full = continue_batch(model, batch, max_new_tokens) if max_new_tokens else batch
        yield _Text(full, batch.input_ids.shape[1] - 1, [targets[row] for row in batch.indices])


def _by_scale(
    model: LanguageModel, sites: Sequence[HeadSite], text: _Text, scale: float
) -> dict[HeadSite, Float[Tensor, "n_rows n_heads"]]:
    shape = text.batch.input_ids.shape
    scales = {
        site: torch.full((shape[0], site.n_heads), scale, device=model.device, requires_grad=True) for site in sites
    }

    def multiply(site: HeadSite, mixed: Tensor) -> Tensor:
        check_positions(mixed, shape)
        factors = scales[site].to(mixed).repeat_interleave(site.d_head, dim=1)
        # Where all tokens of all prompts share one axis, each prompt's number is repeated for its tokens.
        flat = mixed.dim() == 2
        return mixed * (factors.repeat_interleave(shape[1], dim=0) if flat else factors[:, None])

    with torch.enable_grad(), uncompiled(), site_hooks(model.network, sites, multiply):
        found = torch.autograd.grad(text.likely(model.network).sum(), list(scales.values()), allow_unused=True)
    # A site that no logit depends on (the last layer of some models) has no derivative but 0.
    return {
        site: torch.zeros(shape[0], site.n_heads) if gradient is None else gradient
        for site, gradient in zip(sites, found, strict=True)
    }


def _by_writes(model: LanguageModel, text: _Text, which: Tensor) -> dict[HeadSite, HeadGradients]:
    sites, shape = model.anatomy.sites, text.batch.input_ids.shape
    mixed: dict[HeadSite, Tensor] = {}
    outputs: dict[HeadSite, Tensor] = {}

    def enter(site: HeadSite, values: Tensor) -> Tensor:
        # Nothing before the first head has a derivative where the model's own parameters are frozen.
        mixed[site] = values.detach().requires_grad_() if not values.requires_grad else values.clone()
        return mixed[site]

    with torch.enable_grad(), uncompiled(), site_hooks(model.network, sites, enter, outputs.__setitem__):
        likely = text.likely(model.network).sum()
        wanted = [*mixed.values(), *(outputs[site] for site in mixed)]
        found = torch.autograd.grad(likely, wanted, allow_unused=True)

    def at(values: Tensor, gradient: Tensor | None) -> Tensor:
        return rows_at(torch.zeros_like(values) if gradient is None else gradient, which, shape).float()

    gradients = [at(values, gradient) for values, gradient in zip(wanted, found, strict=True)]
    return {
        site: HeadGradients(
            rows_at(mixed[site].detach(), which, shape).float().unflatten(-1, (site.n_heads, site.d_head)),
            by_mixed.unflatten(-1, (site.n_heads, site.d_head)),
            by_output,
        )
        for site, by_mixed, by_output in zip(mixed, gradients[: len(mixed)], gradients[len(mixed) :], strict=True)
    }
