"""doctor: what a model is, proven, in one block."""

import json
from typing import Annotated

import typer

from headpursuit.cli import options
from headpursuit.cli.console import one_line_errors, say
from headpursuit.cli.opening import open_model


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
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=1))
    else:
        for what, statement in found.lines():
            say(f"{what}: {statement}")
