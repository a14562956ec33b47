"""The identity of what a folder was begun with beside its settings: the model, and its questions."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from headpursuit.analysis import sha256_of_prompts
from headpursuit.concepts import Concept
from headpursuit.models import LanguageModel, unembedding
from headpursuit.records import to_record
from headpursuit.studies.kernel import check_identity
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.tasks import Task

_FILE = "model.json"

_WORDS = {"unembedding_sha256": "another model", "revision": "another revision", "dtype": "another dtype"}

_QUESTIONS = "other questions, images, neutral text, settings or concepts of the same name"


def check_asks(model: LanguageModel, task: Task | None = None) -> None:
    """Refuse an encoder-decoder, but where a study asks it to write what it hears or reads.

    Raises:
        ValueError: Naming it.
    """
    if model.has_encoder and not (task and task.restates):
        raise ValueError(
            f"{model.name or 'the model'} is an encoder-decoder, and this asks causal language models; of encoder-"
            "decoders there are `study transcription` and `study translation`, and capture, rank, rescale, answer and "
            "export take them"
        )


def check_model(model: LanguageModel, folder: Path, more: dict[str, tuple[str, str]] | None = None) -> None:
    """Refuse to go on with another model, or other things that are given with a hash and a word for the error.

    Raises:
        ValueError: If one differs.
    """
    more = more or {}
    identity = {"unembedding_sha256": unembedding(model).sha256, "revision": model.revision, "dtype": model.dtype}
    named = {name: word for name, (_, word) in more.items()}
    check_identity(folder / _FILE, identity | {name: value for name, (value, _) in more.items()}, _WORDS | named)


def check_asked(
    model: LanguageModel,
    task: Task,
    concepts: Sequence[Concept],
    folder: Path,
    settings: StudyConfig | None = None,
) -> None:
    """Refuse to go on with another model, or with other questions, images, text or words than the folder began with.

    Settings are compared where they are a task's own, and not those of the whole folder (`ResultKind.check`).

    Parts that are kept hold answers in the order of the questions. Of an image file, name, size and beginning are
    compared.

    Raises:
        ValueError: If one differs.
    """
    asked = [[q.answers, q.group, q.fact, q.split, q.label, q.image_name] for q in task.questions]
    prompts = sha256_of_prompts([q.prompt for q in task.questions])
    content = json.dumps(
        [asked, prompts, [concept.words for concept in concepts], [*map(str, task.neutral_texts)], to_record(settings)]
    )
    check_model(model, folder, {"questions_sha256": (sha256(content.encode()).hexdigest(), _QUESTIONS)})
