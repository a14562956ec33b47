"""The page of whatever a finished folder holds."""

from collections.abc import Callable, Mapping
from pathlib import Path

from headpursuit.analysis.atlases.atlas import KIND as ATLAS
from headpursuit.analysis.atlases.difference import KIND as ATLAS_DIFF
from headpursuit.report.atlas import render_atlas
from headpursuit.report.atlas_diff import render_atlas_diff
from headpursuit.report.harness import render_harness
from headpursuit.report.pages import render
from headpursuit.report.rankers import render_rankers
from headpursuit.report.sensitivity import render_sensitivity
from headpursuit.report.transfer import render_transfer
from headpursuit.storage import MANIFEST, read_json
from headpursuit.studies.experiments.lm_eval.result import KIND as HARNESS
from headpursuit.studies.experiments.rankers.result import KIND as RANKERS
from headpursuit.studies.experiments.sensitivity.result import KIND as SENSITIVITY
from headpursuit.studies.experiments.transfer.result import KIND as TRANSFER

_PAGES: Mapping[str, Callable[[Path], Path]] = {
    ATLAS: render_atlas,
    ATLAS_DIFF: render_atlas_diff,
    HARNESS.name: render_harness,
    RANKERS.name: render_rankers,
    SENSITIVITY.name: render_sensitivity,
    TRANSFER.name: render_transfer,
}
"""By what the manifest calls the folder; studies of answers and captions are the rest."""


def render_anything(folder: Path | str) -> Path:
    """Write the page of a finished study of any kind, or of an atlas, into its folder, over any that is there.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it is unfinished, damaged or something else.
    """
    manifest = Path(folder) / MANIFEST
    content = read_json(manifest) if manifest.is_file() else {}
    kind = content.get("kind", "") if isinstance(content, dict) else ""
    return _PAGES.get(kind, render)(Path(folder))
