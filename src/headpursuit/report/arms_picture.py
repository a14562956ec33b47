"""The picture of a study's arms as a figure in a notebook."""

from typing import Any

from headpursuit.report.pages import answers, captions
from headpursuit.studies import CaptioningResult, StudyResult


def draw_arms(result: StudyResult | CaptioningResult) -> Any:
    """Draw the score of every arm with its interval; in a study of captions, the fraction that names the concept.

    Args:
        result: A finished study.

    Returns:
        A figure of matplotlib, which a notebook shows.
    """
    return captions.draw_arms(result) if isinstance(result, CaptioningResult) else answers.draw_arms(result)
