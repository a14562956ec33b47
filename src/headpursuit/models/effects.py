"""Changes of the next token by an edit, and their way: straight to the unembedding, or through later layers."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count

import torch
from jaxtyping import Float
from torch import Tensor, nn

from headpursuit.heads import Edit, Head
from headpursuit.media import GivenPrompts
from headpursuit.models.anatomy import APPROXIMATE, AnatomyError, HeadSite, check_positions, site_hooks
from headpursuit.models.batches import Batch, batches
from headpursuit.models.compiled import uncompiled
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.media_batches import media_positions
from headpursuit.models.scaling import rescale_sites
from headpursuit.models.scopes import BY_TOKEN, Prompts, Slots, covered
from headpursuit.models.sharding import whole_tensor, whole_width
from headpursuit.models.text import read_logits
from headpursuit.models.weights import projection_weights
from headpursuit.settings import Chat


@dataclass(frozen=True, eq=False)
class LogitChanges:
    """Next-token logits of a batch of prompts, and how an edit changes them."""

    base: Float[Tensor, "n_prompts vocab"]
    total: Float[Tensor, "n_prompts vocab"]
    """Logits under the edit minus those without it."""
    direct: Float[Tensor, "n_prompts vocab"]
    """The part of it that remains if no later layer sees the edit: what the heads write differently is added to the
    final residual stream."""

    @property
    def indirect(self) -> Float[Tensor, "n_prompts vocab"]:
        """The rest: what later layers make of the edit."""
        return self.total - self.direct


@torch.no_grad()
def logit_changes(
    model: LanguageModel,
    edits: Sequence[Edit],
    prompts: GivenPrompts,
    *,
    batch_size: int = 32,
    chat: Chat | bool = False,
) -> Iterator[tuple[LogitChanges, ...]]:
    """Measure total and direct change of the next-token logits, a batch of prompts at a time.

    The direct part is the difference that the heads' changed writes at a prompt's last token make to the logits when
    they are added to the final residual stream of the unedited model. On models with the flag `post_norm` the change
    behind the norm is taken, exactly; where flags say that the stream is rescaled or normed on its way, the direct part
    is an approximation (`is_approximate`). Heads of an encoder write nothing into that stream: their direct part is 0.

    Args:
        model: The model.
        edits: The edits, each measured by itself.
        prompts: Texts, and texts with an image.
        batch_size: Prompts per batch.
        chat: Put each prompt into the chat template; a `Chat` also has its system prompt and settings.

    Yields:
        For each batch one result per edit.

    Raises:
        ValueError: If an edit names a head that the model does not have, or the prompts cannot be read.
        AnatomyError: If the heads' writes do not reach a final norm, or the model works on other positions than tokens.
    """
    sites = {model.anatomy.site_of(head) for edit in edits for head in edit if head.kind != "encoder"}
    sites = sites or {model.anatomy.sites[0]}  # of heads of an encoder all effect is indirect
    norm = _final_norm(model, sites)
    for batch in batches(model, prompts, batch_size, chat=chat):
        last = _LastTokens(model, sites)
        with uncompiled():
            base = last.read(batch)
            found = tuple(_changes(model, edit, batch, base, last, norm) for edit in edits)
        yield found


def _final_norm(model: LanguageModel, sites: Collection[HeadSite]) -> tuple[str, int]:
    """The norm that reads the final stream, and which of its runs does.

    Raises:
        AnatomyError: If what the heads write is normed together with the stream before that.
    """
    found = model.anatomy.final_norm
    if found is None or any("post_ln" in site.flags for site in sites):
        raise AnatomyError(
            "there is no direct part to measure: what heads write does not reach a final norm as a summand of the "
            "residual stream (flag post_ln)"
        )
    return found


def is_approximate(model: LanguageModel, heads: Collection[Head]) -> tuple[str, ...]:
    """Flags of the heads' sites that make their direct part an approximation; none if it is exact."""
    flags = {flag for head in heads for flag in model.anatomy.site_of(head).flags}
    return tuple(flag for flag in APPROXIMATE if flag in flags)


