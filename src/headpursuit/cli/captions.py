"""How a finished study of captions is shown in the terminal."""

from typing import TYPE_CHECKING

from headpursuit.cli.console import print_table, quoted, say

if TYPE_CHECKING:
    from headpursuit.studies.captioning import CaptionCell, CaptioningResult, CaptionSheet

_MARKS = {"good": "", "too weak": " weak", "over-intervened": " broken", "incoherent": " babble"}


def show_captions(result: "CaptioningResult") -> None:
    """Dose sheets, edited heads, arms, an example and both verdicts."""
    for sheet in result.sheets.values():
        _show_sheet(sheet)
    tokens = {note.head: note.tokens for note in result.notes}
    for head in dict.fromkeys(head for direction in result.verdicts for head in result.edit(direction).heads):
        say(f"{head} writes {quoted(tokens[head])}")
    _show_arms(result)
    _show_example(result)
    for direction, verdict in result.verdicts.items():
        say(f"\n{direction} {result.concept}: {verdict.outcome.upper()}: {verdict.sentence}", "bold")
        for reason in verdict.reasons:
            say(f"  {reason}")


def _show_arms(result: "CaptioningResult") -> None:
    """What fits into 80 columns; intervals, lengths and repetition are on the page."""
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
    print_table(title, columns, rows)


def _show_example(result: "CaptioningResult") -> None:
    """The first image of which the base names the concept, or else the first."""
    from headpursuit.studies.captions import concept_words_in

    named = (e for e in result.examples if concept_words_in(e.captions[result.base.name], result.words))
    example = next(named, result.examples[0])
    say(f"{result.request!r} ({example.image_name})")
    for name in (result.base.name, *(result.edit(direction).name for direction in result.verdicts)):
        say(f"  {name}: {example.captions[name]!r}")


def _show_sheet(sheet: "CaptionSheet") -> None:
    """Heads down, scales across."""
    scales = list(dict.fromkeys(cell.scale for cell in sheet.cells))
    by_place = {(cell.n_heads, cell.scale): cell for cell in sheet.cells}
    rows = []
    for n_heads in dict.fromkeys(cell.n_heads for cell in sheet.cells):
        cells = [by_place[n_heads, scale] for scale in scales]
        rows.append((str(n_heads), *(_cell(cell, chosen=cell == sheet.chosen) for cell in cells)))
    which = "CIDEr without them" if sheet.direction == "suppress" else "CIDEr"
    print_table(
        f"dose sheet to {sheet.direction}: words of the concept / {which}, times the unedited model's",
        (">heads", *(f">x {scale:g}" for scale in scales)),
        rows,
    )
    say(sheet.sentence)


def _cell(cell: "CaptionCell", *, chosen: bool) -> str:
    figures = " / ".join("-" if value is None else f"{value:.2f}" for value in (cell.frequency, cell.cider))
    return f"{'> ' if chosen else ''}{figures}{_MARKS[cell.word]}"
