"""Content that is shared: a folder with its manifest, and the ranking, edit, atlas or comparison of atlases in it."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headpursuit.analysis import Atlas, AtlasDiff, Ranking, SavedEdit
from headpursuit.analysis.atlases.atlas import KIND as ATLAS
from headpursuit.analysis.atlases.difference import KIND as ATLAS_DIFF
from headpursuit.sharing.files import check_files
from headpursuit.storage import new_folder, read_json, read_manifest

RANKING = "ranking"
EDIT = "edit"

Subject = Ranking | SavedEdit | Atlas | AtlasDiff
"""The results that a card can say most about."""


@dataclass(frozen=True, eq=False)
class Content:
    """A folder that headpursuit wrote, verified and fit to be shared."""

    folder: Path
    manifest: dict[str, Any]
    subject: Subject | None
    """None in folders of another kind."""

    @property
    def kind(self) -> str:
        """The kind its manifest names: ranking, edit, capture, atlas, ..."""
        return str(self.manifest["kind"])

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that its manifest lists, which are all that is shared of them."""
        return tuple(self.manifest["files"])

    def fact(self, name: str) -> str:
        """The fact known of `model`, `revision`, `unembedding_sha256` or `concept`; empty if none is.

        A comparison of atlases is of two models, and so of none.
        """
        subject: Any = self.subject.identity if isinstance(self.subject, Atlas) else self.subject
        source = self.manifest if subject is None else vars(subject)
        return " ".join(str(source.get(name) or "").split())


def read_content(path: Path, scratch: Path) -> Content:
    """The content of a path that is to be shared.

    Args:
        path: A folder, or the JSON file of a ranking or edit, which is then put into a folder.
        scratch: Where that folder may be made.

    Raises:
        FileNotFoundError: If there is nothing, or a folder without a manifest.
        ValueError: If it is something else, was changed, or holds files that are not shared.
    """
    folder = path if path.is_dir() else _in_a_folder(path, scratch / "folder")
    manifest = read_manifest(folder)
    check_files({name: (folder / name).stat().st_size for name in manifest["files"]}, str(path))
    return Content(folder, manifest, subject_of(folder, manifest["kind"]))


def subject_of(folder: Path, kind: str) -> Subject | None:
    """The ranking, edit, atlas or comparison in a folder of that kind; None in others.

    Raises:
        FileNotFoundError: If its file is missing.
        ValueError: If that cannot be read.
    """
    if kind == RANKING:
        return Ranking.load(folder / "ranking.json")
    if kind == ATLAS:
        return Atlas.read(folder)
    if kind == ATLAS_DIFF:
        return AtlasDiff.read(folder)
    return SavedEdit.load(folder / "edit.json") if kind == EDIT else None


def _in_a_folder(path: Path, folder: Path) -> Path:
    content = read_json(path)
    is_ranking = isinstance(content, dict) and content.get("kind") == RANKING
    kind, subject = (RANKING, Ranking.load(path)) if is_ranking else (EDIT, SavedEdit.load(path))
    with new_folder(folder, kind, {"concept": subject.concept, "model": subject.model}) as partial:
        shutil.copyfile(path, partial / f"{kind}.json")
    return folder
