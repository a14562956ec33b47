"""Atlases: every head of a model named by its tokens and its concepts, and two of them compared."""

from headpursuit.analysis.atlases.atlas import LEVEL, Atlas, AtlasConcept, Finding
from headpursuit.analysis.atlases.building import build_atlas, check_concepts
from headpursuit.analysis.atlases.comparing import diff_atlases
from headpursuit.analysis.atlases.difference import AtlasDiff, HeadChange
from headpursuit.analysis.atlases.weights_alone import weights_capture
