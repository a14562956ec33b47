"""The place of every head's mixed values, proven: the slices of the attention output projections' inputs."""

from headpursuit.models.anatomy.flags import with_flags
from headpursuit.models.anatomy.flow import same_values
from headpursuit.models.anatomy.handed import GivenAnatomy, handed_anatomy, read_description
from headpursuit.models.anatomy.hooks import site_hooks
from headpursuit.models.anatomy.layers import decoder_layers
from headpursuit.models.anatomy.locate import locate
from headpursuit.models.anatomy.poisoning import Poisonings, poison_all
from headpursuit.models.anatomy.probe import (
    Probe,
    decoder_probe,
    encoder_modules,
    input_device,
    is_norm,
    overflow_in,
    probe_input,
    run_probe,
    text_decoder,
    text_modules,
)
from headpursuit.models.anatomy.queries import queries_reach_slices
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
