"""The study of answers: heads ranked, rescaled, compared with random heads on held-out questions, and judged."""

from headpursuit.studies.experiments.answers.experiment import EXPERIMENT
from headpursuit.studies.experiments.answers.study import study

__all__ = ["EXPERIMENT", "study"]
