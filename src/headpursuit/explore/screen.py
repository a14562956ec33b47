"""From what a visitor has set to what is shown: fragments of the page, and one clear line where something cannot be."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from headpursuit.analysis import Ranking
from headpursuit.concepts import Concept
from headpursuit.explore import fragments, recipes
from headpursuit.explore.answers import Question, Table, ask
from headpursuit.explore.jobs import Job
from headpursuit.explore.view import View
from headpursuit.explore.visitor_input import meant_concept, typed_concept, typed_heads
from headpursuit.explore.workbench import Workbench
from headpursuit.heads import Edit, Head, parse_scope
from headpursuit.media import ImagePrompt, open_image
from headpursuit.media.images.opening import image_size
from headpursuit.user_errors import user_errors

MOST_IMAGE_PIXELS = 25_000_000
"""Larger pictures are refused here: many visitors share the memory."""


@dataclass(frozen=True)
class Screen:
    """Fragments of the page; None where what is there shall stay."""

    message: str = ""
    audit: str | None = None
    heatmap: str | None = None
    ranking: str | None = None
    head: str | None = None
    export: str | None = None
    commands: str | None = None
    python: str | None = None

    def parts(self) -> tuple[str | None, ...]:
        """All fragments, in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))


def screen(bench: Workbench, capture: Path, view: View, image: Path | None = None) -> Screen:
    """Everything about a concept and a head; a concept or head that cannot be leaves the rest as it is.

    Args:
        bench: The workbench.
        capture: Where its capture is, for the command line.
        view: What the visitor has set.
        image: The image the prompt is about, for the script.
    """
    audit = None
    try:
        concept = typed_concept(view.concept)
        audit = fragments.audit(bench.audit(concept), meant_concept(view.concept), concept.notes)
        ranking = bench.rank(concept, view.score)
        edit = edit_of(bench, ranking, view)
        looked_at = fragments.head(bench, bench.detail(Head.parse(view.head))) if view.head else fragments.no_head()
        return Screen(
            "",
            audit,
            fragments.heatmap(ranking, edit, view.head),
            fragments.ranking_table(ranking),
            looked_at,
            fragments.export(edit, ranking, recipes.shipping(bench.model, view)),
            recipes.commands(bench.model, capture, concept, view, edit),
            recipes.python(bench.model, capture, concept, view, edit, image),
        )
    except user_errors() as error:
        return Screen(fragments.message(str(error)), audit)


def edit_of(bench: Workbench, ranking: Ranking, view: View) -> Edit:
    """The edit on the screen: heads picked by hand, or the best ones of the ranking.

    Raises:
        ValueError: If a head does not exist, or there are not as many.
    """
    picked = typed_heads(view.picked, bench.heads)
    return Edit.uniform(
        picked or ranking.top(min(view.heads, len(ranking.entries))), view.scale, parse_scope(view.scope)
    )


def begin_answers(bench: Workbench, view: View, image: Path | None = None) -> Job[Table]:
    """Begin to answer the prompt on the screen.

    Args:
        bench: The workbench.
        view: What the visitor has set.
        image: The image the prompt is about, of a model that sees.

    Raises:
        ValueError: If the concept, a head, the scope or the image cannot be.
    """
    concept = typed_concept(view.concept)
    edit = edit_of(bench, bench.rank(concept, view.score), view)
    if not view.prompt.strip():
        raise ValueError("type a prompt first")
    prompt = view.prompt if image is None else ImagePrompt(view.prompt, _checked(image))
    return ask(bench, Question(prompt, edit, view.tokens, view.chat, view.random))


def _checked(image: Path) -> Path:
    """An image that can be opened and is not too large for that; errors call it what the visitor calls it."""
    try:
        width, height = image_size(image)
        if width * height > MOST_IMAGE_PIXELS:
            raise ValueError(f"{image} has {width} x {height} pixels; at most {MOST_IMAGE_PIXELS:,} are taken here")
        open_image(image)
    except user_errors() as error:
        raise ValueError(str(error).replace(str(image), image.name)) from error
    return image


def heard(job: Job[Table], concept: Concept, picture: str | None) -> Iterator[str]:
    """The tables that a job of answers tells, drawn; what went wrong takes the answers' place.

    Args:
        job: The job.
        concept: Its words are marked.
        picture: As `fragments.answers` takes it.
    """
    try:
        for table in job:
            yield fragments.answers(table, concept, picture)
    except user_errors() as error:
        yield fragments.message(str(error))
