"""Effects of edits on probabilities: of the target's tokens, of right unrelated answers, and of neutral text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from headpursuit.heads import Edit
from headpursuit.models import (
    LanguageModel,
    Likelihoods,
    Likely,
    NeutralText,
    likelihoods,
    neutral_text,
    processes_of,
    replay_memory,
)
from headpursuit.processes import ONE, Processes
from headpursuit.pursuit.causal import Damage, Measured
from headpursuit.studies.causal.following import FEWEST_FACTS, Followed, follow
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.figures.statistics import resampled_means
from headpursuit.studies.measures import effects
from headpursuit.studies.tasks import Direction, Question, Task

_UPPER = 97.5
"""Percentile that damage is judged by: the upper end of a 95 % interval."""


NOISE = 0.5
"""Nats by which leads are blurred: a margin of as much either way counts as 0.73 and 0.27 right answers."""


@dataclass(frozen=True)
class Answered:
    """Questions of one group, under an edit."""

    log_probability: tuple[float, ...]
    """Of what is followed of each question, nats."""
    margin: tuple[float, ...]
    """Its lead over the likeliest other token, nats; above 0, the model says it."""
    mass: bool = False
    """As `Followed.mass`."""

    @property
    def right(self) -> np.ndarray:
        """About how often each is said, 0 to 1: the logistic function of the margin over `NOISE`; or its probability.

        Greedy answers are right where the margin is above 0. That is what an edit is judged by in the end, but it is
        blind to how near an answer is to falling. The mean probability, on the other hand, falls by much where
        a model becomes less sure of what it goes on to say.
        """
        if self.mass:
            return np.asarray(np.exp(self.log_probability))
        return np.asarray(expit(np.asarray(self.margin) / NOISE))


@dataclass(frozen=True)
class Reading:
    """Probabilities under an edit, question by question and text by text."""

    target: Answered
    unrelated: Answered
    kl: tuple[float, ...]
    """Mean divergence KL(base || edited) of the next token for each neutral text, nats."""
    loss: tuple[float, ...]
    """Mean negative log-probability of each neutral text's tokens, nats."""


@dataclass(frozen=True, eq=False)
class Probabilities(Measured):
    """Effects and damage of edits, by probabilities; passes begin at the first layer that an edit changes."""

    target: Likelihoods
    unrelated: Likelihoods
    neutral: NeutralText
    followed: tuple[Followed, Followed]
    """The tokens followed of the target and of the unrelated questions."""
    direction: Direction
    base: Reading
    """Of the unedited model."""
    seed: int = 0
    """Of the bootstrap."""
    processes: Processes = ONE
    """Those that share the edits, or the questions of one."""

    def readings(self, edits: Sequence[Edit]) -> list[Reading]:
        """Everything that is measured of each edit."""
        return self.processes.dealt(edits, self.read)

    def read(self, edit: Edit) -> Reading:
        """Everything that is measured of an edit."""
        kl, loss = self.neutral.under(edit)
        unrelated = answered_of(self.unrelated.under(edit), self.followed[1])
        return Reading(self._target(edit), unrelated, tuple(kl.tolist()), tuple(loss.tolist()))

    def effect(self, edit: Edit) -> float:
        """Fraction by which target answers fall, or rise."""
        return float(effects(self.base.target.right.mean(), self._target(edit).right.mean(), self.direction))

    def effects_of(self, edits: Sequence[Edit]) -> list[float]:
        """The effect of each edit."""
        return self.processes.dealt(edits, self.effect)

    @property
    def most(self) -> float:
        """The largest effect that there can be: all right answers gone, or every answer right."""
        return 1.0 if self.direction == "suppress" else float(1 / self.base.target.right.mean() - 1)

    def damage(self, edit: Edit) -> Damage:
        """Upper end of the loss of right unrelated answers, and the rise of perplexity."""
        strain = self.strain_of(self.neutral.loss_under(edit, self.processes).tolist())
        unrelated = answered_of(self.unrelated.under(edit, self.processes), self.followed[1])
        return Damage(self.loss_of(unrelated), strain)

    def upon(self, edit: Edit) -> "Probabilities":
        """The same, with what edits share with this one kept."""
        target, unrelated = self.target.upon(edit), self.unrelated.upon(edit)
        return replace(self, target=target, unrelated=unrelated, neutral=self.neutral.upon(edit))

    def loss_of(self, after: Answered) -> float:
        """Upper end of the interval of the fraction of right unrelated answers that is lost."""
        scores = np.stack([self.base.unrelated.right, after.right])
        means = resampled_means(scores, self.followed[1].facts, self.seed)
        return float(np.percentile(effects(means[:, 0], means[:, 1], "suppress"), _UPPER))

    def strain_of(self, losses: Sequence[float]) -> float:
        """Rise of the perplexity on neutral text, as a fraction of the base's."""
        return float(np.exp(np.mean(losses) - np.mean(self.base.loss)) - 1)

    @property
    def n_bytes(self) -> int:
        """Memory that is kept for replays."""
        return self.target.n_bytes + self.unrelated.n_bytes + self.neutral.n_bytes

    @property
    def kept(self) -> str:
        """Memory that replays take, in a sentence; empty where nothing can be replayed."""
        everies = {self.target.every, self.unrelated.every, self.neutral.every}
        if 0 in everies:
            return "Memory is too short to keep what leaves the layers: passes over some of the questions were whole."
        if not self.target.n_bytes:
            return ""
        which = "every layer" if everies == {1} else f"one layer in {max(everies)} at least, as memory allows,"
        return f"To replay passes, what leaves {which} was kept: {self.n_bytes / 1e9:.2g} GB."

    def _target(self, edit: Edit) -> Answered:
        return answered_of(self.target.under(edit), self.followed[0])


