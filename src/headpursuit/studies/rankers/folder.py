"""The folder of a comparison, which fills up part by part."""

from dataclasses import asdict
from pathlib import Path

from headpursuit.studies.filling import Wording, begin_folder, check_fillable
from headpursuit.studies.rankers.settings import RankersConfig

_WORDING = Wording(
    "comparison of rankers",
    "an unfinished comparison",
    "the comparison in {folder} is finished; choose another output",
)


def check_rankers_place(folder: Path, config: RankersConfig, *, resume: bool) -> None:
    """Check that a comparison can be written to a folder: that it is free, or holds the beginning of the same one.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or the comparison in it is finished.
        ValueError: If the comparison in it has another config.
    """
    check_fillable(folder, asdict(config), lambda kept: asdict(RankersConfig.from_json(kept)), _WORDING, resume=resume)


def begin(folder: Path, config: RankersConfig) -> None:
    """Make the folder, with the config in it from the first moment."""
    begin_folder(folder, asdict(config))
