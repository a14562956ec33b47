"""A study's held-out questions asked again for long answers, greedily and sampled."""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from headpursuit.models import Decoding
from headpursuit.studies.figures.long_answers import long_arms
from headpursuit.studies.results import Arm, LongAnswers
from headpursuit.studies.steps.asking import Asking, arms_asked
from headpursuit.studies.steps.study_run import StudyRun
from headpursuit.studies.tasks import Question, Task, drawn

QUESTIONS = 40
"""Held-out questions of each group that are answered at length, at most."""


def long_questions(task: Task, seed: int) -> tuple[Question, ...]:
    """The questions that are answered at length."""
    return drawn([question for question in task.heldout if not question.draw], QUESTIONS, seed)


def long_answers(
    run: StudyRun, arms: Sequence[Arm], directions: Float[Tensor, "n_layers d_model"]
) -> tuple[LongAnswers, ...]:
    """Answers that do not end before they have `long` tokens; kept in the study's folder under `long`.

    Samples are of the model as it is: temperature 1, the whole vocabulary.
    """
    n_tokens, seed = run.config.long, run.config.seed
    if not n_tokens:
        return ()
    questions = long_questions(run.task, seed)
    ways: dict[Literal["greedy", "sampled"], Decoding] = {
        "greedy": Decoding(n_tokens),
        "sampled": Decoding(n_tokens, 1.0, seed),
    }
    found = []
    for name, decoding in ways.items():
        prompts = [question.prompt for question in questions]
        asking = Asking(run, prompts, directions, f"long/{name}", max_new_tokens=n_tokens, decoding=decoding)
        asked = asking.answers(arms_asked(arms))
        found.append(LongAnswers(name, n_tokens, long_arms(run.task, run.concept, questions, asked, seed)))
    return tuple(found)
