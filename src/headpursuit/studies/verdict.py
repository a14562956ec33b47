"""From figures to words: what a study shows, and why."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from headpursuit.studies.results import ArmKind, ArmSummary, Estimate, Outcome, Verdict
from headpursuit.studies.scoring import Metric
from headpursuit.studies.tasks import Direction


@dataclass(frozen=True)
class Thresholds:
    """Where the lines are drawn; fractions of the base's value unless said otherwise."""

    weakest_base: float = 0.1
    """Below this score the base has too little to suppress."""
    smallest_effect: float = 0.1
    """A smaller fall or rise of the target score is no effect."""
    unrelated_loss: float = 0.15
    """A larger fall on unrelated questions is over-intervention."""
    perplexity_ratio: float = 2.0
    """A higher ratio of perplexities on neutral text is over-intervention."""
    empty_rise: float = 0.2
    """More additional empty answers (fraction of the questions) are over-intervention."""
    repetition_rise: float = 0.3
    """More additional repetition is over-intervention."""
    asked_effect: float = 0.5
    """A smaller fall or rise of the target score is called too weak on the dose sheet."""
    control_share: float = 0.5
    """Controls that reach more than this share of the edit's effect are as good as it."""
    significance: float = 0.05


@dataclass(frozen=True)
class Asked:
    """What a verdict speaks about."""

    metric: Metric
    """What counts in the target outputs."""
    direction: Direction = "suppress"
    thresholds: Thresholds = Thresholds()


def judge(arms: Sequence[ArmSummary], p_matched: float, p_random: float, asked: Asked) -> Verdict:
    """Decide what a study shows.

    In this order: too weak a base, or an edit of the wrong direction, is `undecidable`; a model that falls apart is
    `over-intervened`, or `incoherent` where an enhancement ends in repetition or in text that the model itself finds
    improbable; a small or uncertain change is `no effect`; a change that random heads, or any single draw of them that
    breaks nothing, reach as well is `not specific`; what is left is `specific`.
    """
    base, edit = (next(a for a in arms if a.kind == kind) for kind in ("base", "edit"))
    controls: _Controls = (("matched", p_matched, "the same layers"), ("random", p_random, "any layer"))
    outcome, sentence = _outcome(arms, base, edit, controls, asked)
    return Verdict(outcome, sentence, tuple(_facts(arms, base, edit, controls, asked)), p_matched, p_random)


def _outcome(
    arms: Sequence[ArmSummary], base: ArmSummary, edit: ArmSummary, controls: "_Controls", asked: Asked
) -> tuple[Outcome, str]:
    """The outcome and its sentence."""
    t = asked.thresholds
    if unclear := _cannot_tell(base, edit, asked):
        return "undecidable", unclear
    if broken := signs_of_damage(base, edit, t):
        return broken_word(broken, asked.direction), f"The edit breaks more than the concept: {'; '.join(broken)}."
    change, reached = edit.target.score_change, effect(base, edit, asked.direction)
    certain = change is not None and (change.high < 0 if asked.direction == "suppress" else change.low > 0)
    if reached < t.smallest_effect or not certain:
        verb = "lower" if asked.direction == "suppress" else "raise"
        return "no effect", f"Rescaling {these(edit.heads)} does not reliably {verb} the target score."
    if alike := _as_good_as_random(arms, base, reached, controls, asked):
        return "not specific", alike
    return "specific", _specific(base, edit, reached, asked)


_Controls = tuple[tuple[ArmKind, float, str], ...]
"""Kind, p-value, and where the heads were drawn from."""


def _cannot_tell(base: ArmSummary, edit: ArmSummary, asked: Asked) -> str:
    """Why the study cannot decide, in a sentence; empty where it can."""
    before = base.target.score.value
    if asked.direction == "suppress" and before < asked.thresholds.weakest_base:
        return f"The unedited model's score is only {before:.2f} ({asked.metric.counted}): nothing to suppress."
    if asked.direction == "enhance" and not before:
        return "The unedited model's score is 0: a rise cannot be measured relative to nothing."
    if asked.direction == "enhance" and asked.metric.fraction and before * (1 + asked.thresholds.smallest_effect) > 1:
        return f"The unedited model's score is {before:.2f} already: no room for a rise."
    if edit.scale is not None and asked.direction == "suppress" and edit.scale >= 1:
        return f"A scale of {edit.scale:g} enhances, but this study measures suppression."
    if edit.scale is not None and asked.direction == "enhance" and edit.scale <= 1:
        return f"A scale of {edit.scale:g} suppresses, but this study measures enhancement."
    return ""


