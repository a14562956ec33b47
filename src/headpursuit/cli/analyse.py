"""capture, explain and rank."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from headpursuit.cli import options, running
from headpursuit.cli.console import notes, one_line_errors, print_table, progress, quoted, say
from headpursuit.cli.opening import open_captured, open_model
from headpursuit.cli.settings import given_in, with_settings

if TYPE_CHECKING:
    from collections.abc import Collection

    from headpursuit.analysis import Ranking
    from headpursuit.media import Prompt

CAPTURE = with_settings("settings:CaptureConfig")
EXPLAIN = with_settings("settings:RankConfig", only=("rule", "centre", "gain"))
RANK = with_settings("settings:RankConfig")


@one_line_errors
def capture(
    ctx: typer.Context,
    model: options.ModelArgument,
    prompts: Annotated[
        str,
        typer.Option(
            help=f"{options.PROMPTS_HELP} image_path, audio_path: their images or sounds. "
            "Or a folder of images or sounds, or hf:NAME, with --ask; sounds alone also without."
        ),
    ],
    output: options.OutputOption,
    column: options.ColumnOption = None,
    ask: Annotated[
        str | None,
        typer.Option(help="What is asked about each image (or sound) of a folder or hf:NAME.", show_default=False),
    ] = None,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Name images and sounds that are missing or broken; go on without them."),
    ] = False,
    resume: options.ResumeOption = False,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    device_map: options.DeviceMapOption = None,
    tp_plan: options.TpPlanOption = None,
    revision: options.RevisionOption = None,
) -> None:
    """Record what every head does while the model reads prompts or its own answers."""
    from headpursuit.analysis import (
        CaptureConfig,
        all_sounds,
        ask_about,
        check_chat,
        check_files,
        check_place,
        read_prompts,
        readable,
    )
    from headpursuit.analysis import capture as run
    from headpursuit.media import AUDIO, IMAGE, is_hub, media_sources
    from headpursuit.media.images.folders import other_files

    is_file = not is_hub(prompts) and not Path(prompts).is_dir()
    if ask is not None and is_file:
        raise ValueError(f"--ask goes with a folder of images or hf:NAME, and {prompts} is neither")
    if column is not None and not is_file:
        raise ValueError("--column goes with a file of prompts; images and sounds of a folder or hf:NAME have none")
    texts: Collection[Prompt]
    if is_file:
        texts = read_prompts(prompts, column)
    elif ask is not None:
        texts = asked = ask_about(prompts, ask)
        others = other_files(Path(prompts)) if asked.modality is IMAGE and not is_hub(prompts) else ""
        if others:
            notes.print(others, markup=False, soft_wrap=True)
    else:
        if media_sources(prompts, (AUDIO, IMAGE))[0] is IMAGE:
            what = "a data set" if is_hub(prompts) else "a folder"
            raise ValueError(f'{prompts} is {what}; say what to ask about its images: --ask "What is this?"')
        texts = all_sounds(prompts)
    config = CaptureConfig(**given_in(ctx))
    check_chat(texts, config.chat)
    if skip_bad:
        texts = readable(texts, lambda line: notes.print(line, markup=False, soft_wrap=True))
    check_place(output, model, texts, config, resume=resume)
    check_files(texts)
    loaded = open_model(model, device=device, dtype=dtype, device_map=device_map, tp_plan=tp_plan, revision=revision)
    say(str(loaded.certificate))
    with progress() as advance:
        captured = run(loaded, texts, config, output=output, resume=resume, progress=partial(advance, "capture"))
    say(f"captured {captured.n_samples} positions of {captured.n_prompts} prompts: {output}")


@one_line_errors
def merge(
    captures: Annotated[list[Path], typer.Argument(metavar="CAPTURE...", help="Folders written by `capture`.")],
    output: options.OutputOption,
) -> None:
    """Add captures up: moments are those of one capture over all their prompts, samples a uniform sample of all."""
    from headpursuit.analysis import Capture
    from headpursuit.analysis import merge as run
    from headpursuit.storage import refuse_existing

    refuse_existing(output)
    if len({path.resolve() for path in captures}) < len(captures):
        raise ValueError("a capture is named twice, and would count twice; name each one once")
    merged = run([Capture.load(path) for path in captures])
    merged.save(output)
    say(f"merged {len(captures)} captures, {merged.n_samples} positions of {merged.n_prompts} prompts: {output}")


@one_line_errors
def explain(
    ctx: typer.Context,
    capture: options.CaptureArgument,
    head: Annotated[list[str] | None, typer.Option(help="A head in full, like L24H3; may be repeated.")] = None,
    n_atoms: Annotated[int, typer.Option("--n-atoms", min=1, help="Tokens per head.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    model: options.CapturedModelOption = None,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    device_map: options.DeviceMapOption = None,
) -> None:
    """Name what each head writes: the tokens that explain it best."""
    from dataclasses import asdict

    from headpursuit.analysis import explain as run
    from headpursuit.heads import Head

    heads = [Head.parse(name) for name in head] if head else None
    captured, loaded = open_captured(capture, model, device, dtype, device_map)
    found = run(loaded, captured, heads=heads, n_atoms=n_atoms, **given_in(ctx))
    if as_json:
        typer.echo(json.dumps([{**asdict(e), "head": str(e.head)} for e in found], ensure_ascii=False, indent=1))
    elif heads:
        for e in found:
            rows = [
                (str(i), repr(t), f"{x:.3f}") for i, (t, x) in enumerate(zip(e.tokens, e.explained, strict=True), 1)
            ]
            print_table(f"{e.head}", (">step", "token", ">explained"), rows)
    else:
        rows = [(str(e.head), f"{e.total:.3f}", quoted(e.tokens)) for e in found]
        print_table(f"{n_atoms} tokens for each head", ("head", ">explained", "tokens, best first"), rows)


@one_line_errors
def rank(
    ctx: typer.Context,
    capture: options.CaptureArgument,
    concept: options.ConceptOption,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for ranking.json, heatmap.png and heatmap.svg."),
    ] = None,
    top: Annotated[int, typer.Option(help="Heads to print.")] = 10,
    sites: Annotated[
        Literal["self", "cross"] | None,
        typer.Option(help="Heads of one kind alone: self, or cross for cross-attention; an encoder's are not ranked."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    model: options.CapturedModelOption = None,
    device: options.DeviceOption = "auto",
    dtype: options.DtypeOption = "auto",
    device_map: options.DeviceMapOption = None,
) -> None:
    """Rank all heads for a concept."""
    from headpursuit.analysis import RankConfig
    from headpursuit.analysis import rank as run
    from headpursuit.concepts import load_concept
    from headpursuit.storage import refuse_existing
    from headpursuit.studies.shown import ranking_shown

    words = load_concept(concept)
    if output is not None:
        refuse_existing(output)
    config = RankConfig(**given_in(ctx))
    captured, loaded = open_captured(capture, model, device, dtype, device_map)
    ranking = run(loaded, captured, words, config)
    if sites is not None:
        ranking = ranking.of_kind(sites)
    if as_json:
        typer.echo(json.dumps(ranking.to_json(), ensure_ascii=False, indent=1))
    else:
        running.show_parts(ranking_shown(ranking, top))
    if output is not None:
        _save(ranking, output)


def _save(ranking: "Ranking", output: Path) -> None:
    from headpursuit.report import heatmap
    from headpursuit.storage import new_folder

    with new_folder(output, "ranking", {"concept": ranking.concept, "model": ranking.model}) as folder:
        ranking.save(folder / "ranking.json")
        for ending in ("png", "svg"):
            heatmap(ranking, folder / f"heatmap.{ending}")
    say(f"written: {output}/ranking.json, heatmap.png, heatmap.svg")
