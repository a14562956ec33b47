"""The mathematics: pure functions of tensors, no model and no files in sight."""

from headpursuit.pursuit.controls import random_heads
from headpursuit.pursuit.dictionaries import Dictionary, Stack
from headpursuit.pursuit.nonnegative import pursue_nonnegative
from headpursuit.pursuit.probes import Kernel, cross_validated
from headpursuit.pursuit.ranking import Scores, random_dictionaries, score_heads
from headpursuit.pursuit.search import Rule
from headpursuit.pursuit.signals import Moments, Signals
from headpursuit.pursuit.somp import PURSUIT_BYTES, Pursuit, pursue, pursue_each

__all__ = [
    "PURSUIT_BYTES",
    "Dictionary",
    "Kernel",
    "Moments",
    "Pursuit",
    "Rule",
    "Scores",
    "Signals",
    "Stack",
    "cross_validated",
    "pursue",
    "pursue_each",
    "pursue_nonnegative",
    "random_dictionaries",
    "random_heads",
    "score_heads",
]
