"""demo: the main jobs on models that are always there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli.console import one_line_errors, say
from headpursuit.cli.running import show
from headpursuit.cli.studies import run_study

if TYPE_CHECKING:
    from headpursuit.studies import StudyConfig


@one_line_errors
def demo(
    vision: Annotated[
        bool, typer.Option("--vision", help="On a small vision-language model: digits, and captions with colours.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The folder of the results.", show_default="demo, or demo-vision"),
    ] = None,
) -> None:
    """The main job on a real small model: heads found, rescaled, compared with random heads, judged.

    Heads for countries in a language model; with --vision, heads for digits and for colours in a vision-language model
    that was trained on rendered scenes.
    """
    from headpursuit.models import EMBEDDED
    from headpursuit.report import render_tabs
    from headpursuit.studies import StudyConfig

    if not vision:
        config = StudyConfig("countries-qa", EMBEDDED, controls=5, baselines=False, rungs=False, bootstraps=0)
        _run_or_show(config, output or Path("demo"))
        return
    folder = output or Path("demo-vision")
    parts = {name: folder / name for name in _VISION}
    for name, settings in _VISION.items():
        _run_or_show(_vision_config(settings), parts[name])
    say(f"\nboth studies: {render_tabs(folder, 'Head Pursuit on rendered scenes', parts)}", "bold")


_VISION: dict[str, dict[str, object]] = {
    "digits": {
        "task": "image-classification",
        "data": "digits",
        "images": 80,
        "selection_images": 160,
        "effect": 0.8,
        "doses": ("1", "2", "4", "8"),
        "scales": (0.0, -1.0, -2.0),
    },
    "colours": {
        "task": "captioning",
        "data": "scenes",
        "concept": "colours",
        "images": 50,
        "selection_images": 100,
        "doses": ("1", "2", "4"),
        "scales": (-1.0, -2.0),
        "enhance_scales": (2.0, 3.0, 5.0),
    },
}
"""Smaller than the studies' defaults, to be done in minutes."""

_FEW = {"controls": 3, "sweep_questions": 40, "baselines": False}


def _vision_config(settings: dict[str, object]) -> "StudyConfig":
    from headpursuit.models import DEMO_VLM
    from headpursuit.studies import usual_config

    given = dict(settings)
    return usual_config(str(given.pop("task")), DEMO_VLM, **given, **_FEW)


def _run_or_show(config: "StudyConfig", output: Path) -> None:
    """Run a study, go on with it, or show it if it is finished."""
    from headpursuit.storage import MANIFEST
    from headpursuit.studies import load_result
    from headpursuit.studies.running import experiment_of

    if (output / MANIFEST).exists():
        say(f"{output} holds a finished demo; remove it to run it again")
        show(experiment_of(config), load_result(output), output)
        return
    run_study(config, output, resume=output.exists())
