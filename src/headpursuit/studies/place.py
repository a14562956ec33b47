"""The folder of a study, which fills up part by part; a part that is there is not made again."""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from headpursuit.analysis import sha256_of_prompts
from headpursuit.concepts import Concept
from headpursuit.models import LanguageModel, unembedding
from headpursuit.storage import MANIFEST, read_json, refuse_existing, understood, write_json
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.tasks import Task


def check_place(folder: Path, config: StudyConfig, *, resume: bool) -> None:
    """Check that a study can be written to a folder: that it is free, or holds the beginning of the same study.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or the study in it is finished.
        ValueError: If the study in it has another config.
    """
    if not folder.exists():
        refuse_existing(folder)
        return
    if not resume:
        raise FileExistsError(
            f"{folder} exists already; choose another output, or continue an unfinished study with --resume"
        )
    if (folder / MANIFEST).exists():
        raise FileExistsError(f"the study in {folder} is finished; see it with `headpursuit report {folder}`")
    if not (folder / "config.json").is_file():
        raise FileExistsError(f"{folder} exists and is no study; choose another output")
    with understood(folder / "config.json", "study's config"):
        begun = StudyConfig.from_json(read_json(folder / "config.json"))
    if begun != config:
        was, now = asdict(begun), asdict(config)
        changed = "; ".join(f"{name} was {was[name]!r}, is {now[name]!r}" for name in was if was[name] != now[name])
        raise ValueError(
            f"{folder} holds a study with other settings ({changed}); give those, or choose another output"
        )


def begin(folder: Path, config: StudyConfig) -> Path:
    """Make the study's folder, with its config in it from the first moment."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            write_json(partial / "config.json", asdict(config))
            partial.chmod(0o755)
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return folder


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
