"""Measures of an arm: answers and captions read in two ways, with one rule of silence and one of effect."""

from headpursuit.studies.measures.answers import AnswerMeasure, answer_measure
from headpursuit.studies.measures.captions import CaptionMeasure, caption_measure
from headpursuit.studies.measures.measure import Break, BreakKind, Measure, effects
from headpursuit.studies.measures.silence import counted
from headpursuit.studies.measures.thresholds import APART, CAPTION_LINES, Thresholds

__all__ = [
    "APART",
    "CAPTION_LINES",
    "AnswerMeasure",
    "Break",
    "BreakKind",
    "CaptionMeasure",
    "Measure",
    "Thresholds",
    "answer_measure",
    "caption_measure",
    "counted",
    "effects",
]
