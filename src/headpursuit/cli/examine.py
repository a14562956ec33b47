"""doctor and effects: what a model is, and what an edit does in it."""

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import one_line_errors, print_table, progress, say
from headpursuit.cli.editing import edit_from
from headpursuit.cli.opening import open_model
from headpursuit.cli.settings import given_in, with_settings
from headpursuit.records import to_record

if TYPE_CHECKING:
    from headpursuit.analysis import Effects

EFFECTS = with_settings("settings:ChatSettings")


@one_line_errors
def doctor(
    model: options.ModelArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    device_map: options.DeviceMapOption = None,
    tp_plan: options.TpPlanOption = None,
    revision: options.RevisionOption = None,
) -> None:
    """Find a model's heads, prove it, and say what working with it costs; or say why it cannot be used."""
    from headpursuit.analysis import diagnose

    loaded = open_model(model, device=device, dtype=dtype, device_map=device_map, tp_plan=tp_plan, revision=revision)
    found = diagnose(loaded)
    if as_json:
        typer.echo(json.dumps(to_record(found), ensure_ascii=False, indent=1))
    else:
        for what, statement in found.lines():
            say(f"{what}: {statement}")


@one_line_errors
def effects(
    ctx: typer.Context,
    model: options.ModelArgument,
    prompts: options.PromptsOption,
    column: options.ColumnOption = None,
    edit: options.EditOption = None,
    ranking: options.RankingOption = None,
    heads: options.HeadsOption = None,
    scale: options.ScaleOption = None,
    concept: Annotated[
        str | None, typer.Option(help="Words whose probability is followed: a built-in concept or a text file.")
    ] = None,
    multi_token: options.MultiTokenOption = "drop",
    batch_size: options.BatchOption = 32,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    device_map: options.DeviceMapOption = None,
    revision: options.RevisionOption = None,
) -> None:
    """Measure what an edit does to the next token: straight from the heads, and through what comes after them."""
    from headpursuit.analysis import check_chat, read_prompts
    from headpursuit.analysis import effects as run
    from headpursuit.concepts import load_concept
    from headpursuit.settings import ChatSettings

    chat = ChatSettings(**given_in(ctx))
    saved, texts = edit_from(edit, ranking, heads, scale), list(read_prompts(prompts, column))
    check_chat(texts, chat.chat)
    words = load_concept(concept) if concept else None
    loaded = open_model(model, device=device, dtype=dtype, device_map=device_map, revision=revision)
    saved.check(loaded)
    with progress() as advance:
        found = run(
            loaded,
            saved.edit,
            texts,
            words,
            multi_token=multi_token,
            batch_size=batch_size,
            chat=chat.frame,
            progress=partial(advance, "effects"),
        )
    if as_json:
        typer.echo(json.dumps(to_record(found), ensure_ascii=False, indent=1))
    else:
        _print_effects(found)


def _print_effects(found: "Effects") -> None:
    title = f"effect on the token after {found.n_prompts} prompts"
    if found.concept is None:
        shares = [(e.heads, f"{e.kl:.4f}", f"{e.direct_share:.0%}") for e in found.effects]
        print_table(title, ("heads", ">KL", ">direct share of logits"), shares)
    else:
        say(f"probability of {found.concept} without the edit: {found.base_mass:.4f}")
        columns = ("heads", ">KL", f">{found.concept}", ">direct", ">indirect", ">direct share of logits")
        rows = [
            (e.heads, f"{e.kl:.4f}", *(f"{v:+.4f}" for v in (e.mass, e.direct, e.indirect)), f"{e.direct_share:.0%}")
            for e in found.effects
        ]
        print_table(title, columns, rows)
    if found.approximate:
        say(f"the direct part is approximate on this model: {', '.join(found.approximate)}")
