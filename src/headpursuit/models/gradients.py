"""Derivatives of a token's log-probability by every head's scale: one backward pass for all heads of a batch."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.images import GivenPrompts, prompts_of
from headpursuit.models.anatomy import HeadSite, check_positions, site_hooks
from headpursuit.models.batches import Batch, batches
from headpursuit.models.compiled import uncompiled
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.sharding import is_sharded, whole_tensor
from headpursuit.settings import Chat


def scale_gradients(
    model: LanguageModel,
    prompts: GivenPrompts,
    targets: Sequence[Sequence[int]],
    *,
    batch_size: int = 32,
    chat: Chat | bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Float[Tensor, "n_prompts n_heads"]]:
    """Derivative of the next token's log-probability with respect to every head's scale, at scale 1.

    Every head is multiplied by a number of its own, 1, for each prompt, at all its positions (scope `all`). The
    derivative of log Σ_t p(t | prompt) over a prompt's target tokens t is what a small change of the scale does to it:
    exact for small changes, and no more than a hint for a scale of -1.

    Args:
        model: The model.
        prompts: Texts, and texts with an image.
        targets: For each prompt the token ids whose probabilities are added up.
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
    prompts = prompts_of(prompts)
    if len(targets) != len(prompts) or not all(targets):
        raise ValueError("every prompt needs at least one token whose probability is followed")
    if is_sharded(model.network):
        raise ValueError("gradients need the whole model in one process; load it without tp_plan")
    sites = model.anatomy.sites
    found = {site.name: torch.zeros(len(prompts), site.n_heads) for site in sites}
    done = 0
    for batch in batches(model, prompts, batch_size, chat=chat):
        rows = list(batch.indices)
        for site, gradient in _of_batch(model, sites, batch, [targets[row] for row in rows]).items():
            found[site.name][rows] = gradient.float().cpu()
        done += len(rows)
        if progress:
            progress(done, len(prompts))
    wrong = next((name for name, values in found.items() if not values.isfinite().all()), None)
    if wrong is not None:
        raise ValueError(f"a derivative of {wrong} is infinite or undefined; try dtype float32")
    return found


def _of_batch(
    model: LanguageModel, sites: Sequence[HeadSite], batch: Batch, targets: Sequence[Sequence[int]]
) -> dict[HeadSite, Float[Tensor, "n_rows n_heads"]]:
    n_rows = len(batch.indices)
    scales = {site: torch.ones(n_rows, site.n_heads, device=model.device, requires_grad=True) for site in sites}

    def multiply(site: HeadSite, mixed: Tensor) -> Tensor:
        check_positions(mixed, batch.input_ids.shape)
        factors = scales[site].to(mixed).repeat_interleave(site.d_head, dim=1)
        # Where all tokens of all prompts share one axis, each prompt's number is repeated for its tokens.
        flat = mixed.dim() == 2
        return mixed * (factors.repeat_interleave(batch.input_ids.shape[1], dim=0) if flat else factors[:, None])

    with torch.enable_grad(), uncompiled(), site_hooks(model.network, sites, multiply):
        network: Any = model.network
        logits = whole_tensor(network(**batch.inputs, use_cache=False, logits_to_keep=1).logits)[:, -1]
        likely = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)
        followed = [row[list(ids)].logsumexp(0) for row, ids in zip(likely, targets, strict=True)]
        found = torch.autograd.grad(torch.stack(followed).sum(), list(scales.values()), allow_unused=True)
    # A site that no logit depends on (the last layer of some models) has no derivative but 0.
    filled = (torch.zeros(n_rows, s.n_heads) if g is None else g for s, g in zip(sites, found, strict=True))
    return dict(zip(sites, filled, strict=True))
