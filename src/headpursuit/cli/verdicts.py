"""How a finished study is shown in the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

from headpursuit.cli.analyse import print_ranking
from headpursuit.cli.captions import show_captions
from headpursuit.cli.console import print_table, quoted, say

if TYPE_CHECKING:
    from headpursuit.studies import CaptioningResult, StudyResult
    from headpursuit.studies.results import ArmSummary, DoseSheet


def show(result: "StudyResult | CaptioningResult", output: Path) -> None:
    """Ranking, dose, arms, an example and verdict in the terminal, and the page."""
    from headpursuit.report import render
    from headpursuit.studies import StudyResult

    print_ranking(result.ranking, 10)
    if isinstance(result, StudyResult):
        _show_answers(result)
    else:
        show_captions(result)
    for remark in result.remarks:
        say(f"  {remark}")
    say(f"\nreport: {render(output)}")


def _show_answers(result: "StudyResult") -> None:
    tokens = {note.head: note.tokens for note in result.notes}
    if result.sheet is not None:
        _show_sheet(result.sheet)
    for head in result.edit.heads:
        say(f"{head} writes {quoted(tokens[head])}")
    rows = [
        (
            arm.name,
            " ".join(arm.heads),
            str(arm.target.score),
            str(arm.unrelated.score) if arm.unrelated else "-",
            f"{arm.damage.perplexity:.1f}",
            f"{arm.damage.kl:.3f}",
        )
        for arm in result.arms
    ]
    columns = ("arm", "heads", ">target", ">unrelated", ">ppl", ">KL")
    print_table(f"held-out questions answered correctly, heads at scale {result.scale:g}", columns, rows)
    _show_example(result)
    say(f"\n{result.verdict.outcome.upper()}: {result.verdict.sentence}", "bold")
    for reason in result.verdict.reasons:
        say(f"  {reason}")


def _show_example(result: "StudyResult") -> None:
    """The first target question that the base answers correctly."""
    from headpursuit.studies import is_right

    targets = (e for e in result.examples if e.group == "target")
    example = next((e for e in targets if is_right(e.answers["base"], e.accepted, e.label, result.classes)), None)
    if example is not None:
        say(f"{example.prompt!r}{f' ({example.image_name})' if example.image_name else ''}")
        for arm in ("base", "edit", "matched-1"):
            say(f"  {arm}: {example.answers[arm]!r}")


def _show_sheet(sheet: "DoseSheet") -> None:
    """Heads down, scales across."""
    marks = {"good": "", "too weak": " weak", "over-intervened": " broken"}
    scales = list(dict.fromkeys(cell.scale for cell in sheet.cells))
    by_place = {(cell.n_heads, cell.scale): cell for cell in sheet.cells}
    rows = []
    for n_heads in dict.fromkeys(cell.n_heads for cell in sheet.cells):
        cells = [by_place[n_heads, scale] for scale in scales]
        chosen = [n_heads == sheet.n_heads and scale == sheet.scale for scale in scales]
        texts = [
            f"{'> ' if c else ''}{_rates(cell.arm)}{marks[cell.word]}" for c, cell in zip(chosen, cells, strict=True)
        ]
        rows.append((str(n_heads), *texts))
    print_table(
        f"dose sheet: target / unrelated questions answered correctly, unedited {_rates(sheet.base)}",
        (">heads", *(f">x {scale:g}" for scale in scales)),
        rows,
    )
    say(sheet.sentence)


def _rates(arm: "ArmSummary") -> str:
    unrelated = f" / {arm.unrelated.score.value:.2f}" if arm.unrelated else ""
    return f"{arm.target.score.value:.2f}{unrelated}"
