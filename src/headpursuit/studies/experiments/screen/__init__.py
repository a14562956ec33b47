"""A screen: what rescaling each head by itself does to a task, to unrelated answers and to neutral text."""

from typing import TYPE_CHECKING

from headpursuit.lazily import lazily

if TYPE_CHECKING:
    from headpursuit.studies.experiments.screen.config import ScreenConfig
    from headpursuit.studies.experiments.screen.experiment import EXPERIMENT, HeadWrites, ScreenResult, screen

__all__ = ["EXPERIMENT", "HeadWrites", "ScreenConfig", "ScreenResult", "screen"]

__getattr__, __dir__ = lazily(__name__)
