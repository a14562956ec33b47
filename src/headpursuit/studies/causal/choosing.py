"""An edit chosen by what it does: heads screened, an edit grown, the last few measured by what the model answers."""

from functools import partial

from headpursuit.analysis import SavedEdit
from headpursuit.heads import Edit, count_of
from headpursuit.models import LanguageModel
from headpursuit.pursuit.causal import Limits
from headpursuit.studies.causal.growing import MOST_QUESTIONS, Growing
from headpursuit.studies.causal.screening import choosing_questions
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.kernel import Parts, part
from headpursuit.studies.kernel.progress import silent
from headpursuit.studies.measures import Measure
from headpursuit.studies.results import Arm, ArmSummary, Grown
from headpursuit.studies.steps.arms import ArmRunner
from headpursuit.studies.steps.study_run import StudyRun
from headpursuit.studies.tasks import Task, drawn

_TIE = 0.02
"""Finalists that are closer than this tie; the smallest is taken."""


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
    growing = Growing(run.model, run.task, run.config, run.folder, run.progress)
    found = part(run.folder / "grown.json", Grown, partial(growing.grown, among))
    if not found.finalists:
        raise ValueError(
            f"no head of {len(among)} changes the target by {Limits.least_gain:.0%} more than it loses of everything "
            f"else, within the damage allowed ({run.config.damage:.0%}); allow more damage, or other heads or scales"
        )
    found = _judged(run, measure, found)
    SavedEdit.of_edit(found.edit, run.rankings[0]).save(run.folder / "edit.json")
    return found


def _judged(run: StudyRun, measure: Measure[ArmSummary], grown: Grown) -> Grown:
    """The finalists measured by answers to selection questions, and one chosen."""
    questions = drawn(run.task.selection, run.config.sweep_questions, run.config.seed)
    runner = ArmRunner(run.model, run.task, run.config, silent, questions)
    arms = Parts(run.folder / "finalists", Arm, run.progress, "finalists", 1 + len(grown.finalists))

    def figures(*of: Arm) -> ArmSummary:
        return summarise(run.task, run.concept, of, run.config.seed, questions)[-1]

    base = arms.part("base", partial(runner.run, "base", "base", Edit({})))
    before = figures(base)
    finalists = []
    for number, one in enumerate(grown.finalists, start=1):
        name = f"finalist-{number}"
        after = figures(base, arms.part(name, partial(runner.run, name, "dose", one.edit)))
        finalists.append(one.measured(after, measure.effect(before, after), measure.damage(before, after)))
    return grown.chosen_among(before, tuple(finalists), _TIE)
