"""Handlers of the page's events: values of components in, fragments of the page out, each visitor for themselves."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from headpursuit.explore import fragments
from headpursuit.explore.jobs import Jobs
from headpursuit.explore.screen import begin_answers, heard, screen
from headpursuit.explore.study_runs import Stage, run_study, study_config
from headpursuit.explore.view import View, kinds_of_controls, scopes_of, usual_view
from headpursuit.explore.visitor_input import typed_concept
from headpursuit.explore.workbench import Workbench
from headpursuit.user_errors import user_errors

CONTROLS = tuple(kinds_of_controls())
"""The order in which components' values come."""


class Handlers:
    """Handlers of events. Nothing is kept of a visitor but the work under way: all else comes with each request."""

    def __init__(self, bench: Workbench, capture: Path, output: Path) -> None:
        """Take what all visitors share.

        Args:
            bench: The workbench.
            capture: Where its capture is, for the command lines.
            output: The folder that studies are written into.
        """
        self._bench, self._capture, self._output, self._jobs = bench, capture, output, Jobs()
        self.usual = usual_view(bench.model)
        atexit.register(self._jobs.end)

    def start(self, query: str) -> list[Any]:
        """A page was opened: the controls as its address has them, and what they show."""
        view = View.of_query(query, self.usual)
        if view.scope not in scopes_of(self._bench.model):
            view = replace(view, scope="all")
        values = [getattr(view, name) for name in CONTROLS]
        return [*values, *self.refresh(None, *values)]

    def refresh(self, image: str | None, *values: Any) -> list[Any]:
        """Controls changed: the address, then the fragments of a `Screen`."""
        try:
            view = _view(values)
        except user_errors() as error:
            return [gr.skip(), fragments.message(str(error)), *[gr.skip()] * 7]
        shown = screen(self._bench, self._capture, view, Path(image) if image else None).parts()
        return [view.query(self.usual), *(gr.skip() if part is None else part for part in shown)]

    def clicked(self, event: gr.EventData) -> Any:
        """A head or the name of a list was clicked; a click beside them changes nothing."""
        name = (event._data or {}).get("name")
        return name if isinstance(name, str) else gr.skip()

    def answer(self, request: gr.Request, image: str | None, *values: Any) -> Iterator[str]:
        """Answer this visitor's prompt under this visitor's edit, or say in the answers' place what is wrong."""
        picture = "" if self._bench.model.sees_images else None
        try:
            view = _view(values)
            job = begin_answers(self._bench, view, Path(image) if image else None)
            picture = fragments.thumbnail(Path(image)) if image else picture
        except user_errors() as error:
            yield fragments.message(str(error))
            return
        self._jobs.begin(_visitor(request), "answers", job)
        yield from heard(job, typed_concept(view.concept), picture)

    def stop(self, request: gr.Request) -> None:
        """Call this visitor's answers off."""
        self._jobs.cancel(_visitor(request), "answers")

    def study(
        self,
        request: gr.Request,
        task: str,
        sweep: bool,
        controls: float,
        concept: str,
        heads: float,
        scale: float,
        scope: str,
        picked: str,
    ) -> Iterator[tuple[Any, Any]]:
        """Run a study or a dose sheet for this visitor: how far it is, and at the end its report."""
        shown: Stage | None = None
        try:
            if picked.strip():
                raise ValueError("a study ranks heads itself, on prompts of its own; empty the heads picked by hand")
            dose = {"sweep": True} if sweep else {"heads": str(int(heads)), "scale": scale}
            config = study_config(self._bench, task, concept.strip(), controls=int(controls), scope=scope, **dose)
            job = self._jobs.begin(_visitor(request), "study", run_study(self._bench, config, self._output))
            yield fragments.stage(None, text="begins"), gr.DownloadButton(visible=False)
            for shown in job:
                yield fragments.stage(shown), gr.skip()
        except user_errors() as error:
            yield fragments.stage(None, "failed", str(error)), gr.skip()
            return
        if shown is None or shown.folder is None:
            yield fragments.stage(None, "cancelled", "called off; nothing was kept"), gr.skip()
            return
        yield fragments.stage(shown, "finished"), gr.DownloadButton(value=_to_download(shown.folder), visible=True)

    def cancel_study(self, request: gr.Request) -> None:
        """Call this visitor's study off."""
        self._jobs.cancel(_visitor(request), "study")

    def leave(self, request: gr.Request) -> None:
        """The visitor closed the page: nothing goes on for them."""
        self._jobs.cancel(_visitor(request))


def _to_download(study: Path) -> str:
    """A copy of a study's report among what is served; the study itself is not."""
    place = Path(tempfile.mkdtemp(dir=os.environ["GRADIO_TEMP_DIR"])) / f"{study.name}.html"
    shutil.copyfile(study / "report.html", place)
    return str(place)


def _visitor(request: gr.Request) -> str:
    """Tells one open page from another."""
    return str(request.session_hash)


def _view(values: tuple[Any, ...]) -> View:
    """The view that the components say; whole numbers may come as floating ones, and an emptied field as nothing."""
    given = dict(zip(CONTROLS, values, strict=True))
    kinds = kinds_of_controls()
    return View(**{name: kinds[name]("" if value is None else value) for name, value in given.items()})
