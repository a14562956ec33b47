"""The folder of a sensitivity study, which fills up part by part."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from headpursuit.analysis import Capture
from headpursuit.storage import MANIFEST, read_json, refuse_existing, understood, write_json
from headpursuit.studies.place import kept
from headpursuit.studies.sensitivity.config import SensitivityConfig
from headpursuit.studies.tasks import Question


def check_sensitivity_place(folder: Path, config: SensitivityConfig, *, resume: bool) -> None:
    """Check that the folder is free, or holds the beginning of the same sensitivity study.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or what is in it is finished.
        ValueError: If what is in it has other settings.
    """
    if not folder.exists():
        refuse_existing(folder)
        return
    if not resume:
        raise FileExistsError(
            f"{folder} exists already; choose another output, or continue an unfinished one with --resume"
        )
    if (folder / MANIFEST).exists():
        raise FileExistsError(f"{folder} is finished already; see {folder / 'report.html'}")
    if not (folder / "config.json").is_file():
        raise FileExistsError(f"{folder} exists and is no sensitivity study; choose another output")
    with understood(folder / "config.json", "sensitivity study's config"):
        begun = SensitivityConfig.from_json(read_json(folder / "config.json"))
    if begun != config:
        was, now = asdict(begun), asdict(config)
        changed = "; ".join(f"{name} was {was[name]!r}, is {now[name]!r}" for name in was if was[name] != now[name])
        raise ValueError(f"{folder} was begun with other settings ({changed}); give those, or choose another output")


def begin(folder: Path, config: SensitivityConfig) -> None:
    """Make the folder, with the config in it from the first moment."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        write_json(partial / "config.json", asdict(config))
        partial.chmod(0o755)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def check_same_inputs(
    folder: Path, capture: Capture, words: Sequence[str], synonyms: dict[str, Any], questions: Sequence[Question]
) -> None:
    """Refuse to go on with another capture, or other words or questions than the study was begun with.

    Raises:
        ValueError: If one differs.
    """
    totals = [moments.total.cpu().numpy().tobytes() for moments in capture.moments.values()]
    asked = [[q.text, q.answers, q.group, q.fact] for q in questions]
    inputs = {
        "capture": sha256(b"".join(totals)).hexdigest(),
        "words": sha256(json.dumps([*words, synonyms]).encode()).hexdigest(),
        "questions": sha256(json.dumps(asked).encode()).hexdigest(),
    }
    begun = kept(folder / "inputs.json", lambda: inputs)
    different = [name for name, value in inputs.items() if begun.get(name) != value]
    if different:
        raise ValueError(f"{folder} was begun with other {' and '.join(different)}; choose another output")
