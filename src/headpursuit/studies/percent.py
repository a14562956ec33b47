"""Fractions in sentences."""


def percent(fraction: float) -> str:
    """`34%`; what rounds to nothing is `0%`, of either sign."""
    text = f"{fraction:.0%}"
    return "0%" if text == "-0%" else text
