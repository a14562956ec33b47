"""The ways that models read what is no text: a sense for each modality, and which positions of a text are its."""

from headpursuit.models.senses.hearing import HEARING
from headpursuit.models.senses.sense import Sense
from headpursuit.models.senses.sight import SIGHT

SENSES = (SIGHT, HEARING)
"""All that is known; a model has those that its processor prepares for and its network takes."""
