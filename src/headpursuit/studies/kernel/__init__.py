"""What every experiment stands on: its folder, its parts, its command, and how it is known to all else."""

from headpursuit.studies.kernel.command import command_line, settings_of
from headpursuit.studies.kernel.experiment import Experiment, Line, Shown, Table, WantedModel
from headpursuit.studies.kernel.folder import ResultKind, check_identity, part
from headpursuit.studies.kernel.parts import Parts

__all__ = [
    "Experiment",
    "Line",
    "Parts",
    "ResultKind",
    "Shown",
    "Table",
    "WantedModel",
    "check_identity",
    "command_line",
    "part",
    "settings_of",
]
