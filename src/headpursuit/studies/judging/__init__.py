"""Judgement of figures: outcomes and doses decided by one rule, and said in words in one place."""

from headpursuit.studies.judging.base import check_base
from headpursuit.studies.judging.baselines import compare
from headpursuit.studies.judging.decision import Decision, decide
from headpursuit.studies.judging.draws import Controls
from headpursuit.studies.judging.sentences import verdict_of

__all__ = ["Controls", "Decision", "check_base", "compare", "decide", "verdict_of"]