def _as_good_as_random(
    arms: Sequence[ArmSummary], base: ArmSummary, reached: float, controls: _Controls, asked: Asked
) -> str:
    """That random heads reach the change too, in a sentence; empty if they do not.

    They do by half on average, or one draw does wholly; but not one that breaks the model, since whatever breaks it
    takes the concept too.
    """
    for kind, p, where in controls:
        draws = [arm for arm in arms if arm.kind == kind]
        shares = [effect(base, arm, asked.direction) / reached for arm in draws]
        average = float(np.mean(shares))
        whole = [s for s, arm in zip(shares, draws, strict=True) if not signs_of_damage(base, arm, asked.thresholds)]
        if p >= asked.thresholds.significance or average > asked.thresholds.control_share or max([0, *whole]) >= 1:
            return (
                f"Random heads of {where} reach {max(average, 0):.0%} of the effect on average (p = {p:.2g}), the "
                f"strongest draw that breaks nothing {max([0, *whole]):.0%}; these heads are not special."
            )
    return ""


def _specific(base: ArmSummary, edit: ArmSummary, reached: float, asked: Asked) -> str:
    what = f"{asked.metric.counted}, {base.target.score.value:.2f} before"
    if asked.direction == "enhance":
        done = f"raises the target score ({what}) by {reached:.0%}"
    elif asked.metric.name in ("contains", "exact", "first-named"):
        done = f"takes {reached:.0%} of the correct target answers"
    else:
        done = f"lowers the target score ({what}) by {reached:.0%}"
    return f"Rescaling {these(edit.heads)} {done}{_lost(base, edit, asked)}; random heads do not do the same."


def these(heads: Sequence[str]) -> str:
    """`this head`, or `these 3 heads`."""
    return "this head" if len(heads) == 1 else f"these {len(heads)} heads"


def effect(base: ArmSummary, arm: ArmSummary, direction: Direction = "suppress") -> float:
    """Fraction by which the target score falls (suppress) or rises (enhance); 0 where the base has none.

    Outputs that fell silent count as 1, or as the base's average if that is larger, so that silence is never booked as
    suppression.
    """
    before, after = base.target.score.value, arm.target.score.value
    if not before:
        return 0.0
    silent = max(0.0, arm.target.empty - base.target.empty) * max(1.0, before)
    return 1 - (after + silent) / before if direction == "suppress" else after / before - 1


def unrelated_loss(base: ArmSummary, arm: ArmSummary) -> float:
    """Fraction of the base's right unrelated answers that are lost; 0 where there are none."""
    if not base.unrelated or not arm.unrelated or not base.unrelated.score.value:
        return 0.0
    return 1 - arm.unrelated.score.value / base.unrelated.score.value


def damage(base: ArmSummary, arm: ArmSummary, thresholds: Thresholds | None = None) -> float:
    """What an edit breaks beside the concept, in units of what is tolerated: above 1 it is over-intervened.

    The largest of: unrelated answers lost, perplexity on neutral text, empty and repeating outputs, each divided by its
    threshold.
    """
    return max((ratio for ratio, _ in _breakage(base, arm, thresholds or Thresholds())), default=0.0)


def signs_of_damage(base: ArmSummary, arm: ArmSummary, thresholds: Thresholds | None = None) -> list[str]:
    """What an edit breaks beside the concept, in words; nothing if it is not over-intervened."""
    return [sign for ratio, sign in _breakage(base, arm, thresholds or Thresholds()) if not ratio <= 1]


def broken_word(signs: Sequence[str], direction: Direction) -> Literal["over-intervened", "incoherent"]:
    """What a broken model is called: an enhancement that ends in babble is `incoherent`."""
    babble = any("repeat themselves" in sign or "perplexity" in sign for sign in signs)
    return "incoherent" if direction == "enhance" and babble else "over-intervened"


