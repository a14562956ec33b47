"""Agreement of two rankings: the heads they share among the best, against chance, and the order of all heads."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from headpursuit.analysis import Ranking, versions
from headpursuit.studies.experiments.agreement.config import AgreementConfig, command
from headpursuit.studies.figures.overlap import chance_of
from headpursuit.studies.figures.statistics import rank_correlation
from headpursuit.studies.kernel import Experiment, Line, Loadable, ResultKind, Shown, Table, alone, check_identity
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.results import Estimate

_LEVEL = 0.05


@dataclass(frozen=True)
class Compared:
    """One of the two rankings."""

    concept: str
    score: str
    """The score that sorted its heads."""
    model: str


@dataclass(frozen=True)
class SharedTop:
    """The best heads of both, so many of each."""

    n_heads: int
    shared: tuple[str, ...]
    """Those that both have."""
    expected: float
    """Number that sets drawn from all heads would share."""
    p: float
    """Probability that such sets share at least as many."""
    expected_in_layers: float
    """Number that would be shared if each set kept its number of heads in every layer."""
    p_in_layers: float
    """Probability that such sets share at least as many."""


@dataclass(frozen=True)
class HeadPlaces:
    """A head that is among the best of either, and its places."""

    head: str
    one: int
    """From 1, the best."""
    other: int


@dataclass(frozen=True)
class AgreementResult(Loadable):
    """The agreement of two rankings."""

    config: AgreementConfig
    command: str
    """The command that runs it again."""
    one: Compared
    other: Compared
    n_heads: int
    """That both rank."""
    tops: tuple[SharedTop, ...]
    """Few heads first."""
    spearman: Estimate
    """Rank correlation of the scores of all heads, -1 to 1; its interval takes heads as independent."""
    places: tuple[HeadPlaces, ...]
    """In the order of the one."""
    sentence: str
    """The finding, in plain words."""
    versions: dict[str, str]


KIND = ResultKind("agreement", AgreementConfig, AgreementResult)
"""An agreement on disk."""


def read_rankings(config: AgreementConfig) -> dict[str, Ranking]:
    """Both rankings, `one` and `other`.

    Raises:
        FileNotFoundError: If one is missing.
        ValueError: If one cannot be read, they rank different heads, or fewer than are asked for.
    """
    places = {name: Path(getattr(config, name)) for name in ("one", "other")}
    found = {n: Ranking.load(place / "ranking.json" if place.is_dir() else place) for n, place in places.items()}
    one, other = ({entry.head for entry in ranking.entries} for ranking in found.values())
    if one != other:
        head = min(one ^ other)
        raise ValueError(
            f"{config.one} and {config.other} rank different heads: {head} is in one of them only; give two rankings "
            "of one model"
        )
    config.counts(len(one))
    return found


@alone
def compare_rankings(
    config: AgreementConfig,
    path: Path | str,
    *,
    one: Ranking | None = None,
    other: Ranking | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> AgreementResult:
    """Compare two rankings of the same heads.

    Args:
        config: The rankings, and how many of their best heads are compared.
        path: The folder of the results.
        one: A ranking at hand, which `config.one` then only names.
        other: The same for `config.other`.
        resume: Go on with what is unfinished in that folder.
        progress: Told about the one stage.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        FileNotFoundError: If a ranking is missing.
        ValueError: If they rank different heads, or the folder was begun with other settings or rankings.
    """
    folder = Path(path)
    read = {} if one and other else read_rankings(config)
    one, other = one or read["one"], other or read["other"]
    KIND.check(folder, config, resume=resume)
    KIND.begin(folder, config)
    inputs = {name: sha256(repr(r.by_head()).encode()).hexdigest() for name, r in (("one", one), ("other", other))}
    check_identity(folder / "inputs.json", inputs, {name: f"another ranking as the {name}" for name in inputs})
    progress("compare", 0, 1)
    result = _compared(config, folder, one, other)
    progress("compare", 1, 1)
    return KIND.finish(folder, result, concepts=[one.concept, other.concept], model=one.model)


def shown(result: AgreementResult) -> Iterator[Shown]:
    """A table of the shared heads for each number of best ones, and the finding."""
    rows = [
        (
            str(top.n_heads),
            str(len(top.shared)),
            f"{top.expected:.2g}",
            f"{top.p:.2g}",
            f"{top.expected_in_layers:.2g}",
            f"{top.p_in_layers:.2g}",
            " ".join(top.shared[:4]) + (" ..." if len(top.shared) > 4 else ""),
        )
        for top in result.tops
    ]
    columns = (">best", ">shared", ">by chance", ">p", ">by chance, same layers", ">p", "heads")
    yield Table(f"{_name(result.one)} and {_name(result.other)}, {result.n_heads} heads", columns, tuple(rows))
    yield Line(result.sentence, strong=True)


def _compared(config: AgreementConfig, folder: Path, one: Ranking, other: Ranking) -> AgreementResult:
    ours, theirs = one.by_head(), other.by_head()
    order, others = list(ours), {head: place for place, head in enumerate(theirs, 1)}
    tops = tuple(_top(one, other, count) for count in config.counts(len(order)))
    most = tops[-1].n_heads
    correlation = rank_correlation(list(ours.values()), [theirs[head] for head in order], config.seed)
    return AgreementResult(
        config,
        command(config, folder),
        Compared(one.concept, one.score, one.model),
        Compared(other.concept, other.score, other.model),
        len(order),
        tops,
        correlation,
        tuple(
            HeadPlaces(str(head), place, others[head])
            for place, head in enumerate(order, 1)
            if place <= most or others[head] <= most
        ),
        _sentence(tops, correlation, len(order)),
        versions(),
    )


def _top(one: Ranking, other: Ranking, count: int) -> SharedTop:
    ours, theirs = one.top(count), other.top(count)
    everywhere = sorted(entry.head for entry in one.entries)
    shared = tuple(str(head) for head in ours if head in set(theirs))
    anywhere = chance_of(ours, theirs, everywhere)
    return SharedTop(count, shared, *anywhere, *chance_of(ours, theirs, everywhere, layer_matched=True))


def _sentence(tops: tuple[SharedTop, ...], correlation: Estimate, n_heads: int) -> str:
    counts, shared = (", ".join(map(str, each)) for each in ([t.n_heads for t in tops], [len(t.shared) for t in tops]))
    above = [str(top.n_heads) for top in tops if top.p_in_layers < _LEVEL]
    chance = f"more than sets that keep their layers would (p < {_LEVEL}) for {', '.join(above)}" if above else ""
    return (
        f"Of their best {counts} heads the rankings share {shared}: "
        f"{chance or 'no more than sets that keep their layers might'}. Over all {n_heads} heads the rank correlation "
        f"is {correlation.value:.2f} ({correlation.low:.2f} to {correlation.high:.2f})."
    )


def _name(one: Compared) -> str:
    return f"{one.concept} by {one.score}"


EXPERIMENT = Experiment(
    "agreement",
    KIND,
    lambda _, config, folder, **given: compare_rankings(config, folder, **given),
    shown,
    command,
    read_rankings,
    model=lambda *_: None,
)
