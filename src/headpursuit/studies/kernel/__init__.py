"""The kernel of all experiments: a folder, its parts, a command, and what everything else knows of one."""

from headpursuit.studies.kernel.alone import alone, alone_in
from headpursuit.studies.kernel.command import command_line
from headpursuit.studies.kernel.experiment import Experiment, Line, Shown, Table, WantedModel
from headpursuit.studies.kernel.folder import Loadable, Parts, ResultKind, check_identity, lacking, part

__all__ = [
    "Experiment",
    "Line",
    "Loadable",
    "Parts",
    "ResultKind",
    "Shown",
    "Table",
    "WantedModel",
    "alone",
    "alone_in",
    "check_identity",
    "command_line",
    "lacking",
    "part",
]
