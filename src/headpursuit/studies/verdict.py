"""From figures to words: what a study shows, and why."""

from collections.abc import Sequence

import numpy as np

from headpursuit.studies.effect import Asked, broken_word, effect, signs_of_damage, unrelated_loss
from headpursuit.studies.results import ArmKind, ArmSummary, Estimate, Outcome, Verdict


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


_ENOUGH = 40
"""Questions of a group; with fewer, the interval of a half-right group is wider than 0.3."""

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
    if asked.metric.needs_answers and _still_names(base, edit, asked):
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
    if few := few_questions(base):
        lines.append(few)
    ratio = edit.damage.perplexity / base.damage.perplexity
    lines.append(f"Neutral text: perplexity {ratio:.2f} times the base's, KL {edit.damage.kl:.3f} nats per token.")
    return lines


def _still_names(base: ArmSummary, edit: ArmSummary, asked: Asked) -> bool:
    """Whether answers go and the concept's words stay."""
    reached, before = effect(base, edit, asked.direction), base.target.concept_rate.value
    gone = 1 - edit.target.concept_rate.value / before if before else 1.0
    return reached >= asked.thresholds.smallest_effect and gone < min(reached, 1) / 2


def few_questions(base: ArmSummary) -> str:
    """That there are too few questions to tell much, in a sentence; empty if there are enough."""
    groups = [("target", base.target), ("unrelated", base.unrelated)]
    few = [f"{group.n_questions} {name}" for name, group in groups if group and group.n_questions < _ENOUGH]
    if not few:
        return ""
    return f"Only {' and '.join(few)} questions are held out: with fewer than {_ENOUGH} only large changes can be told."


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
