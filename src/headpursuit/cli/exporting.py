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
    model: options.ModelArgument,
    output: options.OutputOption,
    ranking: options.RankingOption = None,
    edit: options.EditOption = None,
    heads: options.HeadsOption = None,
    scale: options.ScaleOption = None,
    format: Annotated[  # noqa: A002
        options.FormatChoice,
        typer.Option(help="weights: a plain checkpoint; ia3: a PEFT adapter of a few KB; lora: for LoRA servers."),
    ] = "weights",
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
    """Write an edit as weights or an adapter that other tools load, compared with the live edit first."""
    from headpursuit.models import export as run
    from headpursuit.storage import refuse_existing

    refuse_existing(output)
    saved, texts = edit_from(edit, ranking, heads, scale), _read(prompts, column)
    loaded = open_model(model, device=device, dtype=dtype, device_map=device_map, revision=revision)
    saved.check(loaded)
    figures = _figures(study, saved, loaded) if study else ""
    done = run(loaded, saved.edit, output, format, prompts=texts, concept=saved.concept, study=figures)
    if done.ranks:
        say(f"largest rank: {max(done.ranks.values())}")
    say(f"reloaded from disk and compared with the live edit: {done.difference}")
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    say(f"written: {output} ({format}, {in_bytes(size)})")


@one_line_errors
def verify_export(
    folder: Annotated[Path, typer.Argument(metavar="EXPORT", help="A folder written by `export`.")],
    model: Annotated[str | None, typer.Option(help="The base model, if it is not where it was.")] = None,
    prompts: PromptsOption = None,
    column: options.ColumnOption = None,
    device: options.DeviceOption = "auto",
    device_map: options.DeviceMapOption = None,
) -> None:
    """Compare an exported folder with the live edit again."""
    from headpursuit.models import Export, verify

    written, texts = Export.load(folder), _read(prompts, column)
    base = written.base
    name, revision = (model, None) if model else (base.model, base.revision)
    loaded = open_model(name, device=device, dtype=base.dtype, device_map=device_map, revision=revision)
    say(f"{folder} acts like the live edit: {verify(written, folder, loaded, texts)}")


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
