"""export and verify-export."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import in_bytes, one_line_errors, say
from headpursuit.cli.editing import edit_from
from headpursuit.cli.opening import open_model

if TYPE_CHECKING:
    from headpursuit.analysis import SavedEdit
    from headpursuit.models import LanguageModel

PromptsOption = Annotated[
    Path | None,
    typer.Option(help=f"What to compare on, the first 64. {options.PROMPTS_HELP}", show_default=False),
]


@one_line_errors
def export(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="As for `capture`; with --undo, an export: its folder, or a GGUF file."),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The folder to write; with --format gguf also NAME.gguf, see --format."),
    ],
    ranking: options.RankingOption = None,
    edit: Annotated[
        list[Path] | None,
        typer.Option(
            help="Instead of a ranking: an edit, as for other commands. Several times: all of them, their scales "
            "multiplied where they name one head.",
            show_default=False,
        ),
    ] = None,
    heads: options.HeadsOption = None,
    scale: options.ScaleOption = None,
    format: Annotated[  # noqa: A002
        options.FormatChoice,
        typer.Option(
            help="weights: a plain checkpoint; ia3: a PEFT adapter of a few KB; lora: for LoRA servers; gguf: the GGUF "
            "file MODEL with the heads' blocks rescaled (with -o NAME.gguf that file alone, no model is loaded); "
            "gguf-lora: a LoRA for the GGUF file MODEL."
        ),
    ] = "weights",
    rank: Annotated[
        int | None, typer.Option(help="Rank of a LoRA; by default what the edit needs. With less it is cut.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Edit a model further that is an export already.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Write the model that the export MODEL was made from.")] = False,
    study: Annotated[
        Path | None,
        typer.Option(help="A folder written by `study` for this edit: its figures go into the README.md."),
    ] = None,
    prompts: PromptsOption = None,
    column: options.ColumnOption = None,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    device_map: options.DeviceMapOption = None,
    revision: options.RevisionOption = None,
) -> None:
    """Write an edit as weights, a GGUF file or an adapter that other tools load, compared with the live edit first."""
    from headpursuit.models import export as run
    from headpursuit.storage import refuse_existing

    refuse_existing(output)
    if undo:
        _undo(Path(model), output, device, bool(ranking or edit or heads or scale or study))
        return
    saved, remarks = _edits(edit, ranking, heads, scale)
    if format == "gguf" and output.suffix == ".gguf":
        _edit_file(model, saved, output, again, bool(study or prompts or rank))
        return
    texts = _read(prompts, column)
    loaded = open_model(model, device=device, dtype=dtype, device_map=device_map, revision=revision)
    saved.check(loaded)
    figures = _figures(study, saved, loaded) if study else ""
    done = run(
        loaded,
        saved.edit,
        output,
        format,
        prompts=texts,
        concept=saved.concept,
        study=figures,
        rank=rank,
        again=again,
        remarks=remarks,
    )
    for remark in done.remarks:
        say(remark)
    say(f"reloaded from disk and compared with the live edit: {done.difference}")
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    say(f"written: {output} ({format}, {in_bytes(size)})")


def _edits(
    edits: list[Path] | None, ranking: Path | None, heads: str | None, scale: float | None
) -> "tuple[SavedEdit, tuple[str, ...]]":
    """The edit that the options name, and what is to be said if it is made of several."""
    from headpursuit.analysis import SavedEdit
    from headpursuit.heads import edit_in_words

    if not edits or len(edits) == 1 or ranking:
        return edit_from(edits[0] if edits else None, ranking, heads, scale), ()
    several = [edit_from(one, None, heads, scale) for one in edits]
    named = [
        f"{one.concept or path.name} ({edit_in_words(one.edit)})" for path, one in zip(edits, several, strict=True)
    ]
    remark = f"made of {len(several)} edits, whose scales are multiplied where they name one head: {'; '.join(named)}"
    return SavedEdit.of_several(several), (remark,)


def _edit_file(model: str, saved: "SavedEdit", output: Path, again: bool, more: bool) -> None:
    """Edit a GGUF file without loading it as a model."""
    from headpursuit.models import check_unembedding, edit_gguf, gguf_path

    if more:
        raise ValueError(
            f"with -o {output.name} the file alone is written and no model is run: --study, --prompts and --rank go "
            "with a folder as output"
        )
    source = gguf_path(model)
    check_unembedding(source, saved.unembedding_sha256, saved.model)
    done = edit_gguf(source, saved.edit, output, concept=saved.concept, again=again)
    for change in done.changes:
        say(str(change))
    say(f"{done}, dequantised and compared with {source}; not run as a model")
    say(f"written: {output} (gguf, {in_bytes(output.stat().st_size)})")


def _undo(path: Path, output: Path, device: str, more: bool) -> None:
    from headpursuit.models import undo_export

    if more:
        raise ValueError("--undo takes back the edit that the export names; no edit, ranking or study goes with it")
    exact = undo_export(path, output, device=device)
    say(f"written: {output}, " + ("the base bit by bit" if exact else "the base but for what the scales rounded"))


@one_line_errors
def verify_export(
    path: Annotated[
        Path, typer.Argument(metavar="EXPORT", help="A folder written by `export`, or one GGUF file by itself.")
    ],
    model: Annotated[
        str | None, typer.Option(help="The base model, if it is not where it was; of one file, its base's file.")
    ] = None,
    prompts: PromptsOption = None,
    column: options.ColumnOption = None,
    device: options.DeviceOption = "auto",
    device_map: options.DeviceMapOption = None,
) -> None:
    """Compare an exported folder with the live edit again; or a GGUF file with its own word, and with its base."""
    from headpursuit.models import Export, gguf_path, verify, verify_gguf
    from headpursuit.storage import MANIFEST

    if path.is_file() and path.suffix.lower() != ".gguf":
        if not (path.parent / MANIFEST).is_file():
            raise ValueError(
                f"{path} is no export: it has no {MANIFEST} beside it; give an export's folder, or a GGUF file"
            )
        path = path.parent  # a file of an export, which its manifest describes
    if path.is_file():
        if prompts is not None:
            raise ValueError("a file by itself is not run as a model: --prompts goes with a folder written by `export`")
        say(f"{path}: {verify_gguf(path, gguf_path(model) if model else None)}")
        return
    written, texts = Export.load(path), _read(prompts, column)
    base = written.base
    name, revision = (model, None) if model else (base.model, base.revision)
    loaded = open_model(name, device=device, dtype=base.dtype, device_map=device_map, revision=revision)
    say(f"{path} acts like the live edit: {verify(written, path, loaded, texts)}")


def _read(prompts: Path | None, column: str | None) -> "Collection[str] | None":
    from headpursuit.analysis import read_prompts

    if prompts is None:
        if column is not None:
            raise ValueError("--column is one of the file of prompts; give that with --prompts")
        return None
    read = list(read_prompts(prompts, column))
    texts = [prompt for prompt in read if isinstance(prompt, str)]
    if len(texts) < len(read):
        raise ValueError(f"{prompts} holds prompts with images or messages, but an export is compared on texts alone")
    return texts


def _figures(study: Path, saved: "SavedEdit", model: "LanguageModel") -> str:
    """The figures that a study measured for this edit of this model."""
    from headpursuit.analysis import SavedEdit
    from headpursuit.report import figures
    from headpursuit.studies import StudyResult

    result = StudyResult.load(study)
    SavedEdit.of_edit(result.rescaled, result.ranking).check(model)
    if result.rescaled != saved.edit:
        raise ValueError(f"the study in {study} measured {result.rescaled.to_json()}, not this edit")
    return figures(result)
