"""A transfer in plain words, where "no" is an answer, and as terminals show it."""

from collections.abc import Iterator, Mapping, Sequence

from headpursuit.studies.experiments.transfer.effects import Column, EffectCell
from headpursuit.studies.experiments.transfer.overlap import Overlap
from headpursuit.studies.experiments.transfer.result import TransferResult
from headpursuit.studies.judging.terms import percent
from headpursuit.studies.kernel import Line, Shown, Table
from headpursuit.studies.measures import Thresholds

_MARKS = {"acts": "*", "does not act": "", "breaks": " broken", "nothing to lose": " -"}


def sentences_of(
    overlaps: Sequence[Overlap], cells: Sequence[EffectCell], columns: Sequence[Column]
) -> tuple[str, ...]:
    """One sentence on everything, then whether heads act at home, where they carry over, and what they share."""
    lost = {column.name: column.lost for column in columns}
    return (_summary(cells), *_at_home(cells, lost), *_carried(cells, lost), *_shared(overlaps))


def _summary(cells: Sequence[EffectCell]) -> str:
    """The number of pairs that show a transfer, of those that could."""
    abroad = [cell for cell in cells if cell.row != cell.column]
    at_home = _acting_at_home(cells)
    telling = [cell for cell in abroad if cell.row in at_home and cell.word in ("acts", "does not act")]
    carried = sum(cell.word == "acts" for cell in telling)
    if not telling:
        return "No edit surely acts on its own task without breaking the model, so nothing can be said about transfer."
    silent = len(abroad) - len(telling)
    rest = f"; {silent} more tell nothing, as the edit does not act at home, breaks the model, or has nothing to take"
    return (
        f"Of {len(telling)} cases in which heads that act on their own task are edited on another's questions, the "
        f"edit carries over in {carried or 'none'}{rest if silent else ''}."
    )


def _acting_at_home(cells: Sequence[EffectCell]) -> set[str]:
    return {cell.row for cell in cells if cell.row == cell.column and cell.word == "acts"}


def _at_home(cells: Sequence[EffectCell], lost: Mapping[str, str]) -> Iterator[str]:
    """A sentence on each task's heads and its own questions: only where they act is there something to carry over."""
    for cell in (cell for cell in cells if cell.row == cell.column):
        if cell.word == "acts":
            yield f"The heads of {cell.row} act on its own questions: {_takes(cell, lost)}."
        elif cell.word == "nothing to lose":
            yield f"The unedited model scores next to nothing on {cell.row}: there is nothing to lose."
        elif cell.word == "breaks":
            yield f"Edited on its own questions, the heads of {cell.row} break the model: {'; '.join(cell.signs)}."
        else:
            yield (
                f"The heads of {cell.row} do not surely act on its own questions ({_takes(cell, lost)}), so that "
                "they do nothing elsewhere would say nothing about transfer."
            )


def _carried(cells: Sequence[EffectCell], lost: Mapping[str, str]) -> Iterator[str]:
    at_home = _acting_at_home(cells)
    for cell in (cell for cell in cells if cell.row != cell.column):
        where = f"to {cell.column}"
        if cell.word == "acts":
            yield f"The heads of {cell.row} carry over {where}: {_takes(cell, lost)}{_of_own(cell, cells)}."
        elif cell.word == "does not act" and cell.row in at_home:
            yield f"The heads of {cell.row} do not carry over {where}: {_takes(cell, lost)}."
        elif cell.word == "breaks":
            yield f"Whether the heads of {cell.row} carry over {where} cannot be told: {'; '.join(cell.signs)}."


def _takes(cell: EffectCell, lost: Mapping[str, str]) -> str:
    effect, what = cell.effect, lost[cell.column]
    interval = f"{percent(effect.low)} to {percent(effect.high)}"
    return (
        f"they take {percent(effect.value)} of the {what} (95 % interval {interval}), "
        f"random heads of the same layers {percent(cell.random)}"
    )


def _of_own(cell: EffectCell, cells: Sequence[EffectCell]) -> str:
    """The part that the column's own heads take, beside it."""
    own = next(own for own in cells if own.row == own.column == cell.column)
    return f"; its own heads take {own.effect.value:.0%}" if own.word == "acts" else ""


