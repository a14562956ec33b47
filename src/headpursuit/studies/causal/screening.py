"""Every head by itself: what rescaling it does to the target, to unrelated answers and to neutral text."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from headpursuit.heads import Edit, Head, Scope
from headpursuit.models import HeadSite
from headpursuit.studies.causal.following import check_following
from headpursuit.studies.causal.measuring import Answered, Probabilities, Reading
from headpursuit.studies.figures.statistics import bootstrap, resampled_means, widened
from headpursuit.studies.kernel import Parts, lacking
from headpursuit.studies.kernel.progress import Progress
from headpursuit.studies.measures import effects
from headpursuit.studies.results import Estimate
from headpursuit.studies.tasks import Direction, Question, Task, drawn


class Role(StrEnum):
    """A head, by what it writes and what it does."""

    BOTH = "writes it and matters"
    WRITES = "writes it and does not matter"
    MATTERS = "matters and does not write it"
    NEITHER = "neither"


MATTERS = 0.1
"""The least effect, with its whole interval above 0, of a head that matters."""


@dataclass(frozen=True)
class HeadEffect:
    """Effect and damage of one head at one scale, on the questions that choose; intervals are over facts and texts."""

    head: Head
    scale: float
    effect: Estimate
    """Fraction by which right answers (`Answered.right`) to target questions fall, or rise where they are to."""
    target: Estimate
    """Change of its log-probability, nats."""
    loss: Estimate
    """Fraction of the right answers to unrelated questions that is lost."""
    unrelated: Estimate
    """Change of their log-probability, nats."""
    kl: Estimate
    """Divergence from the unedited model on neutral text, nats per token."""
    strain: float
    """Rise of the perplexity on neutral text, as a fraction."""

    @property
    def matters(self) -> bool:
        """True if its effect is at least `MATTERS`, and surely above 0."""
        return self.effect.value >= MATTERS and self.effect.low > 0

    @property
    def value(self) -> float:
        """Its effect beyond its damage, with the upper end of what is lost."""
        return self.effect.value - max(self.loss.high, 0.0)

    @property
    def edit(self) -> Edit:
        """The edit of this head alone."""
        return Edit({self.head: self.scale})


SiteReadings = dict[str, dict[str, Reading]]
"""By head and scale."""


def screen_heads(
    measured: Probabilities,
    sites: Sequence[HeadSite],
    heads: frozenset[Head],
    scales: Sequence[float],
    scope: Scope,
    folder: Path,
    progress: Progress,
) -> tuple[HeadEffect, ...]:
    """Measure heads one by one; a site's readings are kept in the folder as they finish.

    Args:
        measured: What measures edits.
        sites: The attentions that may hold some of the heads.
        heads: The heads.
        scales: What each is multiplied by.
        scope: Which tokens the edits act on.
        folder: Where readings are kept, a file for each site.
        progress: Told how many sites are done.

    Raises:
        ValueError: If a log-probability is undefined.
    """
    wanted = [site for site in sites if heads & set(site.heads)]
    parts = Parts(folder, SiteReadings, progress, "screen", len(wanted))
    found = []
    for site in wanted:
        chosen = [head for head in site.heads if head in heads]

        def read(chosen: Sequence[Head] = chosen) -> SiteReadings:
            readings = iter(measured.readings([Edit({head: s}, scope) for head in chosen for s in scales]))
            return {str(head): {f"{s:g}": next(readings) for s in scales} for head in chosen}

        def lacks(readings: SiteReadings, chosen: Sequence[Head] = chosen) -> str:
            sizes = {f"{head} × {s}": _sizes(r) for head, found in readings.items() for s, r in found.items()}
            whole = {name for name, size in sizes.items() if size == _sizes(measured.base)}
            return lacking([f"{head} × {s:g}" for head in chosen for s in scales], whole)

        readings = parts.part(site.name, read, lacks)
        found += [effect_of(measured, head, s, readings[str(head)][f"{s:g}"]) for head in chosen for s in scales]
    return tuple(found)


def _sizes(reading: Reading) -> tuple[int, ...]:
    """Numbers of questions and texts."""
    answered = (each for group in (reading.target, reading.unrelated) for each in (group.log_probability, group.margin))
    return (*map(len, answered), len(reading.kl), len(reading.loss))


def choosing_questions(task: Task, most: int, seed: int) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """Target and unrelated questions that heads are chosen by, at most so many of each; none is held out.

    Args:
        task: The task, divided for growth or not yet (`Task.split_for`).
        most: Questions of each group.
        seed: Of the draw, where there are more.

    Raises:
        ValueError: If there are too few facts.
    """
    divided = task.split_for(sweep=True, grow=True)
    chosen = drawn([q for q in divided.questions if q.split == "ranking"], most, seed)
    check_following(task, chosen)
    return tuple(q for q in chosen if q.group == "target"), tuple(q for q in chosen if q.group == "unrelated")


def effect_of(measured: Probabilities, head: Head, scale: float, reading: Reading) -> HeadEffect:
    """The figures of a reading."""
    target, unrelated = measured.followed
    base, seed = measured.base, measured.seed
    texts = [str(i) for i in range(len(reading.kl))]
    return HeadEffect(
        head,
        scale,
        _share(base.target, reading.target, target.facts, seed, measured.direction),
        _change(base.target, reading.target, target.facts, seed),
        _share(base.unrelated, reading.unrelated, unrelated.facts, seed, "suppress"),
        _change(base.unrelated, reading.unrelated, unrelated.facts, seed),
        bootstrap(reading.kl, texts, seed, fraction=False),
        measured.strain_of(reading.loss),
    )


def _change(before: Answered, after: Answered, facts: Sequence[str], seed: int) -> Estimate:
    changes = np.subtract(after.log_probability, before.log_probability)
    return bootstrap(changes.tolist(), facts, seed, fraction=False)


def _share(before: Answered, after: Answered, facts: Sequence[str], seed: int, direction: Direction) -> Estimate:
    scores = np.stack([before.right, after.right])
    means = resampled_means(scores, facts, seed)
    value = float(effects(scores[0].mean(), scores[1].mean(), direction))
    return widened(value, np.asarray(effects(means[:, 0], means[:, 1], direction)), len(set(facts)))


def role_of(writes: bool, matters: bool) -> Role:
    """The role of a head."""
    if writes:
        return Role.BOTH if matters else Role.WRITES
    return Role.MATTERS if matters else Role.NEITHER
