"""The dose sheet is measured: numbers of heads by scales, on selection questions alone."""

from collections.abc import Callable, Collection, Iterator

from headpursuit.analysis import Ranking
from headpursuit.heads import Edit, parse_scope
from headpursuit.models import LanguageModel
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.judging import check_base, sentences
from headpursuit.studies.judging.doses import (
    at_least,
    beside_random,
    by_preference,
    cell_of,
    fell_apart,
    head_counts,
)
from headpursuit.studies.kernel import Parts
from headpursuit.studies.kernel.progress import silent
from headpursuit.studies.measures import Measure, answer_measure
from headpursuit.studies.results import (
    AnswerSheet,
    Arm,
    ArmKind,
    ArmSummary,
    DoseCell,
    DoseSheet,
    Figures,
    StudyConfig,
    size_of,
)
from headpursuit.studies.steps.arms import ArmRunner, PlannedArm, matched_draw
from headpursuit.studies.steps.study_run import StudyRun
from headpursuit.studies.tasks import Question, Task, drawn

FOLDER = "sweep"


MOST_DRAWN = 3
"""Best cells that a draw of random heads is set beside."""


def sweep(run: StudyRun) -> AnswerSheet:
    """Measure every dose on selection questions and choose one; each is kept in the study's folder as it finishes.

    Raises:
        ValueError: If no dose can be controlled, or the unedited model leaves nothing to change.
    """
    edits = dose_edits(run.model, run.config, run.rankings[0])
    runner = DoseRunner(run, n_doses=[len(edits)])
    measure, questions = answer_measure(run.task, run.config), sweep_questions(run.task, run.config)

    def figures(*arms: Arm) -> ArmSummary:
        """Of the last arm, the base first."""
        return summarise(run.task, run.concept, arms, run.config.seed, questions)[-1]

    check_base(figures(runner.base), measure)
    return runner.sheet(measure, figures, edits)


def _mild_first(doses: Collection[tuple[int, float]]) -> list[tuple[int, float]]:
    """Few heads and mild scales first, so that what breaks the model is met as early as possible."""
    return sorted(doses, key=lambda dose: (size_of(*dose), dose[0]))


def waves(doses: Collection[tuple[int, float]]) -> Iterator[list[tuple[int, float]]]:
    """Doses that are measured together, mild ones first.

    None has as many heads and as hard a scale as another of its wave or of a later one, whose falling apart would spare
    it.
    """
    waiting = _mild_first(doses)
    while waiting:
        wave = [dose for dose in waiting if not any(at_least(dose, other) for other in waiting if other != dose)]
        yield wave
        waiting = [dose for dose in waiting if dose not in wave]


def sweep_questions(task: Task, config: StudyConfig) -> tuple[Question, ...]:
    """Selection questions that every dose answers: so many of each group, drawn at random."""
    return drawn(task.selection, config.sweep_questions, config.seed)


def dose_edits(model: LanguageModel, config: StudyConfig, ranking: Ranking) -> list[Edit]:
    """Every dose of a config as an edit, few heads first, without those that no layer-matched draw fits beside.

    Raises:
        ValueError: If none is left.
    """
    scope = parse_scope(config.scope)
    counts = head_counts(config, model.anatomy.n_heads)
    edits = [ranking.edit(count, scale, scope) for count in counts for scale in config.scales]
    controlled = [edit for edit in edits if matched_draw(edit, model.anatomy, config.seed) is not None]
    if not controlled:
        raise ValueError(
            f"no dose of {', '.join(map(str, counts))} heads leaves enough other heads in its layers to compare with; "
            "edit fewer heads with `doses`"
        )
    return controlled


def doses_left_out(counts: Collection[int], config: StudyConfig, model: LanguageModel) -> str:
    """The numbers of heads that are not on a sheet that has `counts`, and why, in a sentence; empty if all are."""
    return sentences.left_out([n for n in head_counts(config, model.anatomy.n_heads) if n not in counts])


def dose_name(edit: Edit) -> str:
    """A dose's name: `3x-1`."""
    return f"{len(edit)}x{next(iter(edit.values())):g}"


class DoseRunner:
    """Measures doses on the selection questions, for one sheet or several; each arm is kept as it finishes.

    Numbers of heads that no layer-matched draw could be set beside are left out. Where a dose leaves the model in
    pieces, those with as many heads or more and as hard a scale or harder are not measured.
    """

    def __init__(self, run: StudyRun, n_doses: Collection[int]) -> None:
        self._model, self._seed = run.model, run.config.seed
        self._runner = ArmRunner(run.model, run.task, run.config, silent, sweep_questions(run.task, run.config))
        total = 1 + sum(count + min(MOST_DRAWN, count) for count in n_doses)
        self._parts = Parts(run.folder / FOLDER, Arm, run.progress, "dose sheet", total)
        self.base = self._arm("base", "base", Edit({}))
        """The unedited model."""

    def sheet(
        self, measure: Measure[Figures], figures: Callable[..., Figures], edits: Collection[Edit]
    ) -> DoseSheet[Figures]:
        """Measure every dose and choose one, which stands beside random heads.

        Args:
            measure: How the figures are read.
            figures: Figures of an arm, given the base and that arm; or of the base alone.
            edits: The doses.
        """
        by_dose = {(len(edit), next(iter(edit.values()))): edit for edit in edits}
        before = figures(self.base)
        cells: dict[tuple[int, float], DoseCell[Figures]] = {}
        apart: list[tuple[int, float]] = []
        for wave in waves(by_dose):
            whole = [dose for dose in wave if not any(at_least(dose, worse) for worse in apart)]
            for _ in range(len(wave) - len(whole)):
                self._parts.skip()
            planned: list[PlannedArm] = [(dose_name(by_dose[dose]), "dose", by_dose[dose]) for dose in whole]
            for dose, measured in zip(whole, self._runner.all_kept(self._parts, planned), strict=True):
                arm = figures(self.base, measured)
                cells[dose] = cell_of(measure, before, arm)
                if fell_apart(measure, before, arm):
                    apart.append(dose)
        cells = {dose: cells[dose] for dose in _mild_first(cells)}
        beside: set[tuple[int, float]] = set()
        while waiting := [
            c for c in by_preference(measure, before, tuple(cells.values()))[:MOST_DRAWN] if c.dose not in beside
        ]:
            cell = waiting[0]  # where random heads do the same, others come first, and get a draw too
            beside.add(cell.dose)
            draw = matched_draw(by_dose[cell.dose], self._model.anatomy, self._seed)
            if draw is not None:
                self._parts.total += len(beside) > MOST_DRAWN
                control = self._arm(f"{dose_name(by_dose[cell.dose])}-matched", "matched", draw)
                cells[cell.dose] = beside_random(measure, before, cell, figures(self.base, control))
        chosen = by_preference(measure, before, tuple(cells.values()))[0]
        return DoseSheet(
            before,
            tuple(cells[dose] for dose in by_dose if dose in cells),
            *chosen.dose,
            sentences.choice(measure, before, chosen),
            tuple(dose for dose in by_dose if dose not in cells),
        )

    def _arm(self, name: str, kind: ArmKind, edit: Edit) -> Arm:
        """Run an arm, or read it back."""
        return self._runner.kept(self._parts, name, kind, edit)
