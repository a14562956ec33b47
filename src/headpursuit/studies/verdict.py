"""From figures to words: what a study shows, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headpursuit.studies.results import ArmSummary, Estimate, Verdict


@dataclass(frozen=True)
class Thresholds:
    """Where the lines are drawn; fractions of the base's value unless said otherwise."""

    weakest_base: float = 0.1
    """Below this contains-rate the base has too little to suppress."""
    smallest_effect: float = 0.1
    """A smaller fall of the target rate is no effect."""
    unrelated_loss: float = 0.15
    """A larger fall on unrelated questions is over-intervention."""
    perplexity_ratio: float = 2.0
    """A higher ratio of perplexities on neutral text is over-intervention."""
    empty_rise: float = 0.2
    """More additional empty answers (fraction of the questions) are over-intervention."""
    repetition_rise: float = 0.3
    """More additional repetition is over-intervention."""
    good_fall: float = 0.5
    """A smaller fall of the target rate is called too weak on the dose sheet."""
    control_share: float = 0.5
    """Controls that reach more than this share of the edit's effect are as good as it."""
    significance: float = 0.05


def judge(
    arms: Sequence[ArmSummary],
    p_matched: float,
    p_random: float,
    thresholds: Thresholds | None = None,
) -> Verdict:
    """Decide what a suppression study shows.

    In this order: too weak a base, or an edit that enhances, is `undecidable`; a model that falls apart is
    `over-intervened`; a small or uncertain fall is `no effect`; a fall that random heads, or any single draw
    of them, reach as well is `not better than random`; what is left is `specific`.
    """
    t = thresholds or Thresholds()
    base, edit = (next(a for a in arms if a.kind == kind) for kind in ("base", "edit"))
    before, after = base.target.score.value, edit.target.score.value
    facts = _facts(arms, base, edit, p_matched, p_random)

    def verdict(outcome: str, sentence: str) -> Verdict:
        return Verdict(outcome, sentence, tuple(facts), p_matched, p_random)  # type: ignore[arg-type]

    if before < t.weakest_base:
        return verdict(
            "undecidable",
            f"The unedited model is right on only {before:.0%} of the target questions: nothing to suppress.",
        )
    if edit.scale is not None and edit.scale >= 1:
        return verdict("undecidable", f"A scale of {edit.scale:g} enhances, but this task measures suppression.")
    broken = signs_of_damage(base, edit, t)
    if broken:
        return verdict("over-intervened", f"The edit breaks more than the concept: {'; '.join(broken)}.")
    change, lost = edit.target.score_change, fall(base, edit)
    if lost < t.smallest_effect or change is None or change.high >= 0:
        return verdict("no effect", f"Rescaling {these(edit.heads)} does not reliably lower the target rate.")
    for kind, p, where in (("matched", p_matched, "the same layers"), ("random", p_random, "any layer")):
        rates = _target_rates(arms, kind)
        share = (1 - float(np.mean(rates)) / before) / lost
        if p >= t.significance or share > t.control_share or min(rates) <= after:
            return verdict(
                "not better than random",
                f"Random heads of {where} reach {max(share, 0):.0%} of the effect on average (p = {p:.2g}), the "
                f"strongest draw {max((1 - min(rates) / before) / lost, 0):.0%}; these heads are not special.",
            )
    return verdict(
        "specific",
        f"Rescaling {these(edit.heads)} takes {lost:.0%} of the correct target answers"
        f"{_lost(base, edit)}; random heads do not do the same.",
    )


def these(heads: Sequence[str]) -> str:
    """`this head`, or `these 3 heads`."""
    return "this head" if len(heads) == 1 else f"these {len(heads)} heads"


def fall(base: ArmSummary, arm: ArmSummary) -> float:
    """Fraction of the base's right target answers that are lost; 0 where it has none.

    Answers that fell silent count as right ones, so that silence is never booked as suppression.
    """
    before = base.target.score.value
    silent = max(0.0, arm.target.empty - base.target.empty)
    return 1 - (arm.target.score.value + silent) / before if before else 0.0


