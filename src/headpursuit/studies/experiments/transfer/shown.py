"""A transfer in the terminal."""

from collections.abc import Iterator

from headpursuit.studies.experiments.transfer.effects import EffectCell
from headpursuit.studies.experiments.transfer.result import TransferResult
from headpursuit.studies.kernel import Line, Shown, Table

_MARKS = {"acts": "*", "does not act": "", "breaks": " broken", "nothing to lose": " -"}


def shown(result: TransferResult) -> Iterator[Shown]:
    """Heads, what they share, the matrix, and sentences."""
    rows = [(task.name, task.task, f"{task.concept} ({task.n_words})", " ".join(task.heads)) for task in result.tasks]
    columns = ("task", "what", "concept (words)", "heads")
    yield Table(f"best heads of every task, of {result.n_heads}", columns, tuple(rows))
    yield _overlaps(result)
    yield _matrix(result)
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
        f"fraction of the score lost: heads of the row x {result.config.scale:g}, questions of the column; * more than "
        "random heads; broken: the model falls apart; -: nothing to lose"
    )
    return Table(title, ("heads of", *(f">{name}" for name in names)), tuple(rows))


def _cell(cell: EffectCell) -> str:
    effect = cell.effect
    return f"{effect.value:.2f} ({effect.low:.2f}-{effect.high:.2f}){_MARKS[cell.word]}"
