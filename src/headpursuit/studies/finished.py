"""Read a finished study back, whichever kind its folder holds."""

from pathlib import Path

from headpursuit.storage import MANIFEST, read_json
from headpursuit.studies.captioning import CaptioningResult
from headpursuit.studies.captioning.result import KIND
from headpursuit.studies.results import StudyResult


def load_result(path: Path | str) -> StudyResult | CaptioningResult:
    """Read a finished study, with every checksum verified.

    Raises:
        FileNotFoundError: If there is no study at `path`.
        ValueError: If it is unfinished, damaged or something else.
    """
    manifest = Path(path) / MANIFEST
    content = read_json(manifest) if manifest.is_file() else {}
    of_captions = isinstance(content, dict) and content.get("kind") == KIND.name
    return CaptioningResult.load(path) if of_captions else StudyResult.load(path)
