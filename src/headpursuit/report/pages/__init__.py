"""The pages of all kinds of results: of each a module with a `page`, and a template beside it."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from headpursuit.analysis.atlases.atlas import KIND as ATLAS
from headpursuit.analysis.atlases.difference import KIND as ATLAS_DIFF
from headpursuit.registry import NAMES, kind_in
from headpursuit.report.page import Page
from headpursuit.report.pages import answers, captions
from headpursuit.studies import CaptioningResult, StudyResult

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


def render_tabs(folder: Path | str, title: str, results: Mapping[str, Path]) -> Path:
    """Render the pages of some finished folders, and put them into one page, a tab for each.

    Args:
        folder: Where it is written, as `report.html`.
        title: Of the page.
        results: Folders that `render` takes, by the name of their tab; the first is shown first.

    Returns:
        The path of the page. Each folder's own page is written into it too.

    Raises:
        FileNotFoundError, ValueError: As `render`.
    """
    pages = {name: render(result).read_text(encoding="utf-8") for name, result in results.items()}
    return Page("tabs.html.j2", title, {"pages": pages}).write(Path(folder))


def draw_arms(result: StudyResult | CaptioningResult) -> Any:
    """Draw the score of every arm with its interval; in a study of captions, the fraction that names the concept.

    Args:
        result: A finished study.

    Returns:
        A figure of matplotlib, which a notebook shows.
    """
    return captions.draw_arms(result) if isinstance(result, CaptioningResult) else answers.draw_arms(result)
