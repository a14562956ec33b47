"""How a finished study is shown in the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

from headpursuit.cli.analyse import print_ranking
from headpursuit.cli.captions import show_captions
from headpursuit.cli.console import print_table, quoted, say

if TYPE_CHECKING:
    from headpursuit.studies import CaptioningResult, StudyResult
    from headpursuit.studies.results import ArmSummary, DoseCell, DoseSheet


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
    from headpursuit.studies.scoring import METRICS

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
    columns = ("arm", "heads", f">{METRICS[result.metric].short}", ">unrelated", ">ppl", ">KL")
    title = f"held-out questions, heads at scale {result.scale:g}; target: {METRICS[result.metric].counted}"
    print_table(title, columns, rows)
    _show_example(result)
    say(f"\n{result.verdict.outcome.upper()}: {result.verdict.sentence}", "bold")
    for reason in result.verdict.reasons:
        say(f"  {reason}")


def _show_example(result: "StudyResult") -> None:
    """The first target question whose unedited answer counts."""
    example = next((e for e in result.examples if e.group == "target" and e.scores["base"] >= 0.5), None)
    if example is not None:
        say(f"{example.prompt!r}{f' ({example.image_name})' if example.image_name else ''}")
        for arm in ("base", "edit", "matched-1"):
            say(f"  {arm}: {example.answers[arm]!r}")


def _show_sheet(sheet: "DoseSheet") -> None:
    """Heads down, scales across."""
    scales = list(dict.fromkeys(cell.scale for cell in sheet.cells))
    by_place = {(cell.n_heads, cell.scale): cell for cell in sheet.cells}
    rows = []
    for n_heads in dict.fromkeys(cell.n_heads for cell in sheet.cells):
        rows.append((str(n_heads), *(_cell(by_place.get((n_heads, scale)), sheet) for scale in scales)))
    print_table(
        f"dose sheet: target score / unrelated answers that are right, unedited {_rates(sheet.base)}; > chosen, "
        "* on the Pareto front",
        (">heads", *(f">x {scale:g}" for scale in scales)),
        rows,
    )
    say(sheet.sentence)
    if sheet.not_run:
        say(f"Not measured, since the model had fallen apart at a milder dose: {len(sheet.not_run)} doses.")


def _cell(cell: "DoseCell | None", sheet: "DoseSheet") -> str:
    if cell is None:
        return "-"
    chosen, front = cell == sheet.chosen, cell in sheet.front
    return f"{'> ' if chosen else ''}{_rates(cell.arm)}{'*' if front else ''}{SHORT[cell.word]}"


SHORT = {"good": "", "too weak": " weak", "over-intervened": " broken", "incoherent": " babble", "not specific": " any"}
"""Words of doses, for tables of 80 columns."""


def _rates(arm: "ArmSummary") -> str:
    unrelated = f" / {arm.unrelated.score.value:.2f}" if arm.unrelated else ""
    return f"{arm.target.score.value:.2f}{unrelated}"
