"""A sensitivity study in the terminal."""

from collections.abc import Iterator

from headpursuit.studies.experiments.sensitivity.result import Agreement, SensitivityResult
from headpursuit.studies.kernel import Line, Shown, Table


def shown(result: SensitivityResult) -> Iterator[Shown]:
    """Agreements, suggestions, remarks, and what was found."""
    k, more = result.edit_heads, result.more_heads
    columns = ("list", ">draws", ">tokens", f">best {k}", f">best {more}", ">Spearman")
    yield Table(
        f"{result.concept}: agreement with the ranking of the full list ({result.n_known} words, {result.n_tokens} "
        f"tokens); by chance {result.chance:.2f} of the best {k}, {result.chance_more:.2f} of the best {more}",
        # What else there is does not fit into 80 columns.
        columns + ((">effect", ">broken") if result.measured else ()),
        tuple(map(_row, result.agreements)),
    )
    if result.suggestions:
        words = ", ".join(f"{s.word} {s.score:.2f}" for s in result.suggestions)
        yield Line(f"words that may be missing (nothing was added): {words}")
    yield from map(Line, result.remarks)
    yield Line(f"\n{result.outcome.upper()}: {result.sentence}", strong=True)
    if result.measured:
        yield Line(result.measured.sentence, strong=True)


def _row(a: Agreement) -> tuple[str, ...]:
    effect = (f"{a.effect.target.value:.2f}", f"{a.effect.broken:.0%}") if a.effect else ()
    return (
        a.label,
        str(a.n_draws),
        f"{a.n_tokens:.0f}",
        str(a.overlap),
        f"{a.overlap_more.value:.2f}",
        f"{a.spearman.value:.2f}",
        *effect,
    )
