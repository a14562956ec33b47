"""The folder of a study, which fills up part by part; a part that is there is not made again."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from headpursuit.models import LanguageModel, unembedding
from headpursuit.storage import MANIFEST, read_json, refuse_existing, understood, write_json
from headpursuit.studies.results import StudyConfig


def check_place(folder: Path, config: StudyConfig, *, resume: bool) -> None:
    """Check that a study can be written to a folder: that it is free, or holds the beginning of the same study.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or the study in it is finished.
        ValueError: If the study in it has another config.
    """
    if not folder.exists():
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
        raise ValueError(f"{folder} holds a study with other settings (config.json); choose another output")


def begin(folder: Path, config: StudyConfig) -> Path:
    """Make the study's folder, with its config in it from the first moment."""
    if not folder.exists():
        refuse_existing(folder)
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


def check_model(model: LanguageModel, folder: Path) -> None:
    """Refuse to go on with another model than the study began with."""
    identity = {"unembedding_sha256": unembedding(model).sha256, "revision": model.revision, "dtype": model.dtype}
    if kept(folder / "model.json", lambda: identity) != identity:
        raise ValueError(f"the study in {folder} was begun with another model, revision or dtype (model.json)")


def kept(file: Path, make: Callable[[], Any]) -> Any:
    """A part of the study: read back if it was finished before, else made and kept."""
    if not file.exists():
        write_json(file, make())
    return read_json(file)
