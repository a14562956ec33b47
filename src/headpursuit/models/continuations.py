"""Likelihoods of what follows prompts, under any edit: answers, teacher-forced, or any token of a concept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.heads import Edit
from headpursuit.media import Prompt
from headpursuit.models.batches import Batch, batches, followed_by
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.replay import Replay, replay
from headpursuit.models.replay_memory import every_within, layer_sizes
from headpursuit.processes import ONE, Processes
from headpursuit.settings import Chat

UNDEFINED = "a log-probability is undefined (NaN); try dtype float32"
"""Said where a model's logits are no numbers."""


@dataclass(frozen=True)
class Continuation:
    """A prompt, and the tokens behind it whose probability is followed.

    Raises:
        ValueError: If no token is followed, or an early step leaves open which token is read on from.
    """

    prompt: Prompt
    steps: tuple[tuple[int, ...], ...]
    """For each token that is followed the ids that count: one, or in the last step several, whose probabilities add."""
    before: tuple[int, ...] = ()
    """The model's own tokens before it; given, not followed."""

    def __post_init__(self) -> None:
        if not all(self.steps) or not self.steps:
            raise ValueError("a continuation needs at least one token whose probability is followed")
        if any(len(ids) > 1 for ids in self.steps[:-1]):
            raise ValueError("only the last step of a continuation may count several tokens")

    @property
    def read(self) -> tuple[int, ...]:
        """The tokens that are put behind the prompt: all but those of the last step, which are only predicted."""
        return (*self.before, *(ids[0] for ids in self.steps[:-1]))


@dataclass(frozen=True, eq=False)
class _Part:
    """The continuations of one batch."""

    numbers: tuple[int, ...]
    continuations: tuple[Continuation, ...]
    replay: Replay
    n_read: int

    def under(self, edit: Edit) -> Float[Tensor, "2 n_rows"]:
        """As `of`, of the logits under an edit; on the CPU."""
        return self.of(self.replay.logits(edit)).cpu()

    def of(self, logits: Float[Tensor, "n_rows n_read vocab"]) -> Float[Tensor, "2 n_rows"]:
        """Log-probability of each row's continuation, and its margin."""
        longest = max(len(c.read) for c in self.continuations)
        found = []
        for row, continuation in zip(logits, self.continuations, strict=True):
            # Behind the prompt's last token, which is `longest` columns from the end, come `before` and the steps.
            first = self.n_read - 1 - longest + len(continuation.before)
            likely = row[first : first + len(continuation.steps)].float().log_softmax(-1)
            ours = torch.stack([v[list(ids)].logsumexp(0) for v, ids in zip(likely, continuation.steps, strict=True)])
            others = likely.clone()
            for values, ids in zip(others, continuation.steps, strict=True):
                values[list(ids)] = -torch.inf
            found.append(torch.stack([ours.sum(), (ours - others.amax(-1)).amin()]))
        return torch.stack(found, dim=1)


@dataclass(frozen=True, eq=False)
class Likely:
    """Likelihoods of continuations under one edit."""

    log_probability: Float[Tensor, " n_continuations"]
    """Of all that is followed of each, nats."""
    margin: Float[Tensor, " n_continuations"]
    """Its lead over the likeliest other token, nats; of several steps the smallest. Above 0, the model says it."""


class Likelihoods:
    """Likelihoods of continuations, and how any edit changes them."""

    def __init__(self, parts: Sequence[_Part], n: int) -> None:
        """Made by `likelihoods`."""
        self._parts, self._n = parts, n
        self.base: Likely = self._gathered(part.of(part.replay.base) for part in parts)
        """Under the base edit."""

    def under(self, edit: Edit, processes: Processes = ONE) -> Likely:
        """Under an edit, on the CPU; each of several processes reads a share of the batches.

        Raises:
            ValueError: If it names a head that the model does not have, or a log-probability is undefined.
        """
        return self._gathered(processes.dealt(self._parts, lambda part: part.under(edit)))

    def upon(self, edit: Edit) -> "Likelihoods":
        """The same continuations with another base edit."""
        return Likelihoods([replace(part, replay=part.replay.under(edit)) for part in self._parts], self._n)

    def share(self, edit: Edit) -> float:
        """The part of all layers' work that reading them under an edit takes, 0 to 1."""
        return sum(part.replay.share(edit) * len(part.numbers) for part in self._parts) / self._n

    @property
    def n_bytes(self) -> int:
        """Memory that is kept for replays."""
        return sum(part.replay.n_bytes for part in self._parts)

    @property
    def every(self) -> int:
        """The distance of the layers that are kept; 0 where none is."""
        return self._parts[0].replay.every

    def _gathered(self, likely: Iterable[Tensor]) -> Likely:
        found = torch.zeros(2, self._n)
        for part, values in zip(self._parts, likely, strict=True):
            found[:, list(part.numbers)] = values.cpu()
        if found.isnan().any():
            raise ValueError(UNDEFINED)
        return Likely(*found)


def likelihoods(
    model: LanguageModel,
    continuations: Sequence[Continuation],
    *,
    batch_size: int = 16,
    chat: Chat | bool = False,
    under: Edit | None = None,
    every: int = 1,
    memory: int | None = None,
) -> Likelihoods:
    """Read prompts with their continuations once, and keep what replays need.

    Args:
        model: The model.
        continuations: Prompts and the tokens behind them.
        batch_size: Prompts per batch; those of similar length share one, so that little padding is read.
        chat: Put each prompt into the chat template; a `Chat` also has its system prompt and settings.
        under: The base edit; none if it is left out.
        every: As `replay` takes it.
        memory: Bytes that replays may keep, in place of `every`: they keep as many layers as fit.

    Raises:
        ValueError: If there are no continuations, or prompts cannot be read.
        AnatomyError: If the heads cannot be found or certified.
    """
    room = max((len(c.read) for c in continuations), default=0)
    read = []
    for batch in batches(model, [c.prompt for c in continuations], batch_size, chat=chat, room=room):
        those = tuple(continuations[i] for i in batch.indices)
        read.append((those, batch, _continued(model, batch, those)))
    if memory is not None:
        every = every_within(*layer_sizes(model, [whole for _, _, whole in read]), memory)
    parts = []
    for those, batch, whole in read:
        n_read = max(len(c.read) for c in those) + 1
        made = replay(model, whole, n_read=n_read, under=under, prompt_length=batch.input_ids.shape[1], every=every)
        parts.append(_Part(batch.indices, those, made, n_read))
    return Likelihoods(parts, len(continuations))


def _continued(model: LanguageModel, batch: Batch, continuations: Sequence[Continuation]) -> Batch:
    """The batch with each continuation's tokens behind its prompt, masked after its end."""
    longest = max(len(c.read) for c in continuations)
    if longest == 0:
        return batch
    rows = [[*c.read, *[0] * (longest - len(c.read))] for c in continuations]
    masks = [[1] * len(c.read) + [0] * (longest - len(c.read)) for c in continuations]
    new, mask = (torch.tensor(values, device=batch.input_ids.device) for values in (rows, masks))
    return followed_by(model, batch, new, mask)
