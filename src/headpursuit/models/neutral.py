"""Plain text read under any edit: how far its next tokens are from the unedited model's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from headpursuit.heads import Edit
from headpursuit.media import Passage
from headpursuit.models.batches import Batch, batches, followed_by
from headpursuit.models.continuations import UNDEFINED
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.replay import Replay, replay
from headpursuit.models.replay_memory import every_within, layer_sizes
from headpursuit.processes import ONE, Processes


@dataclass(frozen=True, eq=False)
class _Part:
    """The texts of one batch."""

    numbers: tuple[int, ...]
    tokens: Int[Tensor, "n_rows n_predictions"]
    real: Float[Tensor, "n_rows n_predictions"]
    replay: Replay
    unedited: Float[Tensor, "n_rows n_predictions vocab"]
    """Log-probabilities of every next token."""

    def sums(self, logits: Float[Tensor, "n_rows n_tokens vocab"]) -> Float[Tensor, "2 n_rows"]:
        """Of each text: divergences from the unedited model, and negative log-probabilities, over its tokens."""
        after = _log_probabilities(logits)
        kl = (self.unedited.exp() * (self.unedited - after)).sum(-1)
        loss = -after.gather(-1, self.tokens[..., None])[..., 0]
        return torch.stack([self._sum(kl), self._sum(loss)])

    def of(self, logits: Float[Tensor, "n_rows n_tokens vocab"]) -> Float[Tensor, "2 n_rows"]:
        """Of each text: mean divergence from the unedited model, and mean negative log-probability."""
        return self.sums(logits) / self._n_predictions

    def loss(self, logits: Float[Tensor, "n_rows n_tokens vocab"]) -> Float[Tensor, " n_rows"]:
        """Of each text the mean negative log-probability alone: no probability of any other token is needed."""
        said = logits[:, :-1].gather(-1, self.tokens[..., None])[..., 0].float()
        likely = torch.stack([row[:-1].float().logsumexp(-1) for row in logits])
        return self._sum(likely - said) / self._n_predictions

    def _sum(self, values: Float[Tensor, "n_rows n_predictions"]) -> Float[Tensor, " n_rows"]:
        return values.where(self.real > 0, 0.0).sum(1)

    @property
    def _n_predictions(self) -> Float[Tensor, " n_rows"]:
        # A text of a single token predicts nothing.
        return self.real.sum(1).clamp_min(1)


@dataclass(frozen=True, eq=False)
class NeutralText:
    """Texts, and what any edit does to their next tokens."""

    parts: tuple[_Part, ...]

    def under(self, edit: Edit) -> tuple[Float[Tensor, " n_texts"], Float[Tensor, " n_texts"]]:
        """Of each text, in nats per token: the divergence KL(unedited || edited), and the loss; on the CPU.

        Raises:
            ValueError: If the edit names a head that the model does not have, or a log-probability is undefined.
        """
        found = torch.zeros(2, self._n_texts)
        for part in self.parts:
            found[:, list(part.numbers)] = part.of(part.replay.logits(edit)).cpu()
        return _defined(found[0]), _defined(found[1])

    def loss_under(self, edit: Edit, processes: Processes = ONE) -> Float[Tensor, " n_texts"]:
        """The loss of each text alone, in nats per token, on the CPU; each of several processes reads some batches.

        Raises:
            ValueError: As `under`.
        """
        found = torch.zeros(self._n_texts)
        losses = processes.dealt(self.parts, lambda part: part.loss(part.replay.logits(edit)).cpu())
        for part, loss in zip(self.parts, losses, strict=True):
            found[list(part.numbers)] = loss
        return _defined(found)

    def over_all(self, edit: Edit) -> tuple[float, float]:
        """Divergence and loss, nats per token over all texts; NaN where a log-probability is undefined.

        Raises:
            ValueError: If the edit names a head that the model does not have.
        """
        sums = torch.stack([part.sums(part.replay.logits(edit)).sum(1).cpu() for part in self.parts]).sum(0)
        n_tokens = sum(float(part.real.sum()) for part in self.parts)
        kl, loss = (sums / n_tokens).tolist()
        return kl, loss

    def upon(self, edit: Edit) -> "NeutralText":
        """The same texts with another base edit for replays; divergence is still from the unedited model."""
        return NeutralText(tuple(replace(part, replay=part.replay.under(edit)) for part in self.parts))

    @property
    def _n_texts(self) -> int:
        return sum(len(part.numbers) for part in self.parts)

    @property
    def n_bytes(self) -> int:
        """Memory that is kept."""
        unedited = sum(part.unedited.numel() * part.unedited.element_size() for part in self.parts)
        return unedited + sum(part.replay.n_bytes for part in self.parts)

    @property
    def every(self) -> int:
        """The distance of the layers that are kept; 0 where none is."""
        return self.parts[0].replay.every


def neutral_text(
    model: LanguageModel,
    texts: Sequence[str | Passage],
    *,
    batch_size: int = 8,
    scope_of_answers: bool = False,
    memory: int | None = None,
) -> NeutralText:
    """Read texts once, unedited, and keep what replays need.

    Args:
        model: The model.
        texts: Plain texts, or such behind prompts, of which only what stands behind counts.
        batch_size: Texts per batch.
        scope_of_answers: Plain texts stand for what the model might write, so that an edit of generated tokens acts on
            them.
        memory: Bytes that replays may keep; all layers are kept if it is left out.

    Raises:
        ValueError: If there are no texts, or they cannot be read.
        AnatomyError: If the heads cannot be found or certified.
    """
    read = [*_plain(model, texts, batch_size), *_behind(model, texts, batch_size)]
    every = 1 if memory is None else every_within(*layer_sizes(model, [batch for batch, _ in read]), memory)
    parts = []
    for batch, n_given in read:
        length = n_given or (0 if scope_of_answers else None)
        made = replay(model, batch, n_read=0, prompt_length=length, every=every)
        mask = batch.attention_mask
        real = (mask[:, 1:] * mask[:, :-1]).float()
        real[:, : max(n_given - 1, 0)] = 0
        parts.append(_Part(batch.indices, batch.input_ids[:, 1:], real, made, _log_probabilities(made.base)))
    return NeutralText(tuple(parts))


def _plain(model: LanguageModel, texts: Sequence[str | Passage], batch_size: int) -> Iterator[tuple[Batch, int]]:
    """Batches of the plain texts, of which all counts."""
    numbers = [i for i, text in enumerate(texts) if isinstance(text, str)]
    for batch in batches(model, [str(texts[i]) for i in numbers], batch_size) if numbers or not texts else ():
        yield replace(batch, indices=tuple(numbers[i] for i in batch.indices)), 0


def _behind(model: LanguageModel, texts: Sequence[str | Passage], batch_size: int) -> Iterator[tuple[Batch, int]]:
    """Batches of prompts with texts behind them, and how many columns are the prompts'."""
    numbers = [i for i, text in enumerate(texts) if isinstance(text, Passage)]
    passages = [text for text in texts if isinstance(text, Passage)]
    ids = [written_ids(model, passage.text) for passage in passages]
    if not passages:
        return
    for batch in batches(model, [passage.prompt for passage in passages], batch_size, room=max(map(len, ids))):
        those = [ids[i] for i in batch.indices]
        longest = max(map(len, those))
        rows = [[*one, *[0] * (longest - len(one))] for one in those]
        masks = [[1] * len(one) + [0] * (longest - len(one)) for one in those]
        new, mask = (torch.tensor(values, device=batch.input_ids.device) for values in (rows, masks))
        whole = followed_by(model, batch, new, mask)
        yield replace(whole, indices=tuple(numbers[i] for i in batch.indices)), batch.input_ids.shape[1]


def written_ids(model: LanguageModel, text: str) -> list[int]:
    """The tokens that a model writes for a text: a transcript begins with a space, a translation in its language."""
    spaced = f" {text}" if model.encoder_sense is not None else text
    return [int(i) for i in model.tokenizer(text_target=spaced, add_special_tokens=False)["input_ids"]]


def _defined(values: Tensor) -> Tensor:
    if values.isnan().any():
        raise ValueError(UNDEFINED)
    return values


def _log_probabilities(logits: Tensor) -> Tensor:
    """Of every next token; what follows the last one is not known."""
    return logits[:, :-1].float().log_softmax(-1)