def _changes(
    model: LanguageModel, edit: Edit, batch: Batch, base: Tensor, last: "_LastTokens", norm: tuple[str, int]
) -> LogitChanges:
    with rescale_sites(model.network, model.anatomy, edit):
        total = _next_logits(model, batch) - base
    written = last.change(edit)
    written = written * _in_scope(model, edit, batch).to(written)
    with _added_before(model.network.get_submodule(norm[0]), norm[1], written):
        direct = _next_logits(model, batch) - base
    return LogitChanges(base, total, direct)


def _in_scope(model: LanguageModel, edit: Edit, batch: Batch) -> Float[Tensor, "n_prompts 1"]:
    """1 for prompts whose last token the edit acts on, else 0."""
    n_rows, n_tokens = batch.input_ids.shape
    real = batch.attention_mask.bool().cpu()
    scope = edit.scope
    of_media = media_positions(model, batch, scope).cpu() if isinstance(scope, str) and scope in BY_TOKEN else None
    chosen = covered(scope, Slots(n_rows, 0, n_tokens), Prompts(n_tokens, real), of_media)
    last = chosen[:, -1:] if isinstance(chosen, Tensor) else torch.full((n_rows, 1), chosen)
    return last.float()


def _next_logits(model: LanguageModel, batch: Batch) -> Float[Tensor, "n_prompts vocab"]:
    return read_logits(model, batch, logits_to_keep=1)[:, -1].float()


@dataclass(eq=False)
class _LastTokens:
    """Inputs and outputs of the projections of some sites at each prompt's last token."""

    model: LanguageModel
    sites: Collection[HeadSite]
    mixed: dict[HeadSite, Tensor] = field(default_factory=dict)
    written: dict[HeadSite, Tensor] = field(default_factory=dict)

    def read(self, batch: Batch) -> Float[Tensor, "n_prompts vocab"]:
        """Run the unedited model; its next-token logits come back."""

        def enter(site: HeadSite, mixed: Tensor) -> None:
            check_positions(mixed, batch.input_ids.shape)
            self.mixed[site] = whole_width(mixed[:, -1], site.width)

        def leave(site: HeadSite, output: Tensor) -> None:
            self.written[site] = whole_tensor(output)[:, -1]

        with site_hooks(self.model.network, self.sites, enter, leave):
            return _next_logits(self.model, batch)

    def change(self, edit: Edit) -> Float[Tensor, "n_prompts d_model"]:
        """The difference of what the edited heads write into the final stream at the last token."""
        changes = [self._change(site, edit) for site in self.sites if any(head in edit for head in site.heads)]
        if not changes:
            return torch.zeros_like(next(iter(self.written.values())), dtype=torch.float32)
        return torch.stack([change.to(changes[0].device) for change in changes]).sum(0)

    def _change(self, site: HeadSite, edit: Edit) -> Float[Tensor, "n_prompts d_model"]:
        weights = projection_weights(self.model.network, site)
        mixed = self.mixed[site].float().unflatten(-1, (site.n_heads, site.d_head)).to(weights.device)
        factors = torch.tensor([edit.get(head, 1.0) - 1 for head in site.heads], device=weights.device)
        change = torch.einsum("nhd,hdm,h->nm", mixed, weights, factors)
        if site.norm:
            norm, before = self.model.network.get_submodule(site.norm), self.written[site].float()
            like = self.written[site].dtype
            change = norm((before + change).to(like)).float() - norm(before.to(like)).float()
        return change * site.multiplier


def _added_before(module: nn.Module, run: int, change: Float[Tensor, "n_prompts d_model"]) -> ExitStack:
    """Add to what enters a module, in one of its runs, at each prompt's last token, while the block runs."""
    runs = count()

    def add(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if next(runs) != run:
            return None
        stream = args[0].clone()
        stream[:, -1] += change.to(stream)
        return stream, *args[1:]

    stack = ExitStack()
    stack.callback(module.register_forward_pre_hook(add).remove)
    return stack
