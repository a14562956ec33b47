"""From figures to words: what a study of captions shows, in each direction."""

from collections.abc import Sequence
from dataclasses import dataclass

from headpursuit.studies.effect import broken_word, effects
from headpursuit.studies.experiments.captions.figures import CaptionArm
from headpursuit.studies.results import ArmKind, Outcome, Verdict
from headpursuit.studies.tasks import Direction
from headpursuit.studies.verdict import these

_Controls = tuple[tuple[ArmKind, float, str], ...]
"""Kind, p-value, and where the heads were drawn from."""


@dataclass(frozen=True)
class CaptionThresholds:
    """Where the lines are drawn; relative to the base's value unless said otherwise."""

    needed_fall: float = 0.6
    """A smaller fall of the concept's frequency is no suppression."""
    needed_rise: float = 0.6
    """A smaller rise is no enhancement."""
    weakest_naming: float = 0.1
    """Where the base names the concept in a smaller fraction of its captions, there is nothing to suppress."""
    fullest_naming: float = 0.9
    """Where the base names the concept in a larger fraction, there is no room to enhance it. The frequency, words per
    caption, could still rise by naming it twice; that is no enhancement."""
    weakest_cider: float = 0.05
    """Where the base's CIDEr (0 to 10) is lower, it cannot be seen whether captions stay good."""
    kept_cider: float = 0.8
    """Less CIDEr is over-intervention: for suppression without the concept's words, for enhancement with them."""
    perplexity_ratio: float = 2.0
    """A higher ratio of perplexities on neutral text is over-intervention."""
    empty_rise: float = 0.1
    """More additional empty captions (fraction of all) are over-intervention."""
    repetition_rise: float = 0.15
    """More additional repetition (fraction of the word pairs) is over-intervention."""
    shortest: float = 0.5
    """Captions of fewer words are over-intervention."""
    longest: float = 1.5
    """Captions of more words are over-intervention."""
    control_share: float = 0.5
    """Controls that reach more than this share of the edit's effect are as good as it."""
    significance: float = 0.05


def relative(after: float, before: float) -> float | None:
    """How many times the base's value; None where the base has none."""
    return after / before if before else None


def effect(direction: Direction, base: CaptionArm, arm: CaptionArm) -> float:
    """Fraction by which the concept's frequency falls (suppress) or rises (enhance); 0 where the base has none.

    Captions that fell silent count as the base's of the same images.
    """
    return float(effects(base.frequency.value, arm.frequency.value + arm.silenced, direction))


def kept_cider(direction: Direction, base: CaptionArm, arm: CaptionArm) -> float | None:
    """The CIDEr that the direction is judged by, times the base's; None where the base has none."""
    if direction == "suppress":
        return relative(arm.cider_without.value, base.cider_without.value)
    return relative(arm.cider.value, base.cider.value)


def needed(direction: Direction, thresholds: CaptionThresholds) -> float:
    """The least effect that counts."""
    return thresholds.needed_fall if direction == "suppress" else thresholds.needed_rise


def signs_of_damage(
    direction: Direction, base: CaptionArm, arm: CaptionArm, thresholds: CaptionThresholds | None = None
) -> list[str]:
    """What an edit breaks beside the concept, in words; nothing if it is not over-intervened."""
    t, signs = thresholds or CaptionThresholds(), []
    kept = kept_cider(direction, base, arm)
    if kept is not None and kept < t.kept_cider:
        name = "CIDEr without the concept's words" if direction == "suppress" else "CIDEr"
        signs.append(f"{name} is {kept:.0%} of the base's")
    perplexity = relative(arm.damage.perplexity, base.damage.perplexity)
    if perplexity is None or not perplexity <= t.perplexity_ratio:
        signs.append(f"perplexity on neutral text is {arm.damage.perplexity:.4g} after {base.damage.perplexity:.4g}")
    if arm.empty - base.empty > t.empty_rise:
        signs.append(f"{arm.empty:.0%} of the captions are empty")
    if arm.repetition - base.repetition > t.repetition_rise:
        signs.append(f"captions repeat themselves ({arm.repetition:.0%} of word pairs)")
    length = relative(arm.length.value, base.length.value)
    if length is not None and not t.shortest <= length <= t.longest:
        signs.append(f"captions have {length:.0%} of the base's words")
    return signs


