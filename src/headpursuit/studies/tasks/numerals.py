"""Number words as numerals: a transcript may have either."""

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = (
    {word: value for value, word in enumerate(_ONES.split())}
    | {word: 20 + 10 * place for place, word in enumerate(_TENS.split())}
    | {"hundred": 100, "thousand": 1000, "million": 1_000_000}
)


def with_numerals(word: str) -> tuple[str, ...]:
    """A word, and the numerals it may be written as: `fourteen` and `14`; any other word alone."""
    value = _VALUES.get(word.casefold())
    if value is None:
        return (word,)
    return tuple(dict.fromkeys((word, str(value), f"{value:,}")))
