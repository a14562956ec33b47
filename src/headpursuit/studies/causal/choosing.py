"""An edit chosen by what it does: heads screened, an edit grown, the last few measured by what the model answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from headpursuit.analysis import SavedEdit
from headpursuit.heads import Edit, Head, count_of, parse_scope
from headpursuit.models import LanguageModel, replay_refusal
from headpursuit.pursuit.causal import Limits, Pursued, Trial, causal_pursuit
from headpursuit.studies.causal.measuring import Probabilities, probabilities
from headpursuit.studies.causal.screening import choosing_questions
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.kernel import Parts, part
from headpursuit.studies.kernel.progress import silent
from headpursuit.studies.measures import Measure
from headpursuit.studies.results import Arm, ArmSummary, Finalist, Grown, Tried
from headpursuit.studies.steps.arms import ArmRunner
from headpursuit.studies.steps.study_run import StudyRun
from headpursuit.studies.tasks import Task, drawn

MOST_QUESTIONS = 80
"""Questions of each group that an edit is grown on, at most."""

_TRIED = 48
"""Heads whose damage is measured, those with the largest effects."""

_CANDIDATES = 24
"""Heads that an edit is grown from."""

_FINALISTS = 5
"""Edits that are measured by answers."""

_TIE = 0.02
"""Finalists that are closer than this tie; the smallest is taken."""


def most_heads(n_heads: int) -> int:
    """The most heads of an edit: two in a hundred, but at least three."""
    return max(3, n_heads * 2 // 100)


def check_choosing(task: Task, config: StudyConfig, model: LanguageModel | None = None) -> None:
    """Refuse what cannot be chosen by, before anything runs.

    Raises:
        ValueError: If there are too few questions, or fewer heads than are to be tried.
    """
    choosing_questions(task, MOST_QUESTIONS, config.seed)
    if model is not None and config.among:
        count_of(config.among, model.anatomy.n_heads)


def grow(run: StudyRun, measure: Measure[ArmSummary]) -> Grown:
    """Grow edits by `choosing_questions`, measure the last few by answers to selection questions, and take one.

    Everything is kept in the study's folder as it finishes; `edit.json` is the edit that is taken.

    Raises:
        ValueError: If nothing can be followed, or no edit within the limits does anything.
    """
    among = run.rankings[0].top(run.config.among) if run.config.among else run.model.anatomy.heads
    choosing = _Choosing(run, measure, among)
    found = part(run.folder / "grown.json", Grown, choosing.grown)
    if not found.finalists:
        raise ValueError(
            f"no head of {len(among)} changes the target by {Limits.least_gain:.0%} more than it loses of everything "
            f"else, within the damage allowed ({run.config.damage:.0%}); allow more damage, or other heads or scales"
        )
    found = choosing.judged(found)
    SavedEdit.of_edit(found.edit, run.rankings[0]).save(run.folder / "edit.json")
    return found


@dataclass(frozen=True)
class _Choosing:
    """Everything that choosing an edit needs."""

    run: StudyRun
    measure: Measure[ArmSummary]
    among: Sequence[Head]
    """The heads that may be edited."""

    def grown(self) -> Grown:
        """The pursuit, by margins."""
        self.run.progress("read questions", 0, 1)
        questions = choosing_questions(self.run.task, MOST_QUESTIONS, self.run.config.seed)
        measured = probabilities(self.run.model, self.run.task, *questions, self.run.config)
        self.run.progress("read questions", 1, 1)
        limits = Limits(
            loss=self.run.config.damage,
            enough=Limits.enough * measured.most,
            most_heads=most_heads(self.run.model.anatomy.n_heads),
        )
        tried = self._alone(measured, limits)
        alone = tried[:_CANDIDATES]
        candidates = [(head, scale) for trial in alone for head in trial.edit for scale in self.run.config.scales]
        self.run.progress("grow", 0, 1)
        scope = parse_scope(self.run.config.scope)
        pursued = Pursued((), (), 0, 0)
        if candidates:
            pursued = causal_pursuit(measured, candidates, limits, scope=scope, known=alone)
        self.run.progress("grow", 1, 1)
        return Grown(
            what=measured.followed[0].what,
            n_left_out=measured.followed[0].n_left_out,
            n_screened=len(self.among),
            n_effects=len(self.among) + pursued.n_effects - len(alone),
            n_damages=len(tried) + pursued.n_damages - len(alone),
            steps=tuple(Tried(step.what, *_told(step.trial)) for step in pursued.steps),
            finalists=tuple(Finalist(*_told(trial)) for trial in _last(pursued.best, limits)),
            plain=replay_refusal(self.run.model),
        )

    def _alone(self, measured: Probabilities, limits: Limits) -> list[Trial]:
        """Heads at one scale, of those with the largest effects; first those that do most beyond what they break."""
        scope, scales = parse_scope(self.run.config.scope), self.run.config.scales
        first = -1.0 if -1.0 in scales else scales[0]

        def alone(head: Head) -> Edit:
            return Edit({head: first}, scope)

        def effects_of(heads: Sequence[Head]) -> dict[str, float]:
            return {str(head): measured.effect(alone(head)) for head in heads}

        sites = [(site.name, [h for h in site.heads if h in self.among]) for site in self.run.model.anatomy.sites]
        wanted = [(name, heads) for name, heads in sites if heads]
        parts = Parts(self.run.folder / "screen", dict[str, float], self.run.progress, "screen", len(wanted))
        effects: dict[Head, float] = {}
        for name, heads in wanted:
            found = parts.part(name, partial(effects_of, heads))
            effects |= {Head.parse(head): effect for head, effect in found.items()}
        promising = sorted(effects, key=lambda head: -effects[head])[:_TRIED]
        tried: list[Trial] = []
        for number, head in enumerate(promising):
            self.run.progress("screen for damage", number, len(promising))
            if effects[head] > 0:
                tried.append(Trial(alone(head), effects[head], measured.damage(alone(head))))
        self.run.progress("screen for damage", len(promising), len(promising))
        return sorted(tried, key=lambda trial: -trial.value(limits.weight))

    def judged(self, grown: Grown) -> Grown:
        """The finalists measured by answers to selection questions, and one chosen."""
        questions = drawn(self.run.task.selection, self.run.config.sweep_questions, self.run.config.seed)
        runner = ArmRunner(self.run.model, self.run.task, self.run.config, silent, questions)
        arms = Parts(self.run.folder / "finalists", Arm, self.run.progress, "finalists", 1 + len(grown.finalists))

        def figures(*of: Arm) -> ArmSummary:
            return summarise(self.run.task, self.run.concept, of, self.run.config.seed, questions)[-1]

        base = arms.part("base", partial(runner.run, "base", "base", Edit({})))
        before = figures(base)
        finalists = []
        for number, one in enumerate(grown.finalists, start=1):
            name = f"finalist-{number}"
            after = figures(base, arms.part(name, partial(runner.run, name, "dose", one.edit)))
            finalists.append(
                one.measured(after, self.measure.effect(before, after), self.measure.damage(before, after))
            )
        return grown.chosen_among(before, tuple(finalists), _TIE)


def _told(trial: Trial) -> tuple[Edit, float, float, float]:
    return trial.edit, trial.effect, trial.damage.loss, trial.damage.strain


def _last(best: Sequence[Trial], limits: Limits) -> list[Trial]:
    """The best of each number of heads, then the next best of all."""
    firsts = [next(t for t in best if len(t.edit) == n) for n in sorted({len(t.edit) for t in best})]
    chosen = sorted(firsts, key=lambda t: -t.value(limits.weight))[:_FINALISTS]
    chosen += [t for t in best if t not in chosen][: _FINALISTS - len(chosen)]
    return sorted(chosen, key=lambda t: -t.value(limits.weight))