def judge(
    direction: Direction,
    arms: Sequence[CaptionArm],
    p_matched: float,
    p_random: float,
    thresholds: CaptionThresholds | None = None,
) -> Verdict:
    """Decide what one direction of a study of captions shows.

    In this order: a base that leaves nothing to see is `undecidable`; captions that fall apart are `over-intervened`
    (an enhancement that ends in repetition or improbable text is `incoherent`); a small or uncertain change is `no
    effect`; a change that random heads, or any single draw of them that breaks nothing, reach as well is `not
    specific`; what is left is `specific`.

    Args:
        direction: Which way the concept is to go.
        arms: All arms, the base first.
        p_matched: p-value over images against random heads of the same layers.
        p_random: The same against random heads of any layer.
        thresholds: Where the lines are drawn.
    """
    t, base = thresholds or CaptionThresholds(), arms[0]
    own = [arm for arm in arms if arm.direction == direction]
    controls = _controls(p_matched, p_random)
    outcome, sentence = _outcome(direction, base, own, controls, t)
    return Verdict(outcome, sentence, tuple(_facts(direction, base, own, controls)), p_matched, p_random)


def _outcome(
    direction: Direction, base: CaptionArm, own: Sequence[CaptionArm], controls: _Controls, t: CaptionThresholds
) -> tuple[Outcome, str]:
    """The outcome and its sentence."""
    edit = _edit(own)
    if unclear := _cannot_tell(direction, base, t):
        return "undecidable", unclear
    if broken := signs_of_damage(direction, base, edit, t):
        return broken_word(broken, direction), f"The edit breaks more than the concept: {'; '.join(broken)}."
    if weak := _too_weak(direction, base, edit, t):
        return "no effect", weak
    if alike := _as_good_as_random(direction, base, own, controls, t):
        return "not specific", alike
    kept = kept_cider(direction, base, edit)
    without = " without them" if direction == "suppress" else ""
    return "specific", (
        f"Rescaling {these(edit.heads)} {_VERBS[direction]}s the frequency of the concept's words by "
        f"{effect(direction, base, edit):.0%} and keeps {kept:.0%} of the CIDEr{without}; "
        "random heads do not do the same."
    )


def _too_weak(direction: Direction, base: CaptionArm, edit: CaptionArm, t: CaptionThresholds) -> str:
    """That the change is small or uncertain, in a sentence; empty if it is neither."""
    change, reached, verb = edit.frequency_change, effect(direction, base, edit), _VERBS[direction]
    certain = change is not None and (change.high < 0 if direction == "suppress" else change.low > 0)
    if not certain:
        return f"Rescaling {these(edit.heads)} does not reliably {verb} the concept's frequency."
    if reached < needed(direction, t):
        return (
            f"Rescaling {these(edit.heads)} {verb}s the concept's frequency by {reached:.0%} only; at least "
            f"{needed(direction, t):.0%} counts as {_NOUNS[direction]}."
        )
    return ""


def _as_good_as_random(
    direction: Direction, base: CaptionArm, own: Sequence[CaptionArm], controls: _Controls, t: CaptionThresholds
) -> str:
    """That random heads, or any single draw of them that breaks nothing, reach the change too, in a sentence."""
    reached = effect(direction, base, _edit(own))
    for kind, p, where in controls:
        draws = [arm for arm in own if arm.kind == kind]
        shares = [effect(direction, base, arm) / reached for arm in draws]
        whole = [s for s, arm in zip(shares, draws, strict=True) if not signs_of_damage(direction, base, arm, t)]
        average = sum(shares) / len(shares)
        if p >= t.significance or average > t.control_share or max([0, *whole]) >= 1:
            return (
                f"Random heads of {where} reach {max(average, 0):.0%} of the effect on average (p = {p:.2g}), the "
                f"strongest draw that breaks nothing {max([0, *whole]):.0%}; these heads are not special."
            )
    return ""


