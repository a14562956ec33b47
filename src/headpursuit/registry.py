"""All experiments by name: the one place to add to when there is another.

An experiment is a module of `headpursuit.studies.experiments` that has an `EXPERIMENT`. Of the same name are its page,
a module of `headpursuit.report.pages` with a `page`, and, if it has a command of its own, a module of `headpursuit.cli`
with a function. All are imported when they are asked for.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from headpursuit.storage import MANIFEST, read_json

NAMES = {
    "study": "answers",
    "captioning study": "captions",
    "sensitivity study": "sensitivity",
    "transfer": "transfer",
    "rankers": "rankers",
    "lm-eval run": "lm_eval",
    "agreement": "agreement",
    "screen": "screen",
    "stability card": "stability",
}
"""By what manifests call their folders."""


def experiment(name: str) -> Any:
    """The `Experiment` of a name."""
    return import_module(f"headpursuit.studies.experiments.{name}").EXPERIMENT


def kind_in(folder: Path) -> str:
    """The name that a folder's manifest gives it; empty where there is none that can be read."""
    manifest = folder / MANIFEST
    content = read_json(manifest) if manifest.is_file() else {}
    kind = content.get("kind") if isinstance(content, dict) else None
    return kind if isinstance(kind, str) else ""


def load_result(path: Path | str) -> Any:
    """Read what is in a finished folder of any experiment, with every checksum verified.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If it is unfinished, damaged, of a newer version, or something else.
    """
    # What is no experiment at all is refused as no study.
    return experiment(NAMES.get(kind_in(Path(path)), "answers")).kind.load(path)
