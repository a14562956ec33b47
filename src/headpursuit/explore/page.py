"""The page: which components there are, and which event calls which function of `Handlers`."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from headpursuit.explore import fragments
from headpursuit.explore.handlers import CONTROLS, Handlers
from headpursuit.explore.study_runs import offered_studies
from headpursuit.explore.view import MOST_HEADS, MOST_TOKENS, SCALES, View, scopes_of
from headpursuit.explore.workbench import Workbench
from headpursuit.report.heatmap import map_style
from headpursuit.report.page import own_file

_SYSTEM = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal", "concurrency_limit": 8}
_NEWEST: dict[str, Any] = {**_QUIET, "trigger_mode": "always_last"}
"""Settings changed while an earlier request is under way are asked for afterwards, not forgotten."""
_MODEL: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model"}
"""Answers come one at a time; who waits sees the place in the queue."""
_STUDY: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "study"}

_READ_ADDRESS = "() => [window.location.search]"
_WRITE_ADDRESS = "(query) => { history.replaceState(null, '', query ? '?' + query : window.location.pathname) }"
_ANSWER_SOON = """() => {
  clearTimeout(window.answerSoon);
  window.answerSoon = setTimeout(() => document.querySelector("#hp-ask").click(), 600);
}"""
"""While the slider moves, by the pointer or by arrow keys, nothing is asked."""
_CHOOSE = """headMap(element, (cell) => cell.getAttribute("aria-label"), (name) => trigger("click", { name }));"""
_MARK_STOPPED = """() => {
  const answers = document.querySelector("#hp-answers [data-state=running]");
  if (answers) answers.dataset.state = "stopped";
}"""


def look() -> dict[str, Any]:
    """The look of the page, as `launch` takes it: system fonts, nothing from elsewhere."""
    theme = gr.themes.Default(primary_hue="violet", font=_SYSTEM, font_mono=_MONO)
    return {"theme": theme, "css": map_style() + _file("page.css")}


def page(bench: Workbench, capture: Path, output: Path, origin: str = "") -> gr.Blocks:
    """Build the page.

    Args:
        bench: What all visitors share.
        capture: Where its capture is, for the command lines.
        output: The folder that studies are written into.
        origin: What was captured, in a few words; empty if the user named the capture.
    """
    handlers = Handlers(bench, capture, output)
    with gr.Blocks(title="Head Pursuit", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        gr.HTML(fragments.about(bench, origin))
        parts = _components(bench, handlers.usual)
        controls = [parts["image"], *(parts[name] for name in CONTROLS)]
        shown = [parts[name] for name in _SHOWN]
        _connect_screen(blocks, handlers, parts, controls, shown)
        _connect_answers(handlers, parts, controls)
        _study(bench, handlers, parts)
        blocks.unload(handlers.leave)
    return blocks


_SHOWN = ("address", "message", "audit", "heatmap", "ranking", "detail", "export", "commands", "python")


def _components(bench: Workbench, usual: View) -> dict[str, Any]:
    """Everything above the studies, by name."""
    parts: dict[str, Any] = {"address": gr.Textbox(visible=False), "message": gr.HTML(elem_id="hp-message")}
    with gr.Row():
        with gr.Column(scale=2):
            parts |= _concept_part(usual)
            parts["ranking"] = gr.HTML(elem_id="hp-ranking", js_on_load=_file("page.js"))
        with gr.Column(scale=3):
            parts |= _play_part(bench, usual)
            parts["export"] = gr.HTML(elem_id="hp-export")
            parts["head"] = gr.Textbox(label="Head", placeholder="L12H3", max_lines=1, elem_id="hp-head")
            parts["detail"] = gr.HTML(elem_id="hp-detail")
    with gr.Accordion("The same on the command line and in Python", open=False):
        for name, label in (("commands", "Command line"), ("python", "Python")):
            parts[name] = gr.Textbox(
                label=label, lines=4, max_lines=20, interactive=False, buttons=["copy"], elem_id=f"hp-{name}"
            )
    return parts


def _concept_part(usual: View) -> dict[str, Any]:
    concept = gr.Textbox(
        usual.concept,
        label="Concept: words with commas, or the name of a built-in list",
        max_lines=1,
        elem_id="hp-concept",
    )
    lists = gr.HTML(fragments.lists(), elem_id="hp-lists", js_on_load=_file("page.js"))
    score = gr.Radio(["specificity", "explained"], value=usual.score, label="Colours show", elem_id="hp-score")
    audit = gr.HTML(elem_id="hp-audit")
    heatmap = gr.HTML(elem_id="hp-heatmap", js_on_load=own_file("heatmap.js") + _CHOOSE)
    return {"concept": concept, "lists": lists, "score": score, "audit": audit, "heatmap": heatmap}


def _play_part(bench: Workbench, usual: View) -> dict[str, Any]:
    model, parts = bench.model, {}
    most = min(MOST_HEADS, len(bench.heads))
    with gr.Row():
        parts["prompt"] = gr.Textbox(usual.prompt, label="Prompt", lines=2, scale=3, min_width=320, elem_id="hp-prompt")
        parts["image"] = gr.File(
            label="Image", file_types=["image"], type="filepath", visible=model.sees_images, elem_id="hp-image"
        )
    with gr.Row():
        parts["scale"] = gr.Slider(*SCALES, value=usual.scale, step=0.25, label="Scale", elem_id="hp-scale")
        parts["heads"] = gr.Slider(
            1, most, value=min(usual.heads, most), step=1, label="Best heads", elem_id="hp-heads"
        )
        parts["picked"] = gr.Textbox(
            label="Or heads picked by hand", placeholder="L12H3 L20H1", max_lines=1, elem_id="hp-picked"
        )
    with gr.Row():
        parts["scope"] = gr.Dropdown(list(scopes_of(model)), value=usual.scope, label="Acts on", elem_id="hp-scope")
        parts["tokens"] = gr.Slider(1, MOST_TOKENS, value=usual.tokens, step=1, label="Tokens", elem_id="hp-tokens")
        chat = model.tokenizer.chat_template is not None or model.sees_images
        parts["chat"] = gr.Checkbox(usual.chat, label="In the chat template", interactive=chat, elem_id="hp-chat")
        parts["random"] = gr.Checkbox(usual.random, label="Random heads beside it", elem_id="hp-random")
    with gr.Row():
        parts["ask"] = gr.Button("Answer", variant="primary", elem_id="hp-ask")
        parts["stop"] = gr.Button("Stop", elem_id="hp-stop")
    parts["answers"] = gr.HTML(elem_id="hp-answers", min_height=80)
    return parts


def _connect_screen(
    blocks: gr.Blocks, handlers: Handlers, parts: dict[str, Any], controls: list[Any], shown: list[Any]
) -> None:
    """Whatever is set shows at once, and is in the address afterwards."""

    def remembered(event: Any) -> None:
        event.then(None, [parts["address"]], None, js=_WRITE_ADDRESS)

    def refreshed(event: Any) -> None:
        remembered(event.then(handlers.refresh, controls, shown, **_NEWEST))

    blocks.load(handlers.start, [parts["address"]], [*controls[1:], *shown], js=_READ_ADDRESS, **_QUIET)
    for name in ("concept", "head", "picked"):
        remembered(parts[name].submit(handlers.refresh, controls, shown, **_NEWEST))
    for name in ("picked", "prompt"):
        remembered(parts[name].blur(handlers.refresh, controls, shown, **_NEWEST))
    for name in ("scale", "heads", "tokens", "score", "scope", "chat", "random"):
        remembered(parts[name].input(handlers.refresh, controls, shown, **_NEWEST))
    for event in (parts["image"].upload, parts["image"].clear):
        event(handlers.refresh, controls, shown, **_NEWEST)
    for name, target in (("lists", "concept"), ("heatmap", "head"), ("ranking", "head")):
        refreshed(parts[name].click(handlers.clicked, None, parts[target], **_NEWEST))


def _connect_answers(handlers: Handlers, parts: dict[str, Any], controls: list[Any]) -> None:
    """Asked for by the button, by Enter (with Shift) in the prompt, or by the slider once it rests."""
    answering = gr.on(
        [parts["ask"].click, parts["prompt"].submit],
        handlers.answer,
        controls,
        parts["answers"],
        trigger_mode="always_last",
        api_visibility="private",
        show_progress_on=parts["answers"],
        **_MODEL,
    )
    parts["scale"].input(None, None, None, js=_ANSWER_SOON)
    # The event is cancelled too: it may still be waiting in the queue.
    parts["stop"].click(handlers.stop, None, None, js=_MARK_STOPPED, cancels=answering, queue=False, **_QUIET)


def _study(bench: Workbench, handlers: Handlers, parts: dict[str, Any]) -> None:
    """The studies, folded away."""
    offered = list(offered_studies(bench.model))
    with gr.Accordion("Study: measured on held-out questions, with controls and a verdict", open=False):
        with gr.Row():
            task = gr.Dropdown(offered, value=offered[0], label="Task", elem_id="hp-task")
            sweep = gr.Checkbox(False, label="Dose sheet chooses heads and scale", elem_id="hp-sweep")
            draws = gr.Slider(1, 10, value=3, step=1, label="Draws of random heads", elem_id="hp-draws")
        with gr.Row():
            run = gr.Button("Run", elem_id="hp-run")
            cancel = gr.Button("Cancel", elem_id="hp-cancel")
        stage = gr.HTML(elem_id="hp-stage")
        report = gr.DownloadButton("Download the report", visible=False, elem_id="hp-report")
    asked = [task, sweep, draws, *(parts[name] for name in ("concept", "heads", "scale", "scope", "picked"))]
    run.click(handlers.study, asked, [stage, report], show_progress_on=stage, api_visibility="private", **_STUDY)
    cancel.click(handlers.cancel_study, None, None, queue=False, **_QUIET)


def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
