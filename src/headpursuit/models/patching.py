"""Heads patched from other prompts: what the next token loses when one head says what it says elsewhere."""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.media import Prompt
from headpursuit.models.anatomy import TOLERANCE, AnatomyError, HeadSite, check_positions, site_hooks
from headpursuit.models.batches import Batch, batches
from headpursuit.models.compiled import uncompiled
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.sharding import is_sharded
from headpursuit.models.text import read_logits
from headpursuit.settings import Chat


def counterparts(
    model: LanguageModel, prompts: Sequence[Prompt], asks: Sequence[object], *, chat: Chat | bool = False
) -> tuple[int | None, ...]:
    """For each prompt the one that is most like it and asks for something else; None where all ask for the same.

    Alike is who has the same token in most places, counted from the end, where the answer follows; of equals the one of
    nearest length, then the first. So a template's prompts find each other.

    Args:
        model: The model.
        prompts: Texts.
        asks: For each what it asks for.
        chat: Put each prompt into the chat template.
    """
    rows: dict[int, tuple[int, ...]] = {}
    for batch in batches(model, prompts, len(prompts), chat=chat):
        for number, ids, mask in zip(batch.indices, batch.input_ids, batch.attention_mask, strict=True):
            rows[number] = tuple(ids[mask.bool()].tolist())[::-1]

    def likeness(one: int, other: int) -> tuple[int, int]:
        same = sum(a == b for a, b in zip(rows[one], rows[other], strict=False))
        return same, -abs(len(rows[one]) - len(rows[other]))

    return tuple(
        max((o for o in range(len(prompts)) if asks[o] != asks[i]), key=lambda o: likeness(i, o), default=None)
        for i in range(len(prompts))
    )


@torch.no_grad()
def patched_losses(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    others: Sequence[Prompt],
    targets: Sequence[Sequence[int]],
    *,
    batch_size: int = 32,
    chat: Chat | bool = False,
) -> dict[str, Float[Tensor, "n_prompts n_heads"]]:
    """Fall of a token's log-probability when one head's mixed values at a prompt's last token are another prompt's.

    All other tokens are read once and kept as keys and values; for every head the last token alone is read again.

    Args:
        model: The model.
        prompts: Texts.
        others: For each the prompt whose last token the values are taken from.
        targets: For each the ids whose probabilities are added up.
        batch_size: Prompts per batch.
        chat: Put each prompt into the chat template.

    Returns:
        By site (`L12`): nats, for each prompt and head, on the CPU.

    Raises:
        ValueError: If prompts cannot be read, or a loss is undefined.
        AnatomyError: If the heads cannot be certified, work on other positions than tokens, or the model does not say
            the same when it reads the last token by itself.
    """
    if is_sharded(model.network):
        raise AnatomyError("several processes hold the model; heads are patched in one")
    if model.has_encoder:
        raise AnatomyError("the prompt is read by an encoder, so that no last token of it holds what heads mix")
    sites = model.anatomy.sites
    found = {site.name: torch.zeros(len(prompts), site.n_heads) for site in sites}
    taken = _last_mixed(model, others, batch_size, chat)
    for batch in batches(model, prompts, batch_size, chat=chat):
        rows = list(batch.indices)
        reader = _LastToken(model, batch, [targets[row] for row in rows])
        for site in sites:
            for index in range(site.n_heads):
                found[site.name][rows, index] = reader.lost(site, index, taken[site][rows])
    if any(values.isnan().any() for values in found.values()):
        raise ValueError("a log-probability is undefined (NaN); try dtype float32")
    return found


def _last_mixed(
    model: LanguageModel, prompts: Sequence[Prompt], batch_size: int, chat: Chat | bool
) -> dict[HeadSite, Float[Tensor, "n_prompts width"]]:
    """The input of each output projection at each prompt's last token."""
    sites = model.anatomy.sites
    found: dict[HeadSite, Tensor] = {}
    for batch in batches(model, prompts, batch_size, chat=chat):

        def enter(site: HeadSite, mixed: Tensor, batch: Batch = batch) -> None:
            check_positions(mixed, batch.input_ids.shape)
            last = mixed.reshape(*batch.input_ids.shape, -1)[:, -1]
            found.setdefault(site, last.new_zeros(len(prompts), last.shape[1]))[list(batch.indices)] = last

        with uncompiled(), site_hooks(model.network, sites, enter):
            read_logits(model, batch, logits_to_keep=1)
    return found


class _LastToken:
    """One batch of which all but the last tokens are read, and kept."""

    def __init__(self, model: LanguageModel, batch: Batch, targets: Sequence[Sequence[int]]) -> None:
        self._network, self._targets = model.network, targets
        shifted = bool((batch.attention_mask[:, 0] == 0).any())
        positions = {"position_ids": batch.position_ids} if shifted else {}
        with uncompiled():
            whole = read_logits(model, batch, logits_to_keep=1)[:, -1]
            self._kept = None
            if batch.input_ids.shape[1] > 1:
                before = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask, **positions}
                before = {name: values[:, :-1] for name, values in before.items()}
                self._kept = self._network(**before, use_cache=True).past_key_values
        last = {"input_ids": batch.input_ids, **positions}
        self._last = {name: values[:, -1:] for name, values in last.items()} | {"attention_mask": batch.attention_mask}
        again = self._logits()
        if (again - whole).abs().max() > 10 * TOLERANCE[model.network.dtype] * whole.abs().max():
            raise AnatomyError("the model says something else when it reads a prompt's last token by itself")
        self._base = self._likely(again)

    def lost(self, site: HeadSite, index: int, other: Float[Tensor, "n_rows width"]) -> Float[Tensor, " n_rows"]:
        """The loss of the targets when a head's mixed values are these."""
        part = site.slice_of(index)

        def enter(_: HeadSite, mixed: Tensor) -> Tensor:
            patched = mixed.clone()
            patched.view(len(other), 1, -1)[:, 0, part] = other[:, part].to(patched)
            return patched

        with site_hooks(self._network, [site], enter):
            return (self._base - self._likely(self._logits())).cpu()

    def _logits(self) -> Float[Tensor, "n_rows vocab"]:
        # Copied: the pass appends the last token's keys and values, and the next head needs those before it alone.
        kept = {} if self._kept is None else {"past_key_values": copy.deepcopy(self._kept)}
        with uncompiled():
            return self._network(**self._last, **kept, use_cache=bool(kept)).logits[:, -1].float()

    def _likely(self, logits: Float[Tensor, "n_rows vocab"]) -> Float[Tensor, " n_rows"]:
        rows = zip(logits.log_softmax(-1), self._targets, strict=True)
        return torch.stack([row[list(ids)].logsumexp(0) for row, ids in rows])
