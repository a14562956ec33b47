"""The word list's part in a ranking, and in what an edit of its heads does."""

from typing import TYPE_CHECKING

from headpursuit.lazily import lazily

if TYPE_CHECKING:
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

__getattr__, __dir__ = lazily(__name__)
