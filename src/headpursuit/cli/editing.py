"""edit write and edit show, and how other commands take an edit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import one_line_errors, print_table, say
from headpursuit.cli.groups import meaning
from headpursuit.cli.opening import open_model
from headpursuit.storage import MANIFEST, read_manifest

if TYPE_CHECKING:
    from headpursuit.analysis import Ranking, SavedEdit

_HEADS = "1%"
_SCALE = -1.0


app = typer.Typer(
    cls=meaning("write"),
    help="Write the best heads of a ranking, or another tool's list, to a file that other commands take (`edit RANKING "
    "-o e.json`, the same as `edit write`), or show an edit, also as code for other tools (`edit show e.json`).",
    no_args_is_help=True,
)


@app.command("write")
@one_line_errors
def write(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    ranking: Annotated[
        Path | None, typer.Argument(metavar="[RANKING]", help="ranking.json, or the folder written by `rank`.")
    ] = None,
    heads_from: Annotated[
        Path | None,
        typer.Option(
            help="Instead of a ranking: heads of another tool. Text (12.3, one a line or with commas), JSON "
            '([[12, 3]], or scores: {"12.3": 0.8}), or a numpy array (n_heads, 2).',
            show_default=False,
        ),
    ] = None,
    heads: options.HeadsOption = None,
    scale: options.ScaleOption = _SCALE,
    scope: options.ScopeOption = "all",
) -> None:
    """Write the best heads of a ranking (1% if not said), or of a list, and their scale to a file."""
    from headpursuit.analysis import SavedEdit
    from headpursuit.heads import parse_scope
    from headpursuit.storage import refuse_existing

    if (ranking is None) == (heads_from is None):
        raise ValueError("say which heads: give either a RANKING or --heads-from")
    refuse_existing(output)
    scale, where = _SCALE if scale is None else scale, parse_scope(scope)
    if ranking is None:
        assert heads_from is not None
        saved = SavedEdit.of_heads(heads_from, heads, scale, where)
    else:
        saved = SavedEdit.of(read_ranking(ranking), _HEADS if heads is None else heads, scale, where)
    saved.save(output)
    say(f"{' '.join(map(str, saved.edit))} at scale {scale:g}, positions: {saved.edit.scope}: {output}")


@app.command("show")
@one_line_errors
def show(
    edit: Annotated[Path, typer.Argument(metavar="EDIT", help="An edit file, or a list of heads.")],
    form: Annotated[
        options.SnippetChoice | None,
        typer.Option("--as", help="Print code that does the same with this library, without headpursuit."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model, if the edit does not name it; code needs its modules' names.")
    ] = None,
    revision: options.RevisionOption = None,
) -> None:
    """Show an edit; or, for another library, the code that does the same."""
    from headpursuit.analysis import read_edit
    from headpursuit.models import snippet

    saved = read_edit(_file_in(edit, "edit.json"))
    if form is None:
        rows = [(str(head), f"{factor:g}") for head, factor in saved.edit.items()]
        about = f" for {saved.concept}" if saved.concept else ""
        print_table(f"edit{about} of {saved.model or 'a model that is not named'}", ("head", ">scale"), rows)
        say(f"positions: {saved.edit.scope}")
        return
    name = model or saved.model
    if not name:
        raise ValueError("the edit does not say for which model it is; give it with --model")
    loaded = open_model(name, revision=revision if model else revision or saved.revision)
    saved.check(loaded)
    typer.echo(snippet(loaded, saved.edit, form))


def edit_from(
    edit: Path | None, ranking: Path | None, heads: str | None = None, scale: float | None = None
) -> "SavedEdit":
    """The edit that a command's options name; whether it fits the model is asked with `check`.

    Args:
        edit: What stands behind --edit.
        ranking: What stands behind --ranking, instead.
        heads: How many heads of the ranking, 1% if None; or of a list of heads, as `HeadList.first` takes it.
        scale: Their scale; -1 if None.

    Raises:
        ValueError: If both are given or neither, or heads or a scale beside an edit.
        FileNotFoundError: If the file is missing.
    """
    from headpursuit.analysis import SavedEdit, is_head_list

    if (edit is None) == (ranking is None):
        raise ValueError("say which heads: give either --ranking or --edit")
    if edit is not None and is_head_list(edit):
        return SavedEdit.of_heads(edit, heads, _SCALE if scale is None else scale)
    if edit is not None:
        if heads is not None or scale is not None:
            raise ValueError(
                "an edit file holds its heads and scales; --heads and --scale go with --ranking or a list of heads"
            )
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
