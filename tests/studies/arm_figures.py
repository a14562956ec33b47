"""Arms with the figures a test needs, made without a model."""

from dataclasses import replace

from headpursuit.studies.results import ArmSummary, Damage, Estimate, GroupSummary


def exactly(value):
    return Estimate(value, value, value)


def group(rate, *, before=0.8, empty=0.0, repetition=0.0, silenced=0.0):
    score, change = exactly(rate), exactly(rate + silenced - before)
    return GroupSummary(100, score, score, score, score, empty, repetition, change, silenced)


def arm(target, unrelated=0.5, *, n_heads=1, scale=-1.0, perplexity=10.0, kl=0.1, **changes):
    """An arm; `empty`, `repetition` and `silenced` are those of its target answers."""
    spoken = {name: changes.pop(name) for name in ("empty", "repetition", "silenced") if name in changes}
    fields = dict(
        name=f"{n_heads}x{scale:g}",
        kind="dose",
        heads=tuple(f"L1H{i}" for i in range(n_heads)),
        scale=scale,
        target=group(target, **spoken),
        unrelated=None if unrelated is None else group(unrelated, before=0.5),
        damage=Damage(perplexity, kl),
        n_forwards=7,
    )
    return ArmSummary(**fields | changes)


def base(target=0.8, unrelated=0.5):
    return replace(arm(target, unrelated, n_heads=0, kl=0.0), name="base", kind="base", scale=None)
