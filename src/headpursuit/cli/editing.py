"""edit, and how other commands take an edit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import one_line_errors, say
from headpursuit.storage import MANIFEST, read_manifest

if TYPE_CHECKING:
    from headpursuit.analysis import Ranking, SavedEdit

_HEADS = "1%"
_SCALE = -1.0


@one_line_errors
def edit(
    ranking: Annotated[Path, typer.Argument(metavar="RANKING", help="ranking.json, or the folder written by `rank`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    heads: options.HeadsOption = _HEADS,
    scale: options.ScaleOption = _SCALE,
    scope: options.ScopeOption = "all",
) -> None:
    """Write the best heads of a ranking and their scale to a file that other commands take."""
    from headpursuit.analysis import SavedEdit
    from headpursuit.heads import parse_scope
    from headpursuit.storage import refuse_existing

    refuse_existing(output)
    saved = SavedEdit.of(
        read_ranking(ranking),
        _HEADS if heads is None else heads,
        _SCALE if scale is None else scale,
        parse_scope(scope),
    )
    saved.save(output)
    names, scales = " ".join(map(str, saved.edit)), next(iter(saved.edit.values()))
    say(f"{names} at scale {scales:g}, positions: {saved.edit.scope}: {output}")


def edit_from(
    edit: Path | None, ranking: Path | None, heads: str | None = None, scale: float | None = None
) -> "SavedEdit":
    """The edit that a command's options name; whether it fits the model is asked with `check`.

    Args:
        edit: What stands behind --edit.
        ranking: What stands behind --ranking, instead.
        heads: How many heads of the ranking; 1% if None.
        scale: Their scale; -1 if None.

    Raises:
        ValueError: If both are given or neither, or heads or a scale beside an edit.
        FileNotFoundError: If the file is missing.
    """
    from headpursuit.analysis import SavedEdit

    if (edit is None) == (ranking is None):
        raise ValueError("say which heads: give either --ranking or --edit")
    if edit is not None:
        if heads is not None or scale is not None:
            raise ValueError("an edit file holds its heads and scales; --heads and --scale go with --ranking only")
        return SavedEdit.load(_file_in(edit, "edit.json"))
    assert ranking is not None
    return SavedEdit.of(read_ranking(ranking), _HEADS if heads is None else heads, _SCALE if scale is None else scale)


def read_ranking(path: Path) -> "Ranking":
    """A ranking, as a file or in the folder that `rank` writes."""
    from headpursuit.analysis import Ranking

    return Ranking.load(_file_in(path, "ranking.json"))


def _file_in(path: Path, name: str) -> Path:
    """A file, or the one of this name in a folder, which is whole and of this version where it has a manifest."""
    if not path.is_dir():
        return path
    if (path / MANIFEST).is_file():
        read_manifest(path, holds=(name,))
    return path / name
