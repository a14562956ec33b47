"""The folder of a sensitivity study, which fills up part by part."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from headpursuit.analysis import Capture
from headpursuit.studies.filling import Wording, begin_folder, check_fillable
from headpursuit.studies.place import kept
from headpursuit.studies.sensitivity.config import SensitivityConfig
from headpursuit.studies.tasks import Question

_WORDING = Wording("sensitivity study", "an unfinished one", "{folder} is finished already; see {folder}/report.html")


def check_sensitivity_place(folder: Path, config: SensitivityConfig, *, resume: bool) -> None:
    """Check that the folder is free, or holds the beginning of the same sensitivity study.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or what is in it is finished.
        ValueError: If what is in it has other settings.
    """
    check_fillable(
        folder, asdict(config), lambda kept: asdict(SensitivityConfig.from_json(kept)), _WORDING, resume=resume
    )


def begin(folder: Path, config: SensitivityConfig) -> None:
    """Make the folder, with the config in it from the first moment."""
    begin_folder(folder, asdict(config))


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
