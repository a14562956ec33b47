"""Options that several commands share.

Choices are written out here, so that `--help` need not import torch; a test compares them with the library's.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

RuleChoice: TypeAlias = Literal["l1", "l2", "forward"]
ScoreChoice: TypeAlias = Literal["specificity", "explained"]
NullChoice: TypeAlias = Literal["any", "matched"]
MultiTokenChoice: TypeAlias = Literal["drop", "first"]
PositionsChoice: TypeAlias = Literal["last", "prompt", "generated", "image", "all"]
FormatChoice: TypeAlias = Literal["weights", "ia3", "lora"]
DtypeChoice: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]

RULE_HELP = "How the pursuit chooses atoms."
SCORE_HELP = "What heads are sorted by; explained is the paper's."
NULL_HELP = "What those hold: any tokens, or tokens matched to the concept's in spacing, case and frequency."
MULTI_TOKEN_HELP = "Words of several tokens: drop them, or their first token stands for them."
SCOPE_HELP = "Which tokens the edit acts on: all, prompt, generated, image, text, or positions like 0,-1."

ModelArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="smollm2-135m, smollava-135m (sees), a hub id, a local folder (also of an adapter), or a GGUF file.",
    ),
]
CaptureArgument: TypeAlias = Annotated[Path, typer.Argument(metavar="CAPTURE", help="A folder written by `capture`.")]
CapturedModelOption: TypeAlias = Annotated[
    str | None, typer.Option("--model", help="The captured model, if it is not where it was.")
]
DeviceOption: TypeAlias = Annotated[str, typer.Option(help="auto, cpu, cuda, mps, ...")]
DtypeOption: TypeAlias = Annotated[DtypeChoice, typer.Option(help="auto is float32 on a CPU.")]
DeviceMapOption: TypeAlias = Annotated[
    Literal["auto", "balanced", "sequential"] | None,
    typer.Option(help="Spread the model over devices, main memory and disk, instead of --device."),
]
TpPlanOption: TypeAlias = Annotated[
    Literal["auto"] | None, typer.Option(help="Share each layer between the processes of torchrun.")
]
RevisionOption: TypeAlias = Annotated[str | None, typer.Option(help="Branch, tag or commit of a hub model.")]
OutputOption: TypeAlias = Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")]
HeadsOption: TypeAlias = Annotated[
    str | None, typer.Option(help="How many heads of the ranking: a number, or at most a percentage of all.")
]
ScaleOption: TypeAlias = Annotated[
    float | None, typer.Option(help="What they are multiplied by: -1 suppresses, 0 removes, 5 enhances.")
]
RankingOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="ranking.json, or the folder written by `rank`.", show_default=False)
]
EditOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help='Instead of a ranking: a file written by `edit`, a folder written by `pull`, or by hand: {"L12H3": -1}.',
        show_default=False,
    ),
]
PROMPTS_HELP = "Prompts: .jsonl, .json, .csv, .tsv or .parquet (column prompt, or messages), .txt (one a line)."
PromptsOption: TypeAlias = Annotated[Path, typer.Option(help=PROMPTS_HELP)]
ColumnOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="The column of the prompts, where it is no other one; a.b is b inside a.", show_default=False),
]
BatchOption: TypeAlias = Annotated[int, typer.Option(help="Prompts per batch.")]
ChatOption: TypeAlias = Annotated[bool, typer.Option("--chat", help="Put prompts into the model's chat template.")]
SystemOption: TypeAlias = Annotated[
    str, typer.Option("--system", help="A system prompt, in the chat template.", show_default=False)
]
TemplateArgsOption: TypeAlias = Annotated[
    str,
    typer.Option(help="Settings of the chat template, like enable_thinking=false; or JSON.", show_default=False),
]
_DATE = typer.Option(
    help="Now, to a chat template that writes date or time, like 2026-07-14.",
    show_default="the day on which it is begun",
)
DateOption: TypeAlias = Annotated[str, _DATE]
OwnDateOption: TypeAlias = Annotated[str | None, _DATE]
"""None where a file of settings may name one."""
RuleOption: TypeAlias = Annotated[RuleChoice, typer.Option(help=RULE_HELP)]
CentreOption: TypeAlias = Annotated[
    bool, typer.Option("--centre/--no-centre", help="Subtract what a head writes on average first.")
]
GainOption: TypeAlias = Annotated[
    bool, typer.Option("--gain", help="Multiply token directions by the final norm's gain.")
]
ScopeOption: TypeAlias = Annotated[str, typer.Option(help=SCOPE_HELP)]
SeedOption: TypeAlias = Annotated[int, typer.Option(help="Seed of everything random.")]
ConceptOption: TypeAlias = Annotated[
    str, typer.Option(help="A built-in concept (see `concepts list`) or a text file with one word a line.")
]
ScoreOption: TypeAlias = Annotated[ScoreChoice, typer.Option(help=SCORE_HELP)]
AtomsOption: TypeAlias = Annotated[int, typer.Option("--n-atoms", help="Atoms chosen per dictionary.")]
DrawsOption: TypeAlias = Annotated[int, typer.Option("--n-draws", help="Random dictionaries to compare with.")]
NullOption: TypeAlias = Annotated[NullChoice, typer.Option("--null", help=NULL_HELP)]
MultiTokenOption: TypeAlias = Annotated[MultiTokenChoice, typer.Option(help=MULTI_TOKEN_HELP)]
