"""Causal pursuit: matching pursuit in the space of edits.

Matching pursuit adds, step by step, the atom that explains most of what is left. Causal pursuit adds the head and scale
whose edit *does* most, given the edit so far:

1. *Add.* Every candidate (head, scale) is tried; on top of an edit S each head at one scale, that which promised most
   by itself. The trial's value is E(S) - w U(S): the effect on the target minus the damage to everything else, which
   must stay within its limits. The best trial becomes S if it gains enough.
2. *Mend.* Each head of S is tried at its other scales, and left out; a head that no longer helps leaves.
3. *Swap.* Where no addition gains enough, each head of S is tried for each other head, at its one scale. If a swap
   gains enough, on with 1; else it ends.

Only effects are measured of all trials. Damage, which costs more, is measured of those that could win if they did no
more damage than S does; the most promising first, and after the first step of so many at most. What a head breaks by
itself, where it is known, counts against its promise.

Source: the step-wise choice of matching pursuit (Mallat and Zhang 1993) with removals (as in forward-backward greedy
selection, Zhang 2011); effects of edits in place of inner products.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from headpursuit.heads import Edit, Head, Scope

Candidate = tuple[Head, float]
"""A head and what it may be multiplied by."""


@dataclass(frozen=True)
class Damage:
    """An edit's effect on everything else; to be careful, the upper ends of intervals."""

    loss: float
    """Fraction of the probability of the right unrelated answers that is lost."""
    strain: float
    """Rise of the perplexity on neutral text, as a fraction of the base's."""


class Measured(ABC):
    """Measures edits; where they share a beginning, `upon` it may make the measuring cheaper."""

    @abstractmethod
    def effect(self, edit: Edit) -> float:
        """Fraction by which the target falls, or rises where it is to."""

    @abstractmethod
    def damage(self, edit: Edit) -> Damage:
        """Its effect on everything else."""

    @abstractmethod
    def upon(self, edit: Edit) -> "Measured":
        """The same measure for edits that begin like this one."""


@dataclass(frozen=True)
class Trial:
    """An edit that was tried."""

    edit: Edit
    effect: float
    damage: Damage

    def value(self, weight: float) -> float:
        """Effect minus the weighted damage."""
        return self.effect - weight * max(self.damage.loss, 0.0)


@dataclass(frozen=True)
class Limits:
    """Bounds of a pursuit: the damage that an edit may do, and when to end."""

    loss: float = 0.1
    """The largest damage to unrelated answers."""
    strain: float = 0.25
    """The largest rise of perplexity."""
    weight: float = 1.0
    """The price of damage, in units of effect."""
    least_gain: float = 0.02
    """The least that a step must add to the value."""
    enough: float = 0.98
    """An effect that nothing is added to any more."""
    most_heads: int = 6
    n_swapped: int = 12
    """Heads that are tried in a swap, the most promising by themselves."""

    n_damages: int = 10
    """Trials of a step, after the first, whose damage is measured at most."""

    def __post_init__(self) -> None:
        if not 0 < self.loss < 1 or self.strain <= 0 or self.least_gain <= 0 or self.most_heads < 1:
            raise ValueError(
                f"limits are a loss between 0 and 1 ({self.loss}), a strain and a least gain above 0 ({self.strain}, "
                f"{self.least_gain}) and at least one head ({self.most_heads})"
            )

    def allow(self, damage: Damage) -> bool:
        """True if damage is within them."""
        return damage.loss <= self.loss and damage.strain <= self.strain


@dataclass(frozen=True)
class Step:
    """One step: what was done, and the edit afterwards."""

    what: str
    """`add`, `scale`, `remove` or `swap`."""
    trial: Trial
    n_tried: int
    """Edits whose effect was measured for it."""


@dataclass(frozen=True)
class Pursued:
    """The steps of a pursuit, and the best edits of each size."""

    steps: tuple[Step, ...]
    """None where no edit within the limits does enough."""
    best: tuple[Trial, ...]
    """Those within the limits, best first, a few of each number of heads; equal ones are not told apart by more."""
    n_effects: int
    """Edits whose effect was measured."""
    n_damages: int
    """Edits whose damage was measured."""


def causal_pursuit(
    measured: Measured,
    candidates: Sequence[Candidate],
    limits: Limits = Limits(),
    *,
    scope: Scope = "all",
    known: Iterable[Trial] = (),
    most_kept: int = 3,
) -> Pursued:
    """Grow an edit by what it does.

    Args:
        measured: What measures edits.
        candidates: Heads and scales, the most promising first.
        limits: What it may do, and when it ends.
        scope: Which tokens the edits act on.
        known: Edits that were tried before.
        most_kept: Edits kept of each number of heads.

    Raises:
        ValueError: If there are no candidates.
    """
    if not candidates:
        raise ValueError("a pursuit needs candidates: heads and scales")
    trials = {trial.edit: trial for trial in known}
    effects = {edit: trial.effect for edit, trial in trials.items()}
    pursuit = _Pursuit(measured, tuple(candidates), limits, Edit({}, scope), effects, trials)
    return pursuit.run(most_kept)