def signs_of_damage(base: ArmSummary, edit: ArmSummary, thresholds: Thresholds | None = None) -> list[str]:
    """What an edit breaks beside the concept, in words; nothing if it is not over-intervened."""
    t, signs = thresholds or Thresholds(), []
    if base.unrelated and edit.unrelated and base.unrelated.score.value > 0:
        loss = 1 - edit.unrelated.score.value / base.unrelated.score.value
        if loss > t.unrelated_loss:
            signs.append(f"unrelated questions lose {loss:.0%} of their correct answers")
    ratio = edit.damage.perplexity / base.damage.perplexity
    if not ratio <= t.perplexity_ratio:
        signs.append(f"perplexity on neutral text is {ratio:.1f} times the base's")
    for name in ("target", "unrelated"):
        now, then = getattr(edit, name), getattr(base, name)
        if now is None:
            continue
        if now.empty - then.empty > t.empty_rise:
            signs.append(f"{now.empty:.0%} of the {name} answers are empty")
        if now.repetition - then.repetition > t.repetition_rise:
            signs.append(f"{name} answers repeat themselves ({now.repetition:.0%} of word pairs)")
    return signs


def _target_rates(arms: Sequence[ArmSummary], kind: str) -> list[float]:
    return [arm.target.score.value for arm in arms if arm.kind == kind]


def _lost(base: ArmSummary, edit: ArmSummary) -> str:
    """What the unrelated questions lose, as the end of a sentence."""
    if base.unrelated is None or edit.unrelated is None:
        return ""
    before = base.unrelated.score.value
    loss = 1 - edit.unrelated.score.value / before if before else 0.0
    return f" and {f'{loss:.0%}' if loss >= 0.005 else 'none'} of the unrelated ones"


def _facts(
    arms: Sequence[ArmSummary], base: ArmSummary, edit: ArmSummary, p_matched: float, p_random: float
) -> list[str]:
    rate = "accuracy: the first class named is the right one" if base.confusion else "contains-rate"
    lines = [_compare(f"Target questions ({rate})", base.target.score, edit.target.score)]
    if base.unrelated and edit.unrelated:
        lines.append(_compare("Unrelated questions (contains-rate)", base.unrelated.score, edit.unrelated.score))
    else:
        lines.append(
            "The task has no unrelated questions: whether the edit is specific was judged on neutral text, on empty "
            "and repeating answers, and on other heads alone."
        )
    lines.append(
        _compare("Answers that name any word of the concept", base.target.concept_rate, edit.target.concept_rate)
    )
    if edit.target.concept_rate.value > base.target.concept_rate.value / 2:
        lines.append(
            "Most answers still name some word of the concept: the edit changes which one the model names, not whether "
            "it names one."
        )
    for kind, p, where in (("matched", p_matched, "the same layers"), ("random", p_random, "any layer")):
        rates = _target_rates(arms, kind)
        as_strong = sum(rate <= edit.target.score.value for rate in rates)
        lines.append(
            f"{len(rates)} draws of random heads of {where}: target rate {np.mean(rates):.2f} on average "
            f"({min(rates):.2f} to {max(rates):.2f}), {as_strong} as low as the edit's, so p = "
            f"{(1 + as_strong) / (1 + len(rates)):.2g} over draws, and p = {p:.2g} over questions."
        )
    for arm in (a for a in arms if a.kind == "other"):
        lines.append(
            f"As many heads that rank best for another concept on the same prompts ({arm.name}): target rate "
            f"{arm.target.score.value:.2f}."
        )
    for arm in (a for a in arms if a.kind in ("image", "text")):
        where = "image positions only" if arm.kind == "image" else "everything but image positions"
        lines.append(f"The same edit of {where}: target rate {arm.target.score.value:.2f}.")
    ratio = edit.damage.perplexity / base.damage.perplexity
    lines.append(f"Neutral text: perplexity {ratio:.2f} times the base's, KL {edit.damage.kl:.3f} nats per token.")
    return lines


def _compare(what: str, before: Estimate, after: Estimate) -> str:
    return f"{what}: {before} before, {after} after."
