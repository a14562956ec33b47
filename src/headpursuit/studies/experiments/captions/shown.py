"""A study of captions in the terminal."""

from collections.abc import Iterator

from headpursuit.studies.experiments.captions.result import CaptioningResult
from headpursuit.studies.kernel import Line, Shown, Table
from headpursuit.studies.results import CaptionArm, CaptionSheet
from headpursuit.studies.shown import heads_shown, ranking_shown, sheet_shown
from headpursuit.studies.tasks import Direction
from headpursuit.studies.text.captions import concept_words_in


def shown(result: CaptioningResult) -> Iterator[Shown]:
    """Ranking, dose sheets, edited heads, arms, an example and both verdicts."""
    yield from ranking_shown(result.ranking, 10)
    for direction, sheet in result.sheets.items():
        yield from _sheet(direction, sheet)
    heads = dict.fromkeys(head for direction in result.verdicts for head in result.edit(direction).heads)
    yield from heads_shown(heads, result.notes)
    yield _arms(result)
    yield from _example(result)
    for direction, verdict in result.verdicts.items():
        yield Line(f"\n{direction} {result.concept}: {verdict.outcome.upper()}: {verdict.sentence}", strong=True)
        yield from (Line(f"  {reason}") for reason in verdict.reasons)
    yield from (Line(f"  {remark}") for remark in result.remarks)


def _arms(result: CaptioningResult) -> Table:
    """Figures that fit into 80 columns; intervals, lengths and repetition are on the page."""
    rows = [
        (
            arm.name,
            f"{arm.frequency.value:.2f}",
            f"{arm.naming.value:.2f}",
            f"{arm.cider.value:.2f}",
            f"{arm.cider_without.value:.2f}",
            f"{arm.empty:.2f}",
            f"{arm.damage.perplexity:.1f}",
            f"{arm.damage.kl:.3f}",
        )
        for arm in result.arms
    ]
    columns = ("arm", ">frequency", ">naming", ">CIDEr", ">without", ">empty", ">ppl", ">KL")
    title = f"captions of {result.base.n_images} held-out images: words of {result.concept} per caption, and what else"
    return Table(title, columns, tuple(rows))


def _example(result: CaptioningResult) -> Iterator[Line]:
    """The first image of which the base names the concept, or else the first."""
    named = (e for e in result.examples if concept_words_in(e.captions[result.base.name], result.words))
    example = next(named, result.examples[0])
    yield Line(f"{result.request!r} ({example.image_name})")
    for name in (result.base.name, *(result.edit(direction).name for direction in result.verdicts)):
        yield Line(f"  {name}: {example.captions[name]!r}")


def _sheet(direction: Direction, sheet: CaptionSheet) -> Iterator[Shown]:
    def rates(arm: CaptionArm) -> str:
        figures = arm.relative_frequency(sheet.base), arm.kept_cider(sheet.base, direction)
        return " / ".join("-" if value is None else f"{value:.2f}" for value in figures)

    which = "CIDEr without them" if direction == "suppress" else "CIDEr"
    title = f"dose sheet to {direction}: words of the concept / {which}, times the unedited model's"
    return sheet_shown(sheet, title, rates)
