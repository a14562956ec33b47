"""An edit measured on tasks of lm-evaluation-harness, beside random heads."""

from typing import TYPE_CHECKING

from headpursuit.lazily import lazily

if TYPE_CHECKING:
    from headpursuit.studies.experiments.lm_eval.evaluating import harness_study
    from headpursuit.studies.experiments.lm_eval.experiment import EXPERIMENT
    from headpursuit.studies.experiments.lm_eval.result import HarnessResult
    from headpursuit.studies.experiments.lm_eval.settings import HarnessConfig

__all__ = ["EXPERIMENT", "HarnessConfig", "HarnessResult", "harness_study"]

__getattr__, __dir__ = lazily(__name__)
