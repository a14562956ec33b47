"""A finished comparison of rankers, in memory and on disk."""

from dataclasses import dataclass, field
from pathlib import Path

from headpursuit.heads import Edit
from headpursuit.storage import read_json
from headpursuit.studies.experiments.rankers.settings import RankersConfig
from headpursuit.studies.kernel import Loadable, ResultKind
from headpursuit.studies.results import Estimate
from headpursuit.studies.tasks import Direction


@dataclass(frozen=True)
class RankedCell:
    """A set of heads at a scale, on held-out questions."""

    heads: tuple[str, ...]
    scale: float
    effect: float
    """Fraction by which the base's target score falls (or rises, in an enhancement); silence is no fall."""
    signs: tuple[str, ...]
    """Breakage, in words; none for a whole model."""
    target: float
    """Target score."""
    unrelated: float | None
    """None where it was not measured, since the target does not change; or there are no such questions."""
    perplexity_ratio: float
    """On neutral text, against the base; 1 where it was not measured."""
    chosen_by: tuple[str, ...]
    """The rankers whose best heads these are."""


@dataclass(frozen=True)
class RankerFigure:
    """The most that a ranker's best heads do without damage, at one number of heads."""

    n_heads: int
    effect: Estimate
    """Of the best scale among those that break nothing; 0 where all break something, for then nothing is edited. The
    mean over draws for random heads."""
    better: Estimate | None
    """Effect minus that of the default ranker, paired by question; None for the default itself."""
    scale: float | None
    """The best scale; None where there is none, or several draws."""
    n_broken: int
    """Draws of which every scale breaks something: 0 or 1 for a ranker that is not random."""
    n_draws: int = 1


@dataclass(frozen=True)
class RankerRow:
    """One ranker on one task."""

    ranker: str
    what: str
    top: tuple[str, ...]
    """Its best heads, as many as the largest number edited."""
    figures: tuple[RankerFigure, ...]
    """By number of heads, few first."""
    mean: Estimate
    """Effect averaged over numbers of heads."""
    better: Estimate | None
    """`mean` minus that of the default ranker, paired by question."""
    share: float | None = None
    """The largest of the figures' effects as a fraction of the ceiling's; None where there is no ceiling."""
    precision: float | None = None
    """Of its ten best heads, the fraction that are among the screen's ten best; None where heads were not screened."""
    passes: float | None = None
    """Passes over the ranking prompts that scoring all heads takes; a backward pass counts as two."""


@dataclass(frozen=True)
class GrownFigure:
    """The most that an edit grown by what it does, on other questions, does on held-out ones without damage."""

    among: str
    """The ranker among whose best heads it was grown; empty for all heads."""
    n_among: int
    """Heads that it was grown among."""
    edit: Edit | None
    """None where all break something, or none was grown."""
    effect: Estimate
    promised: float | None
    """Its effect on the questions that chose it."""
    n_tried: int
    """Edits that were grown, of which the held-out questions choose as they choose a ranker's scale."""
    n_broken: int
    passes: float
    """Passes over the questions that chose it."""
    share: float | None = None
    """Its effect as a fraction of the ceiling's."""


@dataclass(frozen=True)
class Contrast:
    """One ranker against another, averaged over numbers of heads."""

    one: str
    other: str
    difference: Estimate
    """Effect of the one minus effect of the other, paired by question."""


@dataclass(frozen=True)
class SharedHeads:
    """The heads that rankers have in common."""

    n_heads: int
    rankers: tuple[str, ...]
    shared: tuple[tuple[float, ...], ...]
    """Fraction of the best `n_heads` heads that two rankers have in common."""
    by_chance: float
    """The fraction that two random orders have in common on average."""


@dataclass(frozen=True)
class TaskComparison:
    """The rankers on one task."""

    task: str
    concept: str
    direction: Direction
    """The way that the target score is to go."""
    counted: str
    """The outputs that a target score is the rate of, such as `answers that are right`."""
    n_ranking_prompts: int
    n_target: int
    """Held-out target questions that every arm answered."""
    n_unrelated: int
    base: Estimate
    """Target score without an edit."""
    rows: tuple[RankerRow, ...]
    """The default first."""
    contrasts: tuple[Contrast, ...]
    overlap: SharedHeads
    cells: tuple[RankedCell, ...]
    left_out: dict[str, str]
    """Rankers that this task or model does not suit, and why."""
    sentences: tuple[str, ...]
    """The finding, in words."""
    ceiling: GrownFigure | None = None
    """The reach of an edit grown among all heads; None where there was no oracle."""
    shortlists: tuple[GrownFigure, ...] = ()
    """The same among the best heads of some rankers."""


@dataclass(frozen=True)
class RankersResult(Loadable):
    """A finished comparison."""

    config: RankersConfig
    model_summary: str
    certificate: str
    command: str
    versions: dict[str, str]
    tasks: tuple[TaskComparison, ...]
    mean_ranks: dict[str, float]
    """Place of each ranker by effect, 1 is best, averaged over tasks and numbers of heads; of rankers that suit all."""
    pooled: dict[str, Estimate]
    """Effect minus the default's, averaged over numbers of heads and tasks."""
    sentences: tuple[str, ...]
    """Findings over all tasks; none where there is only one."""
    seconds: dict[str, float]
    """Time of each ranker, all tasks together; differs from run to run, and is kept in its own files."""
    shares: dict[str, float] = field(default_factory=dict)
    """Share of the ceiling, averaged over tasks that have one."""


def seconds_in(folder: Path) -> dict[str, float]:
    """Time that each ranker took, over all tasks."""
    found: dict[str, float] = {}
    for file in sorted(folder.glob("*/scores/*.json")):
        found[file.stem] = found.get(file.stem, 0.0) + read_json(file)["seconds"]
    return found


KIND = ResultKind("rankers", RankersConfig, RankersResult, apart={"seconds": seconds_in})
"""A comparison of rankers on disk."""
