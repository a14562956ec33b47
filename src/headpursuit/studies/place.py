"""The folder of a study, which fills up part by part; a part that is there is not made again."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from headpursuit.analysis import sha256_of_prompts
from headpursuit.concepts import Concept
from headpursuit.models import LanguageModel, unembedding
from headpursuit.storage import read_json, write_json
from headpursuit.studies.filling import Wording, begin_folder, check_fillable
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.tasks import Task

_WORDING = Wording(
    "study",
    "an unfinished study",
    "the study in {folder} is finished; see it with `headpursuit report {folder}`",
    "{folder} holds a study",
)


def check_place(folder: Path, config: StudyConfig, *, resume: bool) -> None:
    """Check that a study can be written to a folder: that it is free, or holds the beginning of the same study.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or the study in it is finished.
        ValueError: If the study in it has another config.
    """
    check_fillable(folder, asdict(config), lambda kept: asdict(StudyConfig.from_json(kept)), _WORDING, resume=resume)


def begin(folder: Path, config: StudyConfig) -> Path:
    """Make the folder, with the config in it from the first moment."""
    return begin_folder(folder, asdict(config))


def check_same(
    model: LanguageModel,
    task: Task,
    concepts: Sequence[Concept],
    folder: Path,
    settings: StudyConfig | None = None,
) -> None:
    """Refuse to go on with another model, or with other questions, images, text or words than the study began with.

    Settings are compared where they are a task's own, and not those of the whole folder (`check_place`).

    Parts that are kept hold answers in the order of the questions. Of an image file, name, size and beginning are
    compared.
    """
    asked = [[q.answers, q.group, q.fact, q.split, q.label, q.image_name] for q in task.questions]
    prompts = sha256_of_prompts([q.prompt for q in task.questions])
    content = json.dumps(
        [asked, prompts, [concept.words for concept in concepts], task.neutral_texts, settings and asdict(settings)]
    )
    identity = {
        "unembedding_sha256": unembedding(model).sha256,
        "revision": model.revision,
        "dtype": model.dtype,
        "questions_sha256": sha256(content.encode()).hexdigest(),
    }
    begun = kept(folder / "model.json", lambda: identity)
    if begun | {"questions_sha256": ""} != identity | {"questions_sha256": ""}:
        raise ValueError(f"the study in {folder} was begun with another model, revision or dtype (model.json)")
    if begun != identity:
        raise ValueError(
            f"the study in {folder} was begun with other questions, images, neutral text, settings or concepts of the "
            "same name; choose another output"
        )


def kept(file: Path, make: Callable[[], Any]) -> Any:
    """A part of the study: read back if it was finished before, else made and kept."""
    if not file.exists():
        write_json(file, make())
    return read_json(file)
