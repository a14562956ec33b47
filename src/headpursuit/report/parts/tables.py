"""The rows of the page's tables, as plain values."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headpursuit.analysis import Ranking
from headpursuit.report import wording
from headpursuit.report.parts.titles import arm_title
from headpursuit.studies.metrics import METRICS
from headpursuit.studies.results import ArmKind, ArmSummary, StudyConfig, StudyResult

_CONTROLS: tuple[ArmKind, ...] = ("matched", "random")


@dataclass(frozen=True)
class KeyFigure:
    """A large number with what it is."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class ArmRow:
    """An arm with its words; `arm` is None for the mean of a kind of controls."""

    name: str
    kind: ArmKind
    title: str
    arm: ArmSummary | None
    target: dict[str, float]
    """The mean of every fraction of the group, by the name it has in the results."""
    unrelated: dict[str, float] | None
    """The same; None where the task has no such questions."""
    perplexity: float
    perplexity_ratio: float
    """Times that of the base."""
    kl: float


def key_figures(result: StudyResult) -> tuple[KeyFigure, ...]:
    """What a reader in a hurry takes along."""
    base, edit = result.arms_of("base")[0], result.arms_of("edit")[0]
    n_heads = len(result.ranking.entries)
    target = base.target.score.value
    figures = [
        KeyFigure("heads edited", str(len(edit.heads)), f"{wording.share(len(edit.heads), n_heads)} of {n_heads}"),
        _before_after(f"target: {METRICS.find(result.metric).counted}", target, edit.target.score.value),
        KeyFigure("their scale", wording.number(result.scale), _scale_note(result.scale, result.config.scope)),
    ]
    if base.unrelated and edit.unrelated:
        kept = base.unrelated.score.value, edit.unrelated.score.value
        figures.insert(2, _before_after("unrelated questions answered correctly", *kept))
    rates = [arm.target.score.value for arm in result.arms_of("matched")]
    if rates:
        label = "target with random heads instead"
        spread = f"same layers; {len(rates)} draws, {wording.rate(min(rates))} to {wording.rate(max(rates))}"
        figures.append(KeyFigure(label, f"{wording.rate(target)} → {wording.rate(wording.mean(rates))}", spread))
    named = base.target.concept_rate.value, edit.target.concept_rate.value
    figures.append(_before_after("target outputs naming the concept at all", *named))
    return tuple(figures)


def arm_rows(result: StudyResult) -> tuple[ArmRow, ...]:
    """Every arm in the study's order, and after each kind of controls their mean."""
    rows: list[ArmRow] = []
    perplexity = result.arms_of("base")[0].damage.perplexity
    arms = result.arms
    for i, arm in enumerate(arms):
        rows.append(_row(arm.name, arm_title(arm, result), [arm], perplexity, arm))
        last_of_kind = all(later.kind != arm.kind for later in arms[i + 1 :])
        if arm.kind in _CONTROLS and last_of_kind and len(result.arms_of(arm.kind)) > 1:
            of_kind = result.arms_of(arm.kind)
            rows.append(_row(f"mean of {arm.kind}", f"{len(of_kind)} draws", of_kind, perplexity, None))
    return tuple(rows)


def settings(config: StudyConfig, ranking: Ranking) -> tuple[tuple[str, str], ...]:
    """The configuration, flat, by the names it has on disk."""
    flat: dict[str, Any] = {}
    chosen = ("heads", "scale") if config.sweep else ()
    for key, value in asdict(config).items():
        shown = "chosen by the dose sheet" if key in chosen else value
        flat |= {f"{key}.{k}": v for k, v in shown.items()} if isinstance(shown, dict) else {key: shown}
    flat["unembedding_sha256"] = ranking.unembedding_sha256
    return tuple((key, _setting(value)) for key, value in flat.items())


def _row(name: str, title: str, arms: Sequence[ArmSummary], base_perplexity: float, arm: ArmSummary | None) -> ArmRow:
    perplexity = wording.mean([a.damage.perplexity for a in arms])
    return ArmRow(
        name,
        arms[0].kind,
        title,
        arm,
        _means([a.target for a in arms]),
        _means([a.unrelated for a in arms]) if arms[0].unrelated else None,
        perplexity,
        perplexity / base_perplexity if base_perplexity else float("nan"),
        wording.mean([a.damage.kl for a in arms]),
    )


def _means(groups: Sequence[Any]) -> dict[str, float]:
    estimates = ("score", "exact", "f1", "concept_rate")
    means = {name: wording.mean([e.value for g in groups if (e := getattr(g, name))]) for name in estimates}
    means |= {name: wording.mean([getattr(g, name) for g in groups]) for name in ("empty", "repetition")}
    changes = [g.score_change.value for g in groups if g.score_change is not None]
    return means | {"score_change": wording.mean(changes)}


def _before_after(label: str, before: float, after: float) -> KeyFigure:
    return KeyFigure(label, f"{wording.rate(before)} → {wording.rate(after)}", _relative(before, after))


def _relative(before: float, after: float) -> str:
    if not before:
        return "the base has none"
    change = round(100 * (after / before - 1))
    if not change:
        return "unchanged"
    return f"{abs(change)} % {'less' if change < 0 else 'more'} than unedited"


def _scale_note(scale: float, scope: str) -> str:
    done = "kept" if scale == 1 else "weakened" if 0 < scale < 1 else "enhanced"
    if scale <= 0:
        done = "reversed" if scale < 0 else "removed"
    return f"what the heads write is {done}" + ("" if scope == "all" else f"; scope: {scope}")


def _setting(value: Any) -> str:
    if value is None:
        return "none"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
