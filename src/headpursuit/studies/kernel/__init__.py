"""What every experiment stands on: its folder, its parts, its command, and how it is known by name."""

from headpursuit.studies.kernel.folder import ResultKind, check_identity, part
from headpursuit.studies.kernel.parts import Parts

__all__ = ["Parts", "ResultKind", "check_identity", "part"]
