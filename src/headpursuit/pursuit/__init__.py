"""The mathematics: pure functions of tensors, no model and no files in sight."""

from headpursuit.pursuit.controls import random_heads
from headpursuit.pursuit.dictionaries import Dictionary, Stack
from headpursuit.pursuit.draws import matched_dictionaries, random_dictionaries
from headpursuit.pursuit.nearest import closeness, mean_row, nearest
from headpursuit.pursuit.ranking import Scores, explained_by, score_heads
from headpursuit.pursuit.search import Rule
from headpursuit.pursuit.signals import Moments, Signals
from headpursuit.pursuit.significance import benjamini_hochberg, q_values
from headpursuit.pursuit.somp import PURSUIT_BYTES, Pursuit, pursue, pursue_each

__all__ = [
    "PURSUIT_BYTES",
    "Dictionary",
    "Moments",
    "Pursuit",
    "Rule",
    "Scores",
    "Signals",
    "Stack",
    "benjamini_hochberg",
    "closeness",
    "explained_by",
    "matched_dictionaries",
    "mean_row",
    "nearest",
    "pursue",
    "pursue_each",
    "q_values",
    "random_dictionaries",
    "random_heads",
    "score_heads",
]
