"""Where the mathematics meets the model: capture, explain, rank."""

from headpursuit.analysis.captures import Capture, CaptureConfig, capture, versions
from headpursuit.analysis.explaining import Explanation, explain
from headpursuit.analysis.prompts import read_prompts
from headpursuit.analysis.rankings import RankConfig, RankedHead, Ranking, count_of, rank
from headpursuit.analysis.readings import Reading, read

__all__ = [
    "Capture",
    "CaptureConfig",
    "Explanation",
    "RankConfig",
    "RankedHead",
    "Ranking",
    "Reading",
    "capture",
    "count_of",
    "explain",
    "rank",
    "read",
    "read_prompts",
    "versions",
]
