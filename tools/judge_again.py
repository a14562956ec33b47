"""Judges finished studies again, by today's rules, from the figures of their arms; the folders stay as they are.

python tools/judge_again.py demo out/*
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from headpursuit.studies import CaptioningResult, StudyResult, load_result
from headpursuit.studies.judging import decide, verdict_of
from headpursuit.studies.measures import AnswerMeasure, Thresholds, caption_measure
from headpursuit.studies.results import Verdict
from headpursuit.studies.text.metrics import METRICS


def main() -> int:
    """Print the verdict of every folder named on the command line, as it was and as it is."""
    for folder in map(Path, sys.argv[1:]):
        for name, was, now in judged(folder.name, load_result(folder)):
            print(f"{name}: {was.outcome} -> {now.outcome}\n  {now.sentence}")
            for reason in now.reasons:
                print(f"    {reason}")
    return 0


def judged(name: str, result: StudyResult | CaptioningResult) -> Iterator[tuple[str, Verdict, Verdict]]:
    """The name, the verdict as it was and as it is, of each direction."""
    if isinstance(result, StudyResult):
        lines = Thresholds(asked_effect=result.config.effect, unrelated_loss=result.config.damage)
        measure = AnswerMeasure(METRICS.find(result.metric), result.direction, lines)
        yield name, result.verdict, verdict_of(decide(measure, result.arms))
        return
    for direction, was in result.verdicts.items():
        arms = [result.base, *(arm for arm in result.arms if arm.direction == direction)]
        yield f"{name}, {direction}", was, verdict_of(decide(caption_measure(direction, result.config), arms))


if __name__ == "__main__":
    sys.exit(main())
