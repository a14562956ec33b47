"""The settings of a capture."""

from dataclasses import dataclass
from typing import Annotated

from headpursuit.settings.chat import ChatSettings
from headpursuit.settings.fields import Flag
from headpursuit.settings.words import Positions


@dataclass(frozen=True)
class CaptureConfig(ChatSettings):
    """Settings of a capture; saved beside it."""

    positions: Positions = "last"
    """Token positions: the last of the prompt, the whole prompt, its image or sound, the generated answer, or all."""
    max_new_tokens: Annotated[int, Flag(least=1)] = 16
    """Length of the answers, where they are captured."""
    batch_size: Annotated[int, Flag(least=1)] = 32
    """Prompts per batch."""
    samples: Annotated[int, Flag(least=0)] = 1000
    """Positions, drawn uniformly, to keep one by one, which the rule l1 needs; 0 for none."""
