"""The oracle: every head rescaled by itself, and the best edit grown from that, which is a ceiling for all rankers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from headpursuit.analysis.rankers import RANKERS, order_of
from headpursuit.heads import Edit
from headpursuit.studies.causal.growing import Growing
from headpursuit.studies.experiments.rankers.measuring import Orders, Run
from headpursuit.studies.kernel import part
from headpursuit.studies.results import Grown

SCREENS = {
    "screen": "effect beyond what is lost, each head rescaled alone",
    "screen-effect": "effect, each head rescaled alone",
}
"""Orders that follow from rescaling every head; no score that needs none of that is among them."""

TENTH = 10
"""A shortlist is so small a part of all heads."""


@dataclass(frozen=True)
class Oracle:
    """Edits grown on questions that choose heads, among all heads and among the best of some rankers."""

    grown: Grown
    shortlists: dict[str, Grown]
    """By ranker."""
    screened: Orders
    """The orders of `SCREENS`."""

    @property
    def edits(self) -> Iterator[Edit]:
        """Every edit that is worth measuring."""
        for grown in (self.grown, *self.shortlists.values()):
            yield from (finalist.edit for finalist in grown.finalists)


def consult(run: Run, orders: Orders) -> Oracle | str:
    """Screen all heads and grow edits; or the reason that the task has too little for that.

    Raises:
        ValueError: If a probability is undefined.
    """
    study, heads = replace(run.study, scales=run.config.scales), run.model.anatomy.heads
    growing = Growing(run.model, run.task, study, run.folder, run.progress, run.config.oracle_questions)
    file = run.folder / "grown.json"
    if not file.exists():
        try:
            _ = growing.measured
        except ValueError as error:
            return str(error)
    grown = part(file, Grown, partial(growing.grown, heads))
    effects = growing.effects(heads)
    alone = {head: each.effect - max(each.loss, 0.0) for each in grown.alone for head in each.edit}
    # Of the rest nobody knows what it breaks; it does less than any of these.
    beyond = {head: alone.get(head, min(effect, 0.0)) for head, effect in effects.items()}
    shortlists = {}
    for name in run.config.shortlists:
        if name in orders:
            among = orders[name][0][: max(1, len(heads) // TENTH)]
            file = run.folder / f"grown-{name}.json"
            shortlists[name] = part(file, Grown, partial(growing.grown, among, grown.alone))
    return Oracle(grown, shortlists, {"screen": (order_of(beyond),), "screen-effect": (order_of(effects),)})


def passes(grown: Grown) -> float:
    """Passes over the questions that chose an edit: half a one for its effect, another for its damage.

    A pass from the edited layer is half a whole one on average over layers; damage reads unrelated questions and
    neutral text, which are counted as two.
    """
    return (grown.n_effects + 2 * grown.n_damages) * (1.0 if grown.plain else 0.5)


def screening_passes(grown: Grown) -> float:
    """The passes of `screen`: the effects of all heads, and the damage of those that do most."""
    return (grown.n_screened + 2 * len(grown.alone)) * (1.0 if grown.plain else 0.5)


def kind_of(name: str) -> str:
    """The kind of a ranker: `linear`, `nonlinear`, `random`, or `oracle` for those that edit every head."""
    return "oracle" if name in SCREENS else RANKERS[name].kind


def about(name: str) -> str:
    """The score of a ranker in a few words."""
    return SCREENS.get(name) or RANKERS[name].what
