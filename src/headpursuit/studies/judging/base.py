"""The unedited model's figures, refused where no study could say anything."""

from headpursuit.studies.judging import sentences
from headpursuit.studies.measures import AnswerMeasure
from headpursuit.studies.results import ArmSummary, Why


def check_base(base: ArmSummary, measure: AnswerMeasure) -> None:
    """Stop where the unedited model leaves nothing to change.

    Raises:
        ValueError: If it does; what was measured is kept.
    """
    if measure.unclear_base(base) in (Why.WEAK_BASE, Why.NO_BASE):
        raise ValueError(sentences.nothing_to_change(base, measure))
