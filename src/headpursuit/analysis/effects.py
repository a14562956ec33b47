"""Direct and indirect effects of an edit, over prompts: for all its heads together, and for each by itself."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from headpursuit.concepts import Words, concept_of
from headpursuit.heads import Edit, GivenEdit, edit_of
from headpursuit.media import GivenPrompts, prompts_of
from headpursuit.models import (
    Chat,
    GivenModel,
    LogitChanges,
    MultiToken,
    is_approximate,
    logit_changes,
    model_of,
    tell_of_frames,
    tokens_of,
)

TOGETHER = "together"
"""Names the effect of all heads of an edit."""


@dataclass(frozen=True)
class Effect:
    """An edit's effect on the next token; means over prompts.

    `direct` is what remains if no later layer sees the edit; `indirect` is total minus direct.
    """

    heads: str
    """The head, or `together`."""
    kl: float
    """Divergence KL(unedited || edited) of the next-token distributions, nats."""
    direct_share: float
    """The part of the change of the logits that is direct: its projection onto the whole change, 1 if all of it is."""
    mass: float | None = None
    """Change of the concept's probability mass, edited minus unedited; None without a concept."""
    direct: float | None = None
    """The same if no later layer sees the edit."""

    @property
    def indirect(self) -> float | None:
        """The part that needs later layers: total minus direct."""
        return None if self.mass is None or self.direct is None else self.mass - self.direct


@dataclass(frozen=True)
class Effects:
    """The effects of an edit and of each of its heads."""

    model: str
    edit: Edit
    concept: str | None
    n_prompts: int
    base_mass: float | None
    """The concept's probability mass without the edit."""
    effects: tuple[Effect, ...]
    """All heads together first, then one by one."""
    approximate: tuple[str, ...]
    """Flags of the model because of which the direct parts are approximations; none if they are exact."""

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        found = [{**asdict(effect), "indirect": effect.indirect} for effect in self.effects]
        return {**asdict(self), "edit": self.edit.to_json(), "effects": found}


@torch.no_grad()
def effects(
    model: GivenModel,
    edit: GivenEdit,
    prompts: GivenPrompts,
    concept: Words | None = None,
    *,
    multi_token: MultiToken = "drop",
    batch_size: int = 32,
    chat: Chat | bool = False,
    progress: Callable[[int, int], None] | None = None,
    tokenizer: Any = None,
) -> Effects:
    """Measure what an edit does to the token that follows each prompt, and by which way.

    Args:
        model: What `load` returned, or a transformers model with its tokenizer.
        edit: The edit; also a plain mapping like `{"L29H2": -1}`.
        prompts: Texts, and texts with an image; one alone is one prompt.
        concept: Words whose probability mass is followed, as for `rank`.
        multi_token: What becomes of words of several tokens.
        batch_size: Prompts per batch.
        chat: Put each prompt into the chat template; a `Chat` also has its system prompt and settings.
        progress: Called after each batch with the prompts done and all prompts.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images.

    Raises:
        TypeError: If the edit, a prompt or the concept is something else.
        ValueError: If the edit is empty or acts on generated tokens only, a head does not exist, the prompts cannot be
            read, or the concept has no token.
    """
    model = model_of(model, tokenizer)
    edit, prompts = edit_of(edit), prompts_of(prompts)
    concept = None if concept is None else concept_of(concept)
    if all(scale == 1 for scale in edit.values()):
        raise ValueError(
            "the edit changes nothing: it names no head, or every scale is 1; there is no effect to measure"
        )
    if edit.scope == "generated":
        raise ValueError("the edit acts on generated tokens only, but effects are measured on the token after a prompt")
    ids = None if concept is None else torch.tensor(tokens_of(model, concept, multi_token).token_ids)
    parts = [edit, *(Edit({head: scale}, edit.scope) for head, scale in edit.items())] if len(edit) > 1 else [edit]
    names = [TOGETHER, *map(str, edit)] if len(edit) > 1 else [str(next(iter(edit)))]
    tell_of_frames(model, prompts, chat)
    rows: list[list[Tensor]] = [[] for _ in parts]
    bases, done = [], 0
    for found in logit_changes(model, parts, prompts, batch_size=batch_size, chat=chat):
        for kept, changes in zip(rows, found, strict=True):
            kept.append(_figures(changes, ids))
        bases.append(_mass(found[0].base, ids))
        done += len(found[0].base)
        if progress:
            progress(done, len(prompts))
    return Effects(
        model.name,
        edit,
        concept.name if concept else None,
        len(prompts),
        float(torch.cat(bases).mean()) if concept else None,
        tuple(_effect(name, torch.cat(kept), concept is not None) for name, kept in zip(names, rows, strict=True)),
        is_approximate(model, list(edit)),
    )


def _figures(changes: LogitChanges, ids: Tensor | None) -> Tensor:
    """Of each prompt: KL, the direct change along the whole one, the whole one squared, mass, direct mass."""
    base, edited = (logits.log_softmax(-1) for logits in (changes.base, changes.base + changes.total))
    kl = (base.exp() * (base - edited)).sum(-1)
    # A constant added to all logits says nothing.
    total, direct = (values - values.mean(-1, keepdim=True) for values in (changes.total, changes.direct))
    before = _mass(changes.base, ids)
    masses = (_mass(changes.base + change, ids) - before for change in (changes.total, changes.direct))
    return torch.stack([kl, (direct * total).sum(-1), total.square().sum(-1), *masses], dim=1).double().cpu()


def _mass(logits: Tensor, ids: Tensor | None) -> Tensor:
    """Probability of the concept's tokens together."""
    if ids is None:
        return logits.new_zeros(len(logits))
    return logits.softmax(-1)[:, ids.to(logits.device)].sum(-1)


def _effect(name: str, figures: Tensor, followed: bool) -> Effect:
    kl, along, square, mass, direct = figures.mean(0).tolist()
    share = along / square if square > 0 else 0.0
    return Effect(name, max(kl, 0.0), share, *((mass, direct) if followed else (None, None)))
