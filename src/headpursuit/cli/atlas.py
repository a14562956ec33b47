"""atlas: every head named; and two atlases compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import one_line_errors, print_table, progress, quoted, say
from headpursuit.cli.groups import meaning
from headpursuit.cli.opening import open_captured, open_model
from headpursuit.cli.settings import given_in, with_settings
from headpursuit.settings import config_of

if TYPE_CHECKING:
    from headpursuit.analysis import Atlas, AtlasDiff, Capture
    from headpursuit.concepts import Concept
    from headpursuit.models import LanguageModel


app = typer.Typer(
    cls=meaning("build"),
    help="Name every head of a captured model (`atlas CAPTURE -o OUT`, the same as `atlas build`), or compare two "
    "atlases (`atlas diff A B`).",
    no_args_is_help=True,
)


@app.command("build", cls=with_settings("settings:AtlasConfig", without=("score",)))
@one_line_errors
def build(
    ctx: typer.Context,
    capture: Annotated[
        Path, typer.Argument(metavar="CAPTURE", help="A folder written by `capture`; with --from-weights, a model.")
    ],
    output: options.OutputOption,
    from_weights: Annotated[
        bool,
        typer.Option(
            "--from-weights", help="Read no prompt: name heads by the singular directions of their value-output maps."
        ),
    ] = False,
    concepts: Annotated[
        str, typer.Option(help="Concepts beside the built-in ones, with commas: text files, or names.")
    ] = "",
    builtin: Annotated[bool, typer.Option("--builtin/--no-builtin", help="Look for all built-in concepts.")] = True,
    model: options.CapturedModelOption = None,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    device_map: options.DeviceMapOption = None,
) -> None:
    """Name every head of a captured model by its tokens and by the concepts it is specific for."""
    from headpursuit.analysis import AtlasConfig, build_atlas
    from headpursuit.report import render
    from headpursuit.storage import refuse_existing

    refuse_existing(output)
    chosen = _concepts(concepts, builtin)
    config = config_of(AtlasConfig, given_in(ctx))
    captured, loaded = _opened(capture, from_weights, model, device, dtype, device_map)
    with progress() as advance:
        atlas = build_atlas(loaded, captured, config, chosen, progress=advance)
    atlas.save(output)
    _print_atlas(atlas)
    say(f"written: {render(output)}")


def _opened(
    given: Path, from_weights: bool, model: str | None, device: str, dtype: str, device_map: str | None
) -> "tuple[Capture | None, LanguageModel]":
    """A capture and its model; or a model alone."""
    if not from_weights:
        return open_captured(given, model, device, dtype, device_map)
    if model is not None:
        raise ValueError(f"--from-weights names a model where captures stand, {given}; leave --model out")
    return None, open_model(str(given), device=device, dtype=dtype, device_map=device_map)


@app.command("diff")
@one_line_errors
def diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="The atlas of the first model, such as the base.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The atlas of the second, such as the finetuned one.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for diff.json and its page.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Heads to print.")] = 20,
) -> None:
    """Say which heads changed their words most between two atlases of one architecture."""
    from headpursuit.analysis import Atlas, diff_atlases
    from headpursuit.report import render
    from headpursuit.storage import refuse_existing

    if output is not None:
        refuse_existing(output)
    found = diff_atlases(Atlas.load(before), Atlas.load(after))
    _print_diff(found, top)
    if output is not None:
        found.save(output)
        say(f"written: {render(output)}")


def _concepts(named: str, builtin: bool) -> "tuple[Concept, ...]":
    """The built-in concepts and those named, each once."""
    from headpursuit.analysis import check_concepts
    from headpursuit.concepts import builtin_concepts, load_concept

    names = [name.strip() for name in named.split(",") if name.strip()]
    if not builtin and not names:
        raise ValueError("--no-builtin leaves no concept; name some with --concepts")
    return check_concepts([load_concept(name) for name in (*(builtin_concepts() if builtin else ()), *names)])


def _print_atlas(atlas: "Atlas") -> None:
    from headpursuit.analysis.atlases import LEVEL

    rows = []
    for concept in atlas.concepts:
        heads = atlas.heads_for(concept.name)
        rows.append((concept.name, str(len(concept.tokens)), str(len(heads)), " ".join(map(str, heads[:5]))))
    n_named = sum(bool(findings) for findings in atlas.found().values())
    title = (
        f"{n_named} of {len(atlas.heads)} heads are specific for a concept (q <= {LEVEL:g} over all heads and concepts)"
    )
    print_table(title, ("concept", ">tokens", ">heads", "best heads"), rows)
    if not n_named and atlas.fewest_findings > 1:
        n_draws = atlas.config.ranking.n_draws
        say(f"with {n_draws} draws none can be found before {atlas.fewest_findings} stand out; try a larger --n-draws")
    for name, reason in atlas.left_out.items():
        say(f"{name} is left out: {reason}")


def _print_diff(found: "AtlasDiff", top: int) -> None:
    rows = [
        (
            str(change.head),
            f"{change.changed:.3f}",
            f"{change.kept:.3f}",
            quoted(change.gone[:4]),
            quoted(change.new[:4]),
            " ".join([*(f"+{name}" for name in change.gained), *(f"-{name}" for name in change.lost)]),
        )
        for change in found.heads[:top]
    ]
    title = f"{len(rows)} of {len(found.heads)} heads, most changed first: fraction of their energy whose words changed"
    print_table(title, ("head", ">changed", ">kept", "tokens gone", "tokens new", "concepts gained, lost"), rows)
    concepts = [
        (name, str(gained), str(lost), str(most.head), f"{most.specificity[column]:+.3f}")
        for column, (name, (gained, lost, most)) in enumerate(found.concept_changes().items())
    ]
    print_table(
        "concepts: heads that became specific and ceased to be, and the largest change of specificity",
        ("concept", ">gained", ">lost", "head", ">change"),
        concepts,
    )
    for line in (found.sentence, *found.notes):
        say(line)