def _edit(own: Sequence[CaptionArm]) -> CaptionArm:
    return next(arm for arm in own if arm.kind == "edit")


_VERBS = {"suppress": "lower", "enhance": "raise"}
_NOUNS = {"suppress": "suppression", "enhance": "enhancement"}


def _controls(p_matched: float, p_random: float) -> _Controls:
    return ("matched", p_matched, "the same layers"), ("random", p_random, "any layer")


def _cannot_tell(direction: Direction, base: CaptionArm, t: CaptionThresholds) -> str:
    """Why the base leaves nothing to see, in a sentence; empty where it does."""
    naming = base.naming.value
    cider = base.cider_without.value if direction == "suppress" else base.cider.value
    if direction == "suppress" and naming < t.weakest_naming:
        return f"The unedited model names the concept in only {naming:.0%} of its captions: nothing to suppress."
    if direction == "enhance" and not naming:
        return "The unedited model never names the concept: a rise cannot be measured relative to nothing."
    if direction == "enhance" and naming > t.fullest_naming:
        return f"The unedited model names the concept in {naming:.0%} of its captions already: no room for a rise."
    if cider < t.weakest_cider:
        return (
            f"The unedited model's captions have hardly anything in common with the references (CIDEr {cider:.2f}): "
            "whether they stay good cannot be seen."
        )
    return ""


def _facts(direction: Direction, base: CaptionArm, own: Sequence[CaptionArm], controls: _Controls) -> list[str]:
    edit = _edit(own)
    lines = [
        f"Words of the concept per caption: {base.frequency} before, {edit.frequency} after.",
        f"Captions that name the concept: {base.naming} before, {edit.naming} after.",
        f"CIDEr: {base.cider} before, {edit.cider} after.",
        f"CIDEr without the concept's words: {base.cider_without} before, {edit.cider_without} after.",
    ]
    for name, before in base.others.items():
        after = edit.others[name]
        if before.value or after.value:
            lines.append(f"Words of {name} per caption: {before} before, {after} after.")
    lines.append(
        f"Words per caption: {base.length.value:.1f} before, {edit.length.value:.1f} after; repetition "
        f"{base.repetition:.2f} and {edit.repetition:.2f}; empty captions {base.empty:.0%} and {edit.empty:.0%}."
    )
    for kind, p, where in controls:
        found = [arm for arm in own if arm.kind == kind]
        rates = [arm.frequency.value for arm in found]
        reached = effect(direction, base, edit)
        as_strong = sum(effect(direction, base, arm) >= reached for arm in found)
        lines.append(
            f"{len(rates)} draws of random heads of {where}: {sum(rates) / len(rates):.2f} words per caption on "
            f"average ({min(rates):.2f} to {max(rates):.2f}), {as_strong} as far as the edit, so p = "
            f"{(1 + as_strong) / (1 + len(rates)):.2g} over draws, and p = {p:.2g} over images."
        )
    lines += [_beside(base, arm) for arm in own if arm.kind in _BESIDE]
    lines.append(
        f"Neutral text: perplexity {base.damage.perplexity:.4g} before, {edit.damage.perplexity:.4g} after; KL "
        f"{edit.damage.kl:.3f} nats per token."
    )
    return lines


_BESIDE = {
    "image": "The same edit of image positions only",
    "text": "The same edit of everything but image positions",
    "dose": "The paper's dose",
    "other": "As many heads that rank best for another concept on the same prompts",
}


def _beside(base: CaptionArm, arm: CaptionArm) -> str:
    dose = f" ({len(arm.heads)} heads at scale {arm.scale:g})" if arm.kind == "dose" and arm.scale is not None else ""
    return (
        f"{_BESIDE[arm.kind]}{dose}: {arm.frequency.value:.2f} words per caption, CIDEr {arm.cider.value:.2f} after "
        f"{base.cider.value:.2f}."
    )
