"""The rules for answers written out plainly, one function of numbers after the other: an oracle for the one judge."""

import math

import numpy as np
import scipy.stats


def effect(base, arm, direction):
    before, after = base.target.score.value, arm.target.score.value
    if not before > 0:
        return 0.0
    return 1 - after / before if direction == "suppress" else after / before - 1


def unrelated_loss(base, arm):
    if not base.unrelated or not arm.unrelated or base.unrelated.score.value < 0.1:
        return 0.0
    return 1 - arm.unrelated.score.value / base.unrelated.score.value


def breakage(base, arm, loss=0.15, perplexity=2.0, empty=0.2, repetition=0.3):
    """Ratio of every damage to the tolerated one, and what it is in words."""
    lost = unrelated_loss(base, arm)
    found = [(max(lost, 0) / loss, f"unrelated questions lose {lost:.0%} of their correct answers")]
    ratio = arm.damage.perplexity / base.damage.perplexity
    excess = (ratio - 1) / (perplexity - 1) if math.isfinite(ratio) else math.inf
    found.append((max(excess, 0), f"perplexity on neutral text is {ratio:.1f} times the base's"))
    for name in ("target", "unrelated"):
        now, then = getattr(arm, name), getattr(base, name)
        if now is not None and then is not None:
            found.append((max(now.empty - then.empty, 0) / empty, f"{now.empty:.0%} of the {name} answers are empty"))
            text = f"{name} answers repeat themselves ({now.repetition:.0%} of word pairs)"
            found.append((max(now.repetition - then.repetition, 0) / repetition, text))
    return found


def signs(base, arm):
    found = breakage(base, arm)
    if length(found) <= 1:
        return ()
    alone = tuple(text for ratio, text in found if ratio > 1)
    return alone or tuple(text for ratio, text in found if 2 * ratio >= max(found)[0])


def length(found):
    return sum(ratio**2 for ratio, _ in found) ** 0.5


def damage(base, arm):
    return length(breakage(base, arm))


def fell_apart(base, arm):
    return length(breakage(base, arm, 0.5, 5.0, 0.5, 0.6)) > 1


def outcome(arms, direction, fraction):
    base, edit = (next(a for a in arms if a.kind == kind) for kind in ("base", "edit"))
    before, suppress = base.target.score.value, direction == "suppress"
    no_room = fraction and before * 1.1 > 1
    if (suppress and before < 0.1) or (not suppress and (not before or no_room)):
        return "undecidable"
    if edit.scale is not None and (edit.scale >= 1 if suppress else edit.scale <= 1):
        return "undecidable"
    if signs(base, edit):
        return broken(signs(base, edit), direction)
    change, reached = edit.target.score_change, effect(base, edit, direction)
    if reached < 0.1 or (-change.high if suppress else change.low) < 0.1 * before:
        return "no effect"
    draws = [[arm for arm in arms if arm.kind == kind] for kind in ("matched", "random")]
    if any(len(one) < 3 or all(signs(base, arm) for arm in one) for one in draws):
        return "undecidable"
    if any(like(one, base, edit, direction) for one in draws):
        return "not specific"
    return "specific"


def like(draws, base, edit, direction):
    """Whether draws do what the edit does."""
    reached = effect(base, edit, direction)
    effects = [effect(base, arm, direction) / max(1, damage(base, arm)) for arm in draws]
    rank = (1 + sum(one >= reached for one in effects)) / (1 + len(effects))
    return np.mean(effects) > 0.5 * reached or (
        rank > 0.05 and (max(effects) >= reached or student(reached, effects) > 0.05)
    )


def student(value, others):
    """The p-value of Student's test of one value against others, as scipy has it for two samples of equal spread."""
    if min(others) == max(others):
        return float(value <= others[0])
    return scipy.stats.ttest_ind([value], others, alternative="greater").pvalue


def broken(found, direction):
    babble = any("repeat themselves" in sign or "perplexity" in sign for sign in found)
    return "incoherent" if direction == "enhance" and babble else "over-intervened"


def word(base, arm, direction):
    if signs(base, arm):
        return broken(signs(base, arm), direction)
    return "too weak" if effect(base, arm, direction) < 0.5 else "good"


def is_sure(base, arm, direction):
    change = arm.target.score_change
    if (-change.high if direction == "suppress" else change.low) < 0.5 * base.target.score.value:
        return False
    if base.unrelated is None or arm.unrelated is None or base.unrelated.score.value < 0.1:
        return True
    return -arm.unrelated.score_change.low <= 0.15 * base.unrelated.score.value


def order(base, arm, direction):
    """Doses with smaller ones come first."""
    reached, size = effect(base, arm, direction), len(arm.heads) * abs(arm.scale - 1)
    mild = (size, -round(reached, 9), len(arm.heads))
    if word(base, arm, direction) == "good":
        return (0 if is_sure(base, arm, direction) else 1, *mild)
    if word(base, arm, direction) == "too weak":
        return (2, -round(reached, 9), *mild)
    return (4, len(signs(base, arm)), unrelated_loss(base, arm), arm.damage.kl, *mild)
