"""Sizes of property tests: small ones on every run, ten times as many examples under `make fuzz`.

Only `make fuzz` itself draws new ones each time; elsewhere a change fails by its own faults alone.
"""

from hypothesis import settings

settings.register_profile("usual", deadline=None, max_examples=100, derandomize=True)
settings.register_profile("repeatable", deadline=None, max_examples=1000, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("usual")


def examples(count):
    """Settings of a property test that costs more than most: its number of examples where the others have 100."""
    return settings(max_examples=settings().max_examples * count // 100)
