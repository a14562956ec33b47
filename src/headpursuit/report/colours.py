"""The colours of heads and arms, in one place for pages and pictures; told apart with every kind of colour vision."""

HIGH, LOW, ZERO = ("#4b2a8c", "#b9a2ff"), ("#b35806", "#f0a04b"), ("#efedf3", "#272c36")
"""Of a score of a head, on light and on dark ground: its largest value, minus that, and nothing."""

BLANK = "#d4d4d4"
"""The colour of places where a layer has no such head, in pictures."""

INK, EDIT, OTHER, CONTROL, SOFT, RULE = "#222222", "#5e3c99", "#b35806", "#777777", "#bbbbbb", "#dddddd"
"""In pictures: the unedited model, the edit, another concept's heads, random heads, what is behind them, lines."""
