"""The lists' edits measured on questions: every different set of heads once."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from headpursuit.heads import Edit, Head
from headpursuit.models import LanguageModel
from headpursuit.studies.experiments.sensitivity.comparing import over_draws
from headpursuit.studies.experiments.sensitivity.config import SensitivityConfig
from headpursuit.studies.experiments.sensitivity.result import Draw, Effect, Measured
from headpursuit.studies.experiments.sensitivity.sentences import conclude_effects
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.judging import check_base, sentences
from headpursuit.studies.kernel import Parts
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.measures import AnswerMeasure, answer_measure
from headpursuit.studies.results import Arm, ArmSummary, StudyConfig
from headpursuit.studies.steps.arms import ArmRunner, PlannedArm
from headpursuit.studies.tasks import Question, Task, drawn
from headpursuit.studies.text.scoring import metric_of


def measure(
    model: LanguageModel,
    task: Task,
    config: SensitivityConfig,
    draws: Sequence[Draw],
    folder: Path,
    progress: Progress,
) -> tuple[Measured, dict[str, Effect]]:
    """Measure the edit of every list on held-out questions; also the effects by label.

    Every arm is kept in the folder as it finishes.

    Raises:
        ValueError: If the unedited model knows too few answers to lose any.
    """
    questions = questions_of(task, config)
    study = StudyConfig(
        task.name,
        config.model,
        max_new_tokens=config.max_new_tokens,
        batch_size=config.batch_size,
        seed=config.seed,
        **config.chat_settings,
    )
    runner = ArmRunner(model, task, study, silent, questions)
    edits = _edits(draws, config.scale)
    parts = Parts(folder / "arms", Arm, progress, "edits", 1 + len(edits))
    arms = [runner.kept(parts, "base", "base", Edit({}))]
    check_base(summarise(task, task.words, arms, config.seed, questions)[0], answer_measure(task, study))
    planned: list[PlannedArm] = [(name, "edit", edit) for name, edit in edits.values()]
    arms += runner.all_kept(parts, planned)
    base, *edited = summarise(task, task.words, arms, config.seed, questions)
    by_heads = dict(zip(edits, edited, strict=True))
    judged = AnswerMeasure(metric_of(task), task.direction)
    effects = {
        label: _effect(judged, base, [by_heads[frozenset(draw.heads)] for draw in group], config.seed)
        for label, group in groupby(draws, key=lambda draw: draw.label)
    }
    measured = Measured(
        task.name,
        task.direction,
        len(questions),
        base,
        tuple(edited),
        tuple(judged.effect(base, arm) for arm in edited),
        tuple(sentences.signs_of(judged.breaks(base, arm)) for arm in edited),
        conclude_effects(draws, effects, config.stable, task.direction),
    )
    return measured, effects


def questions_of(task: Task, config: SensitivityConfig) -> tuple[Question, ...]:
    """Held-out questions that every edit answers: so many of each group, drawn at random."""
    return drawn(task.heldout, config.questions, config.seed)


def _edits(draws: Sequence[Draw], scale: float) -> dict[frozenset[str], tuple[str, Edit]]:
    """Every different set of heads, with the name of its arm; the full list's first."""
    sets = dict.fromkeys(frozenset(draw.heads) for draw in draws)
    return {
        heads: (f"edit-{number}", Edit.uniform(map(Head.parse, heads), scale)) for number, heads in enumerate(sets, 1)
    }


def _effect(measure: AnswerMeasure, base: ArmSummary, arms: Sequence[ArmSummary], seed: int) -> Effect:
    changes = [arm.unrelated.score_change.value for arm in arms if arm.unrelated and arm.unrelated.score_change]
    return Effect(
        over_draws([measure.effect(base, arm) for arm in arms], seed, fraction=False),
        over_draws(changes, seed, fraction=False) if changes else None,
        sum(bool(measure.breaks(base, arm)) for arm in arms) / len(arms),
    )
