"""An edit chosen by what it does: heads screened, an edit grown, the last few measured by what the model answers."""

from functools import cached_property, partial

from headpursuit.analysis import SavedEdit
from headpursuit.heads import count_of
from headpursuit.models import LanguageModel
from headpursuit.pursuit.causal import Limits
from headpursuit.studies.causal.growing import MOST_QUESTIONS, Growing
from headpursuit.studies.causal.screening import choosing_questions
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.judging import check_base
from headpursuit.studies.kernel import Parts, part
from headpursuit.studies.kernel.progress import silent
from headpursuit.studies.measures import AnswerMeasure
from headpursuit.studies.results import Arm, ArmSummary, Grown
from headpursuit.studies.steps.arms import BASE, ArmRunner, PlannedArm
from headpursuit.studies.steps.study_run import StudyRun
from headpursuit.studies.tasks import Task, drawn

_TIE = 0.02
"""Finalists that are closer than this tie; the smallest is taken."""


def check_choosing(task: Task, config: StudyConfig, model: LanguageModel | None = None) -> None:
    """Refuse what cannot be chosen by, before anything runs.

    Raises:
        ValueError: If there are too few questions, or too few for the damage allowed, or fewer heads than are tried.
    """
    _, grown_on = choosing_questions(task, MOST_QUESTIONS, config.seed)
    n_facts = len({q.fact for q in grown_on})
    if config.damage * n_facts < 1:
        raise ValueError(
            f"`damage` is {config.damage:g}, less than one of the {n_facts} unrelated facts that an edit is grown on; "
            "allow more, or ask more"
        )
    if model is not None and config.among:
        count_of(config.among, model.anatomy.n_heads)


def grow(run: StudyRun, measure: AnswerMeasure) -> Grown:
    """Grow edits by `choosing_questions`, measure the last few by answers to selection questions, and take one.

    Everything is kept in the study's folder as it finishes; `edit.json` is the edit that is taken.

    Raises:
        ValueError: If the unedited model leaves nothing to change, nothing can be followed, or no edit does anything
            within the limits.
    """
    judging = _Judging(run, measure)
    judging.check()
    among = run.rankings[0].top(run.config.among) if run.config.among else run.model.anatomy.heads
    growing = Growing(run.model, run.task, run.config, run.folder, run.progress)
    found = part(run.folder / "grown.json", Grown, partial(growing.grown, among))
    if not found.finalists:
        raise ValueError(
            f"no head of {len(among)} changes the target by {Limits.least_gain:.0%} more than it loses of everything "
            f"else, within the damage allowed ({run.config.damage:.0%}); allow more damage, or other heads or scales"
        )
    found = judging.judged(found)
    SavedEdit.of_edit(found.edit, run.rankings[0]).save(run.folder / "edit.json")
    return found


class _Judging:
    """Edits measured by answers to selection questions; each is kept in the study's folder as it finishes."""

    def __init__(self, run: StudyRun, measure: AnswerMeasure) -> None:
        self._run, self._measure = run, measure
        self._questions = drawn(run.task.selection, run.config.sweep_questions, run.config.seed)
        self._runner = ArmRunner(run.model, run.task, run.config, silent, self._questions)
        self._arms = Parts(run.folder / "finalists", Arm, run.progress, "finalists", 1)

    @cached_property
    def _base(self) -> Arm:
        return self._runner.kept(self._arms, *BASE)

    def check(self) -> None:
        """Stop where the unedited model leaves nothing to change.

        Raises:
            ValueError: If it does.
        """
        check_base(self._figures(self._base), self._measure)

    def judged(self, grown: Grown) -> Grown:
        """The finalists measured, and one chosen."""
        before, finalists = self._figures(self._base), []
        self._arms.total += len(grown.finalists)
        planned: list[PlannedArm] = [
            (f"finalist-{number}", "dose", one.edit) for number, one in enumerate(grown.finalists, start=1)
        ]
        for one, arm in zip(grown.finalists, self._runner.all_kept(self._arms, planned), strict=True):
            after = self._figures(self._base, arm)
            effect, damage = self._measure.effect(before, after), self._measure.damage(before, after)
            finalists.append(one.measured(after, effect, damage))
        n_facts = len({question.fact for question in self._questions if question.group == "target"})
        return grown.chosen_among(before, tuple(finalists), _TIE, n_facts)

    def _figures(self, *of: Arm) -> ArmSummary:
        return summarise(self._run.task, self._run.concept, of, self._run.config.seed, self._questions)[-1]
