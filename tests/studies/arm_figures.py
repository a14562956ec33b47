"""Arms with the figures a test needs, made without a model."""

from dataclasses import replace

from headpursuit.studies.results import ArmSummary, Damage, Estimate, GroupSummary


def exactly(value):
    return Estimate(value, value, value)


def group(rate, *, before=0.8, empty=0.0, repetition=0.0):
    return GroupSummary(
        100, exactly(rate), exactly(rate), exactly(rate), exactly(rate), empty, repetition, exactly(rate - before)
    )


def arm(target, unrelated=0.5, *, n_heads=1, scale=-1.0, perplexity=10.0, kl=0.1, empty=0.0, repetition=0.0, **changes):
    """An arm; `empty` and `repetition` are those of its target answers."""
    fields = dict(
        name=f"{n_heads}x{scale:g}",
        kind="dose",
        heads=tuple(f"L1H{i}" for i in range(n_heads)),
        scale=scale,
        target=group(target, empty=empty, repetition=repetition),
        unrelated=None if unrelated is None else group(unrelated, before=0.5),
        damage=Damage(perplexity, kl),
        n_forwards=7,
    )
    return ArmSummary(**fields | changes)


def base(target=0.8, unrelated=0.5):
    return replace(arm(target, unrelated, n_heads=0, kl=0.0), name="base", kind="base", scale=None)
