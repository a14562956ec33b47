"""What an edit does on tasks of lm-evaluation-harness, beside random heads."""

from headpursuit.studies.harness.evaluating import harness_study
from headpursuit.studies.harness.result import HarnessResult
from headpursuit.studies.harness.settings import HarnessConfig

__all__ = ["HarnessConfig", "HarnessResult", "harness_study"]
