"""Where every head's mixed values are, and the proof: the slices of the attention output projections' inputs."""

from headpursuit.models.anatomy.flags import with_flags
from headpursuit.models.anatomy.flow import same_values
from headpursuit.models.anatomy.locate import locate
from headpursuit.models.anatomy.overflow import overflow_in
from headpursuit.models.anatomy.poisoning import Poisonings, poison_all
from headpursuit.models.anatomy.probe import (
    Probe,
    input_device,
    is_norm,
    probe_input,
    run_probe,
    text_decoder,
    text_modules,
)
from headpursuit.models.anatomy.sites import (
    APPROXIMATE,
    FLAGS,
    TOLERANCE,
    Anatomy,
    AnatomyError,
    HeadSite,
    check_positions,
    projection,
    side_by_side,
)
from headpursuit.models.anatomy.visits import visited

__all__ = [
    "APPROXIMATE",
    "FLAGS",
    "TOLERANCE",
    "Anatomy",
    "AnatomyError",
    "HeadSite",
    "Poisonings",
    "Probe",
    "check_positions",
    "input_device",
    "is_norm",
    "locate",
    "overflow_in",
    "poison_all",
    "probe_input",
    "projection",
    "run_probe",
    "same_values",
    "side_by_side",
    "text_decoder",
    "text_modules",
    "visited",
    "with_flags",
]
