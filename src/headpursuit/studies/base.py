"""What the unedited model must be able to do for a study to say anything."""

from headpursuit.studies.effect import Asked, Thresholds
from headpursuit.studies.results import ArmSummary, StudyConfig
from headpursuit.studies.scoring import metric_of
from headpursuit.studies.tasks import Task


def asked_of(task: Task, config: StudyConfig) -> Asked:
    """What a study's verdict speaks about."""
    lines = Thresholds(asked_effect=config.effect, unrelated_loss=config.damage)
    return Asked(metric_of(task), task.direction, lines)


def check_base(base: ArmSummary, asked: Asked) -> None:
    """Stop where the unedited model leaves nothing to change.

    Raises:
        ValueError: If it does; what was measured is kept.
    """
    score, n = base.target.score.value, base.target.n_questions
    least = asked.thresholds.weakest_base if asked.direction == "suppress" else 0.0
    if score > least or (score == least and least > 0):
        return
    nothing = "suppress" if asked.direction == "suppress" else "enhance, as a rise is measured relative to the base"
    if asked.metric.fraction and asked.metric.needs_answers:
        raise ValueError(f"base answers {round(score * n)} of {n}: nothing to {nothing}; ask what the model knows")
    raise ValueError(
        f"base scores {score:.2f} on {n} prompts ({asked.metric.counted}): nothing to {nothing}; choose prompts that "
        "lead the model to the concept"
    )
