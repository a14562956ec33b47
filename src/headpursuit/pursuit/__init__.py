"""The mathematics: pure functions of tensors, no model and no files in sight."""

from headpursuit.pursuit.controls import random_heads
from headpursuit.pursuit.dictionaries import Dictionary, Stack
from headpursuit.pursuit.draws import matched_dictionaries, random_dictionaries
from headpursuit.pursuit.nearest import closeness, mean_row, nearest
from headpursuit.pursuit.nonnegative import pursue_nonnegative
from headpursuit.pursuit.probes import Kernel, cross_validated
from headpursuit.pursuit.ranking import Scores, explained_by
from headpursuit.pursuit.search import Rule
from headpursuit.pursuit.signals import Moments, Signals
from headpursuit.pursuit.significance import benjamini_hochberg, pooled_p, q_values
from headpursuit.pursuit.somp import PURSUIT_BYTES, Pursuit, pursue, pursue_each

__all__ = [
    "Dictionary",
    "Kernel",
    "Moments",
    "PURSUIT_BYTES",
    "Pursuit",
    "Rule",
    "Scores",
    "Signals",
    "Stack",
    "benjamini_hochberg",
    "closeness",
    "cross_validated",
    "explained_by",
    "matched_dictionaries",
    "mean_row",
    "nearest",
    "pooled_p",
    "pursue",
    "pursue_each",
    "pursue_nonnegative",
    "q_values",
    "random_dictionaries",
    "random_heads",
]