def _shared(overlaps: Sequence[Overlap]) -> Iterator[str]:
    """Pairs that share more heads than chance."""
    level = Thresholds.significance
    for overlap in (o for o in overlaps if o.p_adjusted < level):
        n, words, p = len(overlap.shared), overlap.shared_words, f"p = {overlap.p_in_layers_adjusted:.2g}"
        beyond = overlap.p_in_layers_adjusted < level
        layers = f"and more than sets that keep their layers ({p})"
        common = f"; their concepts have {words} word{'s' if words != 1 else ''} in common" if words else ""
        yield (
            f"{' and '.join(overlap.tasks)} share {n} edited head{'s' if n != 1 else ''}, more than chance "
            f"({overlap.expected:.2g} expected, p = {overlap.p_adjusted:.2g} after Holm's correction), "
            f"{layers if beyond else f'but no more than sets that keep their layers might ({p})'}{common}."
        )
    others = [f"{o.tasks[0]} and {o.tasks[1]} ({len(o.shared)})" for o in overlaps if o.p_adjusted >= level]
    if others:
        yield f"No more heads than chance are shared by {'; '.join(others)}."


def shown(result: TransferResult) -> Iterator[Shown]:
    """Heads, what they share, the matrix, and sentences."""
    rows = [(task.name, task.task, f"{task.concept} ({task.n_words})", " ".join(task.heads)) for task in result.tasks]
    columns = ("task", "what", "concept (words)", "heads")
    yield Table(f"best heads of every task, of {result.n_heads}", columns, tuple(rows))
    yield _overlaps(result)
    yield _matrix(result)
    if result.isolations:
        yield _isolations(result)
    first, *others = result.sentences
    yield Line(f"\n{first}", strong=True)
    yield from (Line(f"  {text}") for text in (*others, *result.remarks))


def _overlaps(result: TransferResult) -> Table:
    rows = [
        (
            " & ".join(overlap.tasks),
            f"{len(overlap.shared)}",
            f"{overlap.expected:.2g}",
            f"{overlap.jaccard:.2f}",
            f"{overlap.p_adjusted:.2g}",
            f"{overlap.p_in_layers_adjusted:.2g}",
            f"{overlap.spearman:.2f}",
        )
        for overlap in result.overlaps
    ]
    columns = ("tasks", ">shared", ">by chance", ">Jaccard", ">p (Holm)", ">p, same layers", ">Spearman, all heads")
    return Table("heads that tasks share", columns, tuple(rows))


def _matrix(result: TransferResult) -> Table:
    names = [task.name for task in result.tasks]
    rows = [(row, *(_cell(result.cell(row, column)) for column in names)) for row in names]
    rows.append(
        ("random heads", *(f"{sum(c.random) / len(c.random):.2f} (mean of {len(c.random)})" for c in result.columns))
    )
    rows.append(("score, unedited", *(f"{column.base.value:.2f}" for column in result.columns)))
    title = (
        f"fraction of the score lost: heads of the row × {result.config.scale:g}, questions of the column; * more than "
        "random heads; broken: the model falls apart; -: nothing to lose"
    )
    return Table(title, ("heads of", *(f">{name}" for name in names)), tuple(rows))


def _isolations(result: TransferResult) -> Table:
    rows = tuple(
        (
            each.row,
            f"{each.cause:.2f}",
            f"{each.isolate:.2f}",
            f"{each.disentangled:.2f}",
            f"{each.most} {each.loss.value:.2f} ({each.loss.low:.2f}-{each.loss.high:.2f})",
        )
        for each in result.isolations
    )
    columns = ("heads of", ">cause", ">isolate", ">mean of both", "other task that loses most")
    return Table("what an edit isolates: taken of its own task, left of the others", columns, rows)


def _cell(cell: EffectCell) -> str:
    effect = cell.effect
    return f"{effect.value:.2f} ({effect.low:.2f}-{effect.high:.2f}){_MARKS[cell.word]}"
