"""Agreement of two rankings: the heads they share among the best, against chance, and the order of all heads."""

from typing import TYPE_CHECKING

from headpursuit.lazily import lazily

if TYPE_CHECKING:
    from headpursuit.studies.experiments.agreement.config import AgreementConfig
    from headpursuit.studies.experiments.agreement.experiment import EXPERIMENT, KIND, AgreementResult, compare_rankings

__all__ = ["EXPERIMENT", "KIND", "AgreementConfig", "AgreementResult", "compare_rankings"]

__getattr__, __dir__ = lazily(__name__)
