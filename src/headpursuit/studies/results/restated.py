"""Transcripts and translations, compared with what should be written."""

from dataclasses import dataclass

from headpursuit.studies.results.figures import ArmKind


@dataclass(frozen=True)
class Restatement:
    """One arm's held-out sentences, beside those that should be written."""

    arm: str
    kind: ArmKind
    word_errors: float
    """Words wrong, missing or too many, for each that should be written; without those of the concept."""
    chrf: float
    """Character n-grams shared with what should be written, 0 to 100 (chrF; Popović 2015), all words."""
    bleu: float
    """Word n-grams shared, 0 to 100 (BLEU; Papineni et al. 2002), all words."""
