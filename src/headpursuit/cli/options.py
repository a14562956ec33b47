"""Options that several commands share, beside those that are made of settings."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from headpursuit.settings import Dtype, MultiToken, RankConfig, RunSettings, settings_in

FormatChoice: TypeAlias = Literal["weights", "ia3", "lora", "gguf", "gguf-lora"]
"""Written out here, so that `--help` need not import torch; a test compares it with the library's."""

SnippetChoice: TypeAlias = Literal["transformer-lens", "nnsight", "transformers"]
"""Written out here too."""

_RUN, _RANK = settings_in(RunSettings), settings_in(RankConfig)

ModelArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="smollm2-135m, smollava-135m (sees), whisper-base (hears), a hub id, a local folder (also of an adapter), "
        "or a GGUF file.",
    ),
]
CaptureArgument: TypeAlias = Annotated[Path, typer.Argument(metavar="CAPTURE", help="A folder written by `capture`.")]
CapturedModelOption: TypeAlias = Annotated[
    str | None, typer.Option("--model", help="The captured model, if it is not where it was.")
]
DeviceOption: TypeAlias = Annotated[str, typer.Option(help=_RUN["device"].help)]
DtypeOption: TypeAlias = Annotated[Dtype, typer.Option(help=_RUN["dtype"].help)]
DeviceMapOption: TypeAlias = Annotated[
    Literal["auto", "balanced", "sequential"] | None,
    typer.Option(help="Spread the model over devices, main memory and disk, instead of --device."),
]
TpPlanOption: TypeAlias = Annotated[
    Literal["auto"] | None, typer.Option(help="Share each layer between the processes of torchrun.")
]
RevisionOption: TypeAlias = Annotated[str | None, typer.Option(help=_RUN["revision"].help)]
OutputOption: TypeAlias = Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")]
ResumeOption: TypeAlias = Annotated[
    bool, typer.Option("--resume", help="Go on with what is unfinished in the output folder.")
]
HeadsOption: TypeAlias = Annotated[
    str | None, typer.Option(help="How many heads of the ranking: a number, or at most a percentage of all.")
]
ScaleOption: TypeAlias = Annotated[
    float | None, typer.Option(help="The factor on what they write: -1 suppresses, 0 removes, 5 enhances.")
]
RankingOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="ranking.json, or the folder written by `rank`.", show_default=False)
]
EditOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help='Instead of a ranking: a file written by `edit`, a folder written by `pull`, by hand: {"L12H3": -1}, or '
        "a list of heads (see `edit --heads-from`).",
        show_default=False,
    ),
]
PROMPTS_HELP = "Prompts: .jsonl, .json, .csv, .tsv or .parquet (column prompt, or messages), .txt (one a line)."
PromptsOption: TypeAlias = Annotated[Path, typer.Option(help=PROMPTS_HELP)]
ColumnOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="The column of the prompts, where it is no other one; a.b is b inside a.", show_default=False),
]
BatchOption: TypeAlias = Annotated[int, typer.Option(help=_RUN["batch_size"].help)]
ScopeOption: TypeAlias = Annotated[
    str,
    typer.Option(help="Which tokens the edit acts on: all, prompt, generated, image, text, or positions like 0,-1."),
]
ConceptOption: TypeAlias = Annotated[
    str, typer.Option(help="A built-in concept (see `concepts list`) or a text file with one word a line.")
]
MultiTokenOption: TypeAlias = Annotated[MultiToken, typer.Option(help=_RANK["multi_token"].help)]
