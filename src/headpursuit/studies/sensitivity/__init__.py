"""How much a ranking, and what an edit of its heads does, depends on the word list."""

from headpursuit.studies.sensitivity.config import SensitivityConfig
from headpursuit.studies.sensitivity.result import Agreement, Draw, Effect, Measured, SensitivityResult
from headpursuit.studies.sensitivity.run import check_inputs, study_sensitivity
from headpursuit.studies.sensitivity.synonyms import read_synonyms

__all__ = [
    "Agreement",
    "Draw",
    "Effect",
    "Measured",
    "SensitivityConfig",
    "SensitivityResult",
    "check_inputs",
    "read_synonyms",
    "study_sensitivity",
]
