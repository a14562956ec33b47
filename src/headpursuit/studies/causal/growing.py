"""An edit grown by what it does: heads screened one by one, then a causal pursuit from those that do most."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from headpursuit.heads import Edit, Head, parse_scope
from headpursuit.models import LanguageModel, replay_refusal
from headpursuit.pursuit.causal import Damage, Limits, Pursued, Trial, causal_pursuit
from headpursuit.studies.causal.measuring import Probabilities, probabilities
from headpursuit.studies.causal.screening import choosing_questions
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.kernel import Parts, lacking
from headpursuit.studies.kernel.progress import Progress
from headpursuit.studies.results import Finalist, Grown, Tried
from headpursuit.studies.tasks import Task

MOST_QUESTIONS = 80
"""Questions of each group that an edit is grown on, at most."""

TRIED = 40
"""Heads whose damage is measured, those with the largest effects."""

CANDIDATES = 20
"""Heads that an edit is grown from."""

FINALISTS = 5
"""Edits that are measured by answers."""


def most_heads(n_heads: int) -> int:
    """The most heads of an edit: two in a hundred, but at least three."""
    return max(3, n_heads * 2 // 100)


def most_tried(n_heads: int, n_scales: int) -> tuple[int, int]:
    """About the most effects and damages that growing an edit of so many heads measures, heads alone not counted."""
    starts = len(Limits.rooms)
    added = CANDIDATES + Limits.n_refined * (n_scales - 1)
    n_effects = CANDIDATES * n_scales + starts * n_heads * (added + Limits.n_swapped)
    return n_effects, TRIED + starts * 2 * n_heads * Limits.n_damages


@dataclass(frozen=True)
class Growing:
    """Everything that edits of a task are grown with; the effects of single heads are kept in the folder."""

    model: LanguageModel
    task: Task
    config: StudyConfig
    """The scales, scope and damage of edits, and how questions are put."""
    folder: Path
    progress: Progress
    n_questions: int = MOST_QUESTIONS
    """Questions of each group, at most."""

    @cached_property
    def measured(self) -> Probabilities:
        """The questions, read once.

        Raises:
            ValueError: If nothing can be followed, or there are too few questions.
        """
        self.progress("read questions", 0, 1)
        questions = choosing_questions(self.task, self.n_questions, self.config.seed)
        found = probabilities(self.model, self.task, *questions, self.config)
        self.progress("read questions", 1, 1)
        return found

    @property
    def limits(self) -> Limits:
        """The damage that an edit may do, and the most heads it may have."""
        most = most_heads(self.model.anatomy.n_heads)
        return Limits(loss=self.config.damage, enough=Limits.enough * self.measured.most, most_heads=most)

    def grown(self, among: Sequence[Head], known: Iterable[Tried] = ()) -> Grown:
        """The pursuit, by margins, and the edits that are worth measuring by answers.

        Args:
            among: Heads that may be edited.
            known: Heads alone that were measured before.

        Raises:
            ValueError: If nothing can be followed, or there are too few questions.
        """
        tried = self._tried(among, {each.edit: each for each in known})
        alone = tried[:CANDIDATES]
        scales = sorted(self.config.scales, key=lambda scale: scale != self._first_scale)
        candidates = [(head, scale) for trial in alone for head in trial.edit for scale in scales]
        self.progress("grow", 0, 1)
        scope = parse_scope(self.config.scope)
        pursued = Pursued((), (), 0, 0)
        if candidates:
            pursued = causal_pursuit(self.measured, candidates, self.limits, scope=scope, known=alone)
        self.progress("grow", 1, 1)
        return Grown(
            what=self.measured.followed[0].what,
            n_facts=len(set(self.measured.followed[0].facts)),
            n_left_out=self.measured.followed[0].n_left_out,
            n_screened=len(among),
            n_effects=len(among) + pursued.n_effects - len(alone),
            n_damages=len(tried) + pursued.n_damages - len(alone),
            steps=tuple(Tried(step.what, *_told(step.trial)) for step in pursued.steps),
            finalists=tuple(Finalist(*_told(trial)) for trial in _last(pursued.best, self.limits)),
            plain=replay_refusal(self.model),
            kept=self.measured.kept,
            alone=tuple(Tried("alone", *_told(trial)) for trial in tried),
        )

    def effects(self, among: Sequence[Head]) -> dict[Head, float]:
        """The effect of each of some heads, rescaled alone; attention by attention, each kept when it is finished."""
        sites = [(site.name, [h for h in site.heads if h in among]) for site in self.model.anatomy.sites]
        wanted = [(name, heads) for name, heads in sites if heads]
        parts = Parts(self.folder / "screen", dict[str, float], self.progress, "screen", len(wanted))
        found: dict[Head, float] = {}
        for name, heads in wanted:
            kept = parts.part(name, partial(self._effects_of, heads), partial(lacking, heads))
            found |= {head: kept[str(head)] for head in heads}
        return found

    def _effects_of(self, heads: Sequence[Head]) -> dict[str, float]:
        found = self.measured.effects_of([self._alone(head) for head in heads])
        return {str(head): effect for head, effect in zip(heads, found, strict=True)}

    @property
    def _first_scale(self) -> float:
        """The scale that heads are screened at."""
        return -1.0 if -1.0 in self.config.scales else self.config.scales[0]

    def _alone(self, head: Head) -> Edit:
        return Edit({head: self._first_scale}, parse_scope(self.config.scope))

    def _tried(self, among: Sequence[Head], known: dict[Edit, Tried]) -> list[Trial]:
        """Of heads alone those with the largest effects; first those that do most beyond what they break."""
        effects = self.effects(among)
        promising = sorted(effects, key=lambda head: -effects[head])[:TRIED]
        tried: list[Trial] = []
        for number, head in enumerate(promising):
            self.progress("screen for damage", number, len(promising))
            if effects[head] > 0:
                edit = self._alone(head)
                was = known.get(edit)
                damage = Damage(was.loss, was.strain) if was else self.measured.damage(edit)
                tried.append(Trial(edit, effects[head], damage))
        self.progress("screen for damage", len(promising), len(promising))
        return sorted(tried, key=lambda trial: -trial.value(self.limits.weight))


def _told(trial: Trial) -> tuple[Edit, float, float, float]:
    return trial.edit, trial.effect, trial.damage.loss, trial.damage.strain


def _last(best: Sequence[Trial], limits: Limits) -> list[Trial]:
    """The best of each number of heads, then the next best of all."""
    firsts = [next(t for t in best if len(t.edit) == n) for n in sorted({len(t.edit) for t in best})]
    chosen = sorted(firsts, key=lambda t: -t.value(limits.weight))[:FINALISTS]
    chosen += [t for t in best if t not in chosen][: FINALISTS - len(chosen)]
    return sorted(chosen, key=lambda t: -t.value(limits.weight))
