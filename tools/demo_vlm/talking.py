"""Second lesson: the tower and the projector learn to be talked about by the language model, which stays as it is."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn import functional as F
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase

from headpursuit.media.images.rendered.wording import Exchange
from headpursuit.models.demo_vlm.parts import PATCHES

_BEFORE, _AFTER = "<|im_start|>user\n", "\n"

_COMMON = 8192
"""Tokens of the lowest numbers are the commonest; only they and the answers' own are scored, to save time."""


@dataclass(frozen=True, eq=False)
class Dialogues:
    """Several exchanges about each scene, side by side in one row: each sees the image, none sees the others."""

    before: Int[Tensor, " n_before"]
    after: Int[Tensor, " n_after"]
    ids: Int[Tensor, "n_scenes n_tokens"]
    """All exchanges of a scene, one behind the other."""
    branch: Int[Tensor, "n_scenes n_tokens"]
    """The exchange that each token belongs to; -1 for padding."""
    places: Int[Tensor, "n_scenes n_tokens"]
    """Position in its exchange."""
    answered: Bool[Tensor, "n_scenes n_tokens"]
    """Tokens that the model must come up with."""


def dialogues(talk: list[list[Exchange]], tokenizer: PreTrainedTokenizerBase) -> Dialogues:
    """Tokenize the exchanges of each scene."""
    rows = [[_tokens(exchange, tokenizer) for exchange in scene] for scene in talk]
    width = max(sum(len(ids) for ids, _ in row) for row in rows)
    shape = (len(rows), width)
    ids, places = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    branch, answered = torch.full(shape, -1), torch.zeros(shape, dtype=torch.bool)
    for i, row in enumerate(rows):
        start = 0
        for number, (tokens, n_asked) in enumerate(row):
            end = start + len(tokens)
            ids[i, start:end], branch[i, start:end] = torch.tensor(tokens), number
            places[i, start:end] = torch.arange(len(tokens))
            answered[i, start + n_asked : end] = True
            start = end
    before, after = (torch.tensor(tokenizer.encode(text, add_special_tokens=False)) for text in (_BEFORE, _AFTER))
    return Dialogues(before, after, ids, branch, places, answered)


def _tokens(exchange: Exchange, tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], int]:
    asked = tokenizer.encode(f"{exchange.question}<|im_end|>\n<|im_start|>assistant\n", add_special_tokens=False)
    return asked + tokenizer.encode(f"{exchange.answer}<|im_end|>", add_special_tokens=False), len(asked)


def answer_loss(
    network: LlavaForConditionalGeneration, projected: Tensor, said: Dialogues
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean cross-entropy of the answers' tokens, and the fraction that is the likeliest.

    Only common tokens and the answers' own are looked at.
    """
    embed, dtype = network.get_input_embeddings(), network.lm_head.weight.dtype
    n_scenes = len(said.ids)
    parts = [
        embed(said.before).expand(n_scenes, -1, -1),
        projected.to(dtype),
        embed(said.after).expand(n_scenes, -1, -1),
        embed(said.ids),
    ]
    n_shared = len(said.before) + PATCHES + len(said.after)
    positions = torch.cat([torch.arange(n_shared).expand(n_scenes, -1), n_shared + said.places], dim=1)
    hidden = network.model.language_model(
        inputs_embeds=torch.cat(parts, dim=1),
        attention_mask=_mask(said.branch, n_shared, dtype),
        position_ids=positions,
        use_cache=False,
    ).last_hidden_state
    scene, token = said.answered.nonzero(as_tuple=True)
    unembedding = network.lm_head.weight
    scored = torch.cat([torch.arange(min(_COMMON, len(unembedding))), said.ids[said.answered]]).unique()
    logits = F.linear(hidden[scene, n_shared + token - 1], unembedding[scored]).float()
    wanted = torch.searchsorted(scored, said.ids[said.answered])
    return F.cross_entropy(logits, wanted), {"tokens": (logits.argmax(-1) == wanted).float().mean()}


def _mask(branch: Tensor, n_shared: int, dtype: torch.dtype) -> Tensor:
    """Additive: a token sees the shared part before it, and what is before it in its own exchange."""
    n_scenes, n_tokens = branch.shape
    owner = torch.cat([torch.full((n_scenes, n_shared), -2), branch], dim=1)
    seen = (owner[:, None] == owner[:, :, None]) | (owner[:, None] == -2)
    seen &= torch.ones(n_shared + n_tokens, n_shared + n_tokens, dtype=torch.bool).tril()
    return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
