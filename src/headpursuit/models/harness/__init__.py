"""lm-evaluation-harness: its tasks, asked of a network whose heads may be rescaled."""

from headpursuit.models.harness.answers import HarnessAnswers, HarnessFigure
from headpursuit.models.harness.asking import ask_harness
from headpursuit.models.harness.finding import HarnessTasks, harness_tasks
