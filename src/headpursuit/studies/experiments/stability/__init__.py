"""A stability card: whether other prompts, phrasings, settings and seeds would have found the same heads."""

from typing import TYPE_CHECKING

from headpursuit.lazily import lazily

if TYPE_CHECKING:
    from headpursuit.studies.experiments.stability.config import StabilityConfig
    from headpursuit.studies.experiments.stability.experiment import EXPERIMENT, study_stability
    from headpursuit.studies.experiments.stability.result import Firmness, StabilityResult, StabilityRow, Variant

__all__ = [
    "EXPERIMENT",
    "Firmness",
    "StabilityConfig",
    "StabilityResult",
    "StabilityRow",
    "Variant",
    "study_stability",
]

__getattr__, __dir__ = lazily(__name__)