def _breakage(base: ArmSummary, arm: ArmSummary, t: Thresholds) -> Iterator[tuple[float, str]]:
    """Every kind of damage: how many times the tolerated one, and what it is in words."""
    loss = unrelated_loss(base, arm)
    yield max(loss, 0) / t.unrelated_loss, f"unrelated questions lose {loss:.0%} of their correct answers"
    ratio = arm.damage.perplexity / base.damage.perplexity
    excess = (ratio - 1) / (t.perplexity_ratio - 1) if math.isfinite(ratio) else math.inf
    yield max(excess, 0), f"perplexity on neutral text is {ratio:.1f} times the base's"
    for name in ("target", "unrelated"):
        now, then = getattr(arm, name), getattr(base, name)
        if now is None or then is None:
            continue
        yield max(now.empty - then.empty, 0) / t.empty_rise, f"{now.empty:.0%} of the {name} answers are empty"
        yield (
            max(now.repetition - then.repetition, 0) / t.repetition_rise,
            f"{name} answers repeat themselves ({now.repetition:.0%} of word pairs)",
        )


def _lost(base: ArmSummary, edit: ArmSummary, asked: Asked) -> str:
    """What the unrelated questions lose, as the end of a sentence."""
    if base.unrelated is None or edit.unrelated is None:
        return ""
    loss = unrelated_loss(base, edit)
    share = f"{loss:.0%}" if loss >= 0.005 else "none"
    if asked.direction == "suppress" and asked.metric.name in ("contains", "exact", "first-named"):
        return f" and {share} of the unrelated ones"
    return f" and takes {share} of the correct unrelated answers"


def _facts(
    arms: Sequence[ArmSummary], base: ArmSummary, edit: ArmSummary, controls: _Controls, asked: Asked
) -> list[str]:
    lines = [_compare(f"Target ({asked.metric.counted})", base.target.score, edit.target.score)]
    if base.unrelated and edit.unrelated:
        lines.append(_compare("Unrelated answers that are right", base.unrelated.score, edit.unrelated.score))
    else:
        lines.append(
            "The task has no unrelated questions: whether the edit is specific was judged on neutral text, on empty "
            "and repeating answers, and on other heads alone."
        )
    if asked.metric.name != "names-concept":
        lines.append(
            _compare("Outputs that name any word of the concept", base.target.concept_rate, edit.target.concept_rate)
        )
    if asked.metric.needs_answers and edit.target.concept_rate.value > base.target.concept_rate.value / 2:
        lines.append(
            "Most answers still name some word of the concept: the edit changes which one the model names, not whether "
            "it names one."
        )
    lines += [_of_draws(arms, base, edit, control, asked) for control in controls]
    for arm in (a for a in arms if a.kind == "other"):
        lines.append(
            f"As many heads that rank best for another concept on the same prompts ({arm.name}): target score "
            f"{arm.target.score.value:.2f}."
        )
    for arm in (a for a in arms if a.kind in ("image", "text")):
        where = "image positions only" if arm.kind == "image" else "everything but image positions"
        lines.append(f"The same edit of {where}: target score {arm.target.score.value:.2f}.")
    ratio = edit.damage.perplexity / base.damage.perplexity
    lines.append(f"Neutral text: perplexity {ratio:.2f} times the base's, KL {edit.damage.kl:.3f} nats per token.")
    return lines


def _of_draws(
    arms: Sequence[ArmSummary],
    base: ArmSummary,
    edit: ArmSummary,
    control: tuple[ArmKind, float, str],
    asked: Asked,
) -> str:
    kind, p, where = control
    draws = [arm for arm in arms if arm.kind == kind]
    scores = [arm.target.score.value for arm in draws]
    reached = effect(base, edit, asked.direction)
    as_strong = sum(effect(base, arm, asked.direction) >= reached for arm in draws)
    broken = sum(bool(signs_of_damage(base, arm, asked.thresholds)) for arm in draws)
    return (
        f"{len(scores)} draws of random heads of {where}: target score {np.mean(scores):.2f} on average "
        f"({min(scores):.2f} to {max(scores):.2f}), {as_strong} as far as the edit, so p = "
        f"{(1 + as_strong) / (1 + len(scores)):.2g} over draws, and p = {p:.2g} over questions; "
        f"{broken} of them break{'s' if broken == 1 else ''} the model."
    )


def _compare(what: str, before: Estimate, after: Estimate) -> str:
    return f"{what}: {before} before, {after} after."
