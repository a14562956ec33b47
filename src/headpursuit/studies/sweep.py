"""The dose sheet is measured: numbers of heads by scales, on selection questions alone."""

from collections.abc import Collection
from pathlib import Path

from headpursuit.analysis import Ranking
from headpursuit.concepts import Concept
from headpursuit.heads import Edit, parse_scope
from headpursuit.models import LanguageModel
from headpursuit.studies.arms import ArmRunner, matched_draw
from headpursuit.studies.base import asked_of, check_base
from headpursuit.studies.doses import (
    at_least,
    beside_random,
    by_preference,
    cell_of,
    explain_choice,
    fell_apart,
    head_counts,
)
from headpursuit.studies.kernel import Parts
from headpursuit.studies.progress import Progress, silent
from headpursuit.studies.results import Arm, ArmKind, ArmSummary, DoseCell, DoseSheet, StudyConfig, size_of
from headpursuit.studies.summaries import summarise
from headpursuit.studies.tasks import Question, Task, drawn

FOLDER = "sweep"


MOST_DRAWN = 3
"""Best cells that a draw of random heads is set beside."""


def sweep(
    model: LanguageModel,
    task: Task,
    concept: Concept,
    config: StudyConfig,
    ranking: Ranking,
    folder: Path,
    progress: Progress,
) -> DoseSheet:
    """Measure every dose on selection questions and choose one; each is kept in the study's folder as it finishes.

    Numbers of heads that no layer-matched draw could be set beside are left out. Where a dose leaves the model in
    pieces, those with as many heads or more and as hard a scale or harder are not measured.

    Raises:
        ValueError: If no dose can be controlled, or the unedited model leaves nothing to change.
    """
    runner = DoseRunner(model, task, concept, config, folder, progress)
    asked = asked_of(task, config)
    edits = {(len(edit), next(iter(edit.values()))): edit for edit in dose_edits(model, config, ranking)}
    runner.doses.total = 1 + len(edits) + min(MOST_DRAWN, len(edits))
    base = runner.arm("base", "base", Edit({}))
    (before,) = runner.summaries(base)
    check_base(before, asked)
    cells: dict[tuple[int, float], DoseCell] = {}
    apart: list[tuple[int, float]] = []
    for dose in _mild_first(edits):
        if any(at_least(dose, worse) for worse in apart):
            runner.doses.skip()
            continue
        arm = runner.summaries(base, runner.arm(dose_name(edits[dose]), "dose", edits[dose]))[1]
        cells[dose] = cell_of(before, arm, asked)
        if fell_apart(before, arm):
            apart.append(dose)
    beside: set[tuple[int, float]] = set()
    while waiting := [
        c for c in by_preference(before, tuple(cells.values()), asked)[:MOST_DRAWN] if c.dose not in beside
    ]:
        cell = waiting[0]  # where random heads do the same, others come first, and get a draw too
        beside.add(cell.dose)
        draw = matched_draw(edits[cell.dose], model.anatomy, config.seed)
        if draw is not None:
            runner.doses.total += len(beside) > MOST_DRAWN
            control = runner.arm(f"{dose_name(edits[cell.dose])}-matched", "matched", draw)
            cells[cell.dose] = beside_random(before, cell, runner.summaries(base, control)[1], asked)
    chosen = by_preference(before, tuple(cells.values()), asked)[0]
    return DoseSheet(
        before,
        tuple(cells[dose] for dose in edits if dose in cells),
        *chosen.dose,
        explain_choice(before, chosen, asked),
        tuple(dose for dose in edits if dose not in cells),
    )


def _mild_first(doses: Collection[tuple[int, float]]) -> list[tuple[int, float]]:
    """Few heads and mild scales first, so that what breaks the model is met as early as possible."""
    return sorted(doses, key=lambda dose: (size_of(*dose), dose[0]))


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
    edits = [ranking.edit(count, scale, scope) for count in counts for scale in config.dose_scales]
    controlled = [edit for edit in edits if matched_draw(edit, model.anatomy, config.seed) is not None]
    if not controlled:
        raise ValueError(
            f"no dose of {', '.join(map(str, counts))} heads leaves enough other heads in its layers to compare with; "
            "edit fewer heads with --doses"
        )
    return controlled


def doses_left_out(counts: Collection[int], config: StudyConfig, model: LanguageModel) -> str:
    """Which numbers of heads are not on a sheet that has `counts`, and why, in a sentence; empty if all are."""
    missing = [str(count) for count in head_counts(config, model.anatomy.n_heads) if count not in counts]
    if not missing:
        return ""
    return (
        f"Doses of {', '.join(missing)} heads were left out: they take so many of one layer that no random heads of it "
        "are left to compare with."
    )


def dose_name(edit: Edit) -> str:
    """What a dose is called: `3x-1`."""
    return f"{len(edit)}x{next(iter(edit.values())):g}"


class DoseRunner:
    """Runs arms on the selection questions, and keeps each as it finishes."""

    def __init__(
        self,
        model: LanguageModel,
        task: Task,
        concept: Concept,
        config: StudyConfig,
        folder: Path,
        progress: Progress,
    ) -> None:
        self._questions = sweep_questions(task, config)
        self._runner = ArmRunner(model, task, config, silent, self._questions)
        self._task, self._concept, self._seed = task, concept, config.seed
        self.doses = Parts(folder / FOLDER, Arm, progress, "dose sheet")

    def arm(self, name: str, kind: ArmKind, edit: Edit) -> Arm:
        """Run an arm, or read it back."""
        return self.doses.part(name, lambda: self._runner.run(name, kind, edit))

    def summaries(self, *arms: Arm) -> tuple[ArmSummary, ...]:
        """Figures of some arms, the base first."""
        return summarise(self._task, self._concept, arms, self._seed, self._questions)