def answered_of(likely: Likely, followed: Followed) -> Answered:
    """Likelihoods of what is followed, as they are kept."""
    return Answered(tuple(likely.log_probability.tolist()), tuple(likely.margin.tolist()), followed.mass)


def probabilities(
    model: LanguageModel,
    task: Task,
    target: Sequence[Question],
    unrelated: Sequence[Question],
    config: StudyConfig,
    memory: int | None = None,
) -> Probabilities:
    """Read the questions that heads are chosen by, unedited, and keep what replays need.

    Args:
        model: The model.
        task: Its direction, and its neutral text.
        target: Questions whose answers belong to the concept.
        unrelated: Those about other things.
        config: How they are put, and which tokens edits act on.
        memory: Bytes that replays may take, with those upon another edit; by default the fourth part of what is free.

    Raises:
        ValueError: If nothing can be followed, too few questions are left or answered rightly, or a probability is
            undefined.
        AnatomyError: If the heads cannot be found or certified.
    """
    followed = follow(model, task, target, config), follow(model, task, unrelated, config)
    size = min(BATCH, config.batch_size)
    left, parts = (replay_memory(model) if memory is None else memory) // COPIES, list[Likelihoods]()
    for number, one in enumerate(followed):
        room = left // (3 - number)  # the neutral text comes third
        parts.append(likelihoods(model, one.continuations, batch_size=size, chat=config.frame, memory=room))
        left -= parts[-1].n_bytes
    asked = answered_of(parts[0].base, followed[0]), answered_of(parts[1].base, followed[1])
    for one, answered in zip(followed, asked, strict=True):
        _check_followed(one, answered)
    of_answers = config.scope == "generated"
    neutral = neutral_text(model, task.neutral_texts[:TEXTS], batch_size=size, scope_of_answers=of_answers, memory=left)
    kl, loss = neutral.under(Edit({}))
    base = Reading(*asked, tuple(kl.tolist()), tuple(loss.tolist()))
    return Probabilities(parts[0], parts[1], neutral, followed, task.direction, base, config.seed, processes_of(model))


def _check_followed(followed: Followed, answered: Answered) -> None:
    """Refuse to choose by what hardly any question shows."""
    group, facts = followed.questions[0].group, len(set(followed.facts))
    if followed.n_left_out and facts < FEWEST_FACTS:
        raise ValueError(
            f"{facts} {group} facts have a right answer to follow, and at least {FEWEST_FACTS} are needed "
            f"({followed.n_left_out} questions have none); ask what the model knows, or give it more new tokens"
        )
    if not followed.mass and answered.right.sum() < 1:
        raise ValueError(
            f"the unedited model answers fewer than one of {len(followed.questions)} {group} questions rightly, so "
            "that no head can be seen to change that; ask what it knows"
        )


BATCH = 16
"""Prompts of similar length that are read side by side, at most; in larger batches most of what is read is padding."""

TEXTS = 4
"""Neutral texts that damage is measured on while heads are chosen."""

COPIES = 2
"""Replays at a time while an edit grows: of the unedited model, and of the edit so far."""
