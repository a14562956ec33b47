"""Causal pursuit: matching pursuit in the space of edits.

Matching pursuit adds, step by step, the atom that explains most of what is left. Causal pursuit adds the head and scale
whose edit *does* most, given the edit so far:

1. *Start.* Every candidate (head, scale) is tried by itself. Its value is E(S) - w U(S): the effect on the target minus
   the damage to everything else, which must stay within its limits. The best is the first start; the best other head
   within half of the limits the second; the best other head within a quarter the third. A head that uses up all the
   damage that is allowed leaves no room for others, however much it does by itself.
2. *Add.* On top of the edit S each head is tried at one scale, the first that is given of it; of the heads with the
   largest effects then all scales. The best trial becomes S if it gains enough.
3. *Mend.* Each head of S is tried at its other scales, and left out; a head that no longer helps leaves.
4. *Swap.* Where no addition gains enough, each head of S is tried for each other head. If a swap gains enough, on
   with 2; else this start ends. Once an edit does enough, no other start is tried.

Only effects are measured of all trials. Damage, which costs more, is measured of those that could win if they did no
more damage than S does; the most promising first, and after the first step of so many at most. What a head breaks by
itself, where it is known, counts against its promise.

Source: the step-wise choice of matching pursuit (Mallat and Zhang 1993) with removals (as in forward-backward greedy
selection, Zhang 2011) from several starts, as in a beam search; effects of edits in place of inner products.
"""

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

    def effects_of(self, edits: Sequence[Edit]) -> list[float]:
        """The effect of each edit; several processes may share them."""
        return [self.effect(edit) for edit in edits]

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
    rooms: tuple[float, ...] = (1.0, 0.5, 0.25)
    """Of each start the fraction of the damage that it may do."""
    n_refined: int = 5
    """Heads that an addition tries at every scale: those that did most at their first."""
    n_swapped: int = 6
    """Heads that are tried in a swap: those that did most by themselves."""

    n_damages: int = 6
    """Trials of a step, after the first, whose damage is measured at most."""

    def __post_init__(self) -> None:
        if not 0 < self.loss < 1 or self.strain <= 0 or self.least_gain <= 0 or self.most_heads < 1:
            raise ValueError(
                f"limits are a loss between 0 and 1 ({self.loss}), a strain and a least gain above 0 ({self.strain}, "
                f"{self.least_gain}) and at least one head ({self.most_heads})"
            )

    def allow(self, damage: Damage, room: float = 1.0) -> bool:
        """True if damage is within a fraction of them."""
        return damage.loss <= self.loss * room and damage.strain <= self.strain * room


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
    """Those from the start that led to the best edit; none where no edit within the limits does enough."""
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
        candidates: Heads and scales, the most promising first; of each head first the scale that additions try.
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

    def run(self, most_kept: int) -> Pursued:
        """Go on from each start until no step gains enough, or an edit does enough."""
        paths: list[list[Step]] = []
        for start in self._starts():
            paths.append(self._path(start))
            if self._last(paths[-1]).effect >= self.limits.enough:
                break
        best = max(paths, key=lambda path: self._last(path).value(self.limits.weight), default=[])
        return Pursued(tuple(best), self._best(most_kept), len(self.effects), len(self.trials))

    def _starts(self) -> Iterator[Step]:
        """Heads by themselves that leave more and more room for others."""
        taken = set[Head]()
        for room in self.limits.rooms:
            alone = [_with(self.nothing, c) for c in self.candidates if c[0] not in taken]
            if (start := self._step("add", None, alone, room=room)) is not None:
                taken |= set(start.trial.edit)
                yield start

    def _path(self, start: Step) -> list[Step]:
        """The steps from a start."""
        steps = [start, *self._mended(start.trial)]
        while self._last(steps).effect < self.limits.enough:
            now = self._last(steps)
            if (found := self._added(now) or self._swapped(now)) is None:
                break
            steps += [found, *self._mended(found.trial)]
        return steps

    @staticmethod
    def _last(steps: Sequence[Step]) -> Trial:
        return steps[-1].trial

    def _added(self, now: Trial) -> Step | None:
        if len(now.edit) >= self.limits.most_heads:
            return None
        others = [c for c in self.candidates if c[0] not in now.edit]
        firsts = [_with(now.edit, c) for c in _firsts(others)]
        before = len(self.effects)
        self._measure(firsts, now.edit)
        most = sorted(firsts, key=lambda edit: -self.effects[edit])[: self.limits.n_refined]
        refined = {head for edit in most for head in edit if head not in now.edit}
        every = [_with(now.edit, c) for c in others if c[0] in refined]
        return self._step("add", now, [*firsts, *every], before=before)

    def _mended(self, now: Trial) -> list[Step]:
        """Other scales, and heads left out, as long as that helps."""
        steps: list[Step] = []
        while True:
            scales = [_with(now.edit, c) for c in self.candidates if now.edit.get(c[0], c[1]) != c[1]]
            without = [_without(now.edit, head) for head in now.edit] if len(now.edit) > 1 else []
            # What a head adds must be worth half of what it had to gain when it came, or it leaves.
            better = self._step("scale", now, scales) or self._step(
                "remove", now, without, least=-self.limits.least_gain / 2
            )
            if better is None:
                return steps
            steps.append(better)
            now = better.trial

    def _swapped(self, now: Trial) -> Step | None:
        alone = sorted(_firsts(self.candidates), key=lambda c: -self.effects[_with(self.nothing, c)])
        others = [c for c in alone if c[0] not in now.edit][: self.limits.n_swapped]
        return self._step("swap", now, [_with(_without(now.edit, h), c) for h in now.edit for c in others])

    def _step(
        self,
        what: str,
        now: Trial | None,
        edits: Sequence[Edit],
        *,
        least: float | None = None,
        room: float = 1.0,
        before: int | None = None,
    ) -> Step | None:
        """The best of some edits, if it gains enough."""
        weight, before = self.limits.weight, len(self.effects) if before is None else before
        asked = (now.value(weight) if now else 0.0) + (self.limits.least_gain if least is None else least)
        cost = weight * max(now.damage.loss, 0.0) if now and what == "add" else 0.0
        base = now.edit if now else self.nothing
        tried = list(self._tried(list(dict.fromkeys(edits)), base, asked, cost, room))
        best = max(tried, key=lambda trial: trial.value(weight), default=None)
        if best is None or best.value(weight) < asked:
            return None
        return Step(what, best, len(self.effects) - before)

    def _measure(self, edits: Sequence[Edit], base: Edit) -> Measured:
        """Measure the effects of those edits that are not known yet."""
        new = [edit for edit in dict.fromkeys(edits) if edit not in self.effects]
        measured = self.measured.upon(base) if new else self.measured
        self.effects |= zip(new, measured.effects_of(new), strict=True)
        return measured

    def _tried(self, edits: Sequence[Edit], base: Edit, best: float, cost: float, room: float) -> Iterator[Trial]:
        """Trials within the limits, the most promising first, as long as one could win."""
        measured = self._measure(edits, base)
        left = self.limits.n_damages if base else len(edits)
        for edit in sorted(edits, key=lambda e: self._broken_alone(e, base) - self.effects[e]):
            if self.effects[edit] < best + cost or (edit not in self.trials and left == 0):
                continue
            if edit not in self.trials:
                left -= 1
                self.trials[edit] = Trial(edit, self.effects[edit], measured.damage(edit))
            trial = self.trials[edit]
            if self.limits.allow(trial.damage, room):
                best = max(best, trial.value(self.limits.weight))
                yield trial

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


def _firsts(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Of each head the scale that is given first."""
    found = dict[Head, float]()
    for head, scale in candidates:
        found.setdefault(head, scale)
    return list(found.items())


def _with(edit: Edit, candidate: Candidate) -> Edit:
    return Edit({**edit, candidate[0]: candidate[1]}, edit.scope)


def _without(edit: Edit, head: Head) -> Edit:
    return Edit({other: scale for other, scale in edit.items() if other != head}, edit.scope)