@dataclass
class _Pursuit:
    measured: Measured
    candidates: tuple[Candidate, ...]
    limits: Limits
    nothing: Edit
    effects: dict[Edit, float] = field(default_factory=dict)
    trials: dict[Edit, Trial] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def run(self, most_kept: int) -> Pursued:
        """Go on until no step gains enough."""
        now: Trial | None = None
        while (found := self._added(now) or self._swapped(now)) is not None:
            now = self._mended(found)
            if now.effect >= self.limits.enough:
                break
        return Pursued(tuple(self.steps), self._best(most_kept), len(self.effects), len(self.trials))

    def _added(self, now: Trial | None) -> Trial | None:
        edit = now.edit if now else self.nothing
        if len(edit) >= self.limits.most_heads:
            return None
        candidates = self._likeliest() if edit else self.candidates
        return self._step("add", now, (_with(edit, c) for c in candidates if c[0] not in edit), edit)

    def _mended(self, now: Trial) -> Trial:
        """Other scales, and heads left out, as long as that helps."""
        while True:
            scales = (_with(now.edit, c) for c in self.candidates if now.edit.get(c[0], c[1]) != c[1])
            if (better := self._step("scale", now, scales, now.edit)) is not None:
                now = better
                continue
            without = [_without(now.edit, head) for head in now.edit] if len(now.edit) > 1 else []
            # What a head adds must be worth half of what it had to gain when it came, or it leaves.
            left = self._step("remove", now, without, now.edit, least=-self.limits.least_gain / 2)
            if left is None:
                return now
            now = left

    def _swapped(self, now: Trial | None) -> Trial | None:
        if now is None:
            return None
        others = [c for c in self._likeliest() if c[0] not in now.edit][: self.limits.n_swapped]
        return self._step("swap", now, (_with(_without(now.edit, h), c) for h in now.edit for c in others), now.edit)

    def _step(
        self, what: str, now: Trial | None, edits: Iterable[Edit], base: Edit, least: float | None = None
    ) -> Trial | None:
        """The best of some edits, if it gains enough."""
        before = len(self.effects)
        asked = (now.value(self.limits.weight) if now else 0.0) + (self.limits.least_gain if least is None else least)
        best = None
        least_cost = self.limits.weight * max(now.damage.loss, 0.0) if now and what == "add" else 0.0
        for trial in self._tried(list(dict.fromkeys(edits)), base, asked, least_cost):
            if best is None or trial.value(self.limits.weight) > best.value(self.limits.weight):
                best = trial
        if best is None or best.value(self.limits.weight) < asked:
            return None
        self.steps.append(Step(what, best, len(self.effects) - before))
        return best

    def _tried(self, edits: Sequence[Edit], base: Edit, best: float, cost: float) -> Iterator[Trial]:
        """Trials within the limits, the most promising first, as long as one could win."""
        measured = self.measured.upon(base) if any(edit not in self.effects for edit in edits) else self.measured
        for edit in edits:
            if edit not in self.effects:
                self.effects[edit] = measured.effect(edit)
        left = self.limits.n_damages if base else len(edits)
        for edit in sorted(edits, key=lambda e: self._broken_alone(e, base) - self.effects[e]):
            if self.effects[edit] < best + cost or (edit not in self.trials and left == 0):
                continue
            if edit not in self.trials:
                left -= 1
                self.trials[edit] = Trial(edit, self.effects[edit], measured.damage(edit))
            trial = self.trials[edit]
            if self.limits.allow(trial.damage):
                best = max(best, trial.value(self.limits.weight))
                yield trial

    def _likeliest(self) -> list[Candidate]:
        """Each head at the scale that promises most by itself, the most promising first.

        Damage is known at some scales; at another one it is taken to be as that of the nearest, in proportion to
        |scale - 1|.
        """
        promises: dict[Head, tuple[float, float]] = {}
        for head, scale in self.candidates:
            promise = self.effects[_with(self.nothing, (head, scale))] - self.limits.weight * self._expected(
                head, scale
            )
            promises[head] = max(promises.get(head, (-math.inf, scale)), (promise, scale), key=lambda p: p[0])
        return [(head, promises[head][1]) for head in sorted(promises, key=lambda head: -promises[head][0])]

    def _expected(self, head: Head, scale: float) -> float:
        """The loss by a head alone, as far as it can be told from what was measured of it."""
        known = {
            s: self.trials[edit].damage.loss
            for h, s in self.candidates
            if h == head and (edit := _with(self.nothing, (h, s))) in self.trials
        }
        if not known:
            return 0.0
        nearest = min(known, key=lambda s: abs(s - scale))
        return max(known[nearest], 0.0) * abs(scale - 1) / (abs(nearest - 1) or 1.0)

    def _broken_alone(self, edit: Edit, base: Edit) -> float:
        """The cost of what the heads that an edit has beyond its base break by themselves, as far as it is known."""
        new = (_with(self.nothing, (h, s)) for h, s in edit.items() if base.get(h) != s)
        known = (self.trials[one].damage.loss for one in new if one in self.trials)
        return self.limits.weight * sum(max(loss, 0.0) for loss in known)

    def _best(self, most: int) -> tuple[Trial, ...]:
        least, weight = self.limits.least_gain, self.limits.weight
        tried = (trial for trial in self.trials.values() if self.limits.allow(trial.damage))
        allowed = sorted((t for t in tried if t.value(weight) >= least), key=lambda t: -t.value(weight))
        sizes = {len(trial.edit) for trial in allowed}
        kept = {id(t) for n in sizes for t in [trial for trial in allowed if len(trial.edit) == n][:most]}
        return tuple(trial for trial in allowed if id(trial) in kept)


def _with(edit: Edit, candidate: Candidate) -> Edit:
    return Edit({**edit, candidate[0]: candidate[1]}, edit.scope)


def _without(edit: Edit, head: Head) -> Edit:
    return Edit({other: scale for other, scale in edit.items() if other != head}, edit.scope)
