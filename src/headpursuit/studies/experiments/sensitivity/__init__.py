"""How much a ranking, and what an edit of its heads does, depends on the word list."""

from headpursuit.studies.experiments.sensitivity.config import SensitivityConfig
from headpursuit.studies.experiments.sensitivity.experiment import EXPERIMENT
from headpursuit.studies.experiments.sensitivity.result import Agreement, Draw, Effect, Measured, SensitivityResult
from headpursuit.studies.experiments.sensitivity.run import check_inputs, study_sensitivity
from headpursuit.studies.experiments.sensitivity.synonyms import read_synonyms

__all__ = [
    "EXPERIMENT",
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
