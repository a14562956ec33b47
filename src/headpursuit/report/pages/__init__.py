"""The pages of all kinds of results: of each a module with a `page`, and a template beside it."""

from importlib import import_module
from pathlib import Path

from headpursuit.analysis.atlases.atlas import KIND as ATLAS
from headpursuit.analysis.atlases.difference import KIND as ATLAS_DIFF
from headpursuit.registry import NAMES, kind_in

PAGES = {**NAMES, ATLAS: "atlas", ATLAS_DIFF: "atlas_diff"}
"""The module of each page, by what the manifest calls the folder; those of experiments have the experiments' names."""


def render(folder: Path | str) -> Path:
    """Write the page of a finished study of any kind, or of an atlas, into its folder, over any that is there.

    Args:
        folder: Nothing else is read, and no model is loaded.

    Returns:
        The path of the page, `report.html`, `atlas.html` or `diff.html`. Pictures of it are in `figures/` beside it, as
        .png and .svg.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it is unfinished, damaged or something else.
    """
    place = Path(folder)
    # What is no result at all is refused as no study.
    module = import_module(f"{__name__}.{PAGES.get(kind_in(place), 'answers')}")
    path: Path = module.page(place).write(place)
    return path
