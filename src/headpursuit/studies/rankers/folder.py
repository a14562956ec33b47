"""The folder of a comparison, which fills up part by part."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from headpursuit.storage import MANIFEST, read_json, refuse_existing, understood, write_json
from headpursuit.studies.rankers.settings import RankersConfig


def check_rankers_place(folder: Path, config: RankersConfig, *, resume: bool) -> None:
    """Check that a comparison can be written to a folder: that it is free, or holds the beginning of the same one.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or the comparison in it is finished.
        ValueError: If the comparison in it has another config.
    """
    if not folder.exists():
        refuse_existing(folder)
        return
    if not resume:
        raise FileExistsError(
            f"{folder} exists already; choose another output, or continue an unfinished comparison with --resume"
        )
    if (folder / MANIFEST).exists():
        raise FileExistsError(f"the comparison in {folder} is finished; choose another output")
    if not (folder / "config.json").is_file():
        raise FileExistsError(f"{folder} exists and is no comparison of rankers; choose another output")
    with understood(folder / "config.json", "comparison's config"):
        begun = RankersConfig.from_json(read_json(folder / "config.json"))
    if begun != config:
        was, now = asdict(begun), asdict(config)
        changed = "; ".join(f"{name} was {was[name]!r}, is {now[name]!r}" for name in was if was[name] != now[name])
        raise ValueError(f"{folder} was begun with other settings ({changed}); give those, or choose another output")


def begin(folder: Path, config: RankersConfig) -> None:
    """Make the folder, with its config in it from the first moment."""
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
