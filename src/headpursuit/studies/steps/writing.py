"""Free text: how a study draws it, and how natural it is to those who read it."""

from collections.abc import Sequence
from functools import lru_cache

from headpursuit.models import Decoding, Draws, Framing, LanguageModel, Sampling, load, losses_behind
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.scoring import is_free

Losses = tuple[float | None, ...]
"""Of each answer the mean loss of its tokens behind its question, nats; None for one without a token, and for answers
that are compared with accepted ones."""


def decoding_of(task: Task, config: StudyConfig, questions: Sequence[Question]) -> Decoding | None:
    """The decoding of a study's answers to some questions; None where the likeliest tokens are always taken.

    The noise is that of seed, question and draw: whatever edits the model, and whoever else is asked.
    """
    if not config.temperature or not is_free(task):
        return None
    seeds = (f"{config.seed} {q.draw} {q.text}" if q.group == "target" else None for q in questions)
    return Decoding(draws=Draws(Sampling(config.temperature, config.top_p), tuple(seeds)))


def losses_of(
    reader: LanguageModel, task: Task, config: StudyConfig, questions: Sequence[Question], answers: Sequence[str]
) -> Losses:
    """The losses of free text under a model that is not edited now; none where answers are compared with others."""
    if not is_free(task):
        return ()
    asked = [i for i, question in enumerate(questions) if question.group == "target"]
    prompts, written = [questions[i].prompt for i in asked], [answers[i] for i in asked]
    read = losses_behind(reader, prompts, written, chat=config.frame)
    found = dict(zip(asked, read, strict=True))
    return tuple(found.get(i) for i in range(len(questions)))


def reader_of(config: StudyConfig) -> LanguageModel | None:
    """The second model that reads what was written; None where none is named.

    Raises:
        FileNotFoundError, ValueError: If it cannot be loaded, or has no chat template where questions are put into one.
    """
    if not config.reader:
        return None
    reader = _loaded(config.reader, config.device, config.dtype)
    Framing.of(reader, config.frame)
    return reader


@lru_cache(maxsize=1)
def _loaded(name: str, device: str, dtype: str) -> LanguageModel:
    return load(name, device=device, dtype=dtype)
