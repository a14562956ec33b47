"""The parts of one stage of an experiment, such as its arms: each made once, kept as it finishes, and read back."""

from collections.abc import Callable
from pathlib import Path
from types import GenericAlias
from typing import Generic, TypeVar

from headpursuit.studies.kernel.folder import part
from headpursuit.studies.progress import Progress

T = TypeVar("T")


class Parts(Generic[T]):
    """Makes the parts of one stage or reads them back, and tells how far it is."""

    def __init__(
        self, folder: Path, kind: type[T] | GenericAlias, progress: Progress, stage: str, total: int = 0
    ) -> None:
        """Nothing is made yet, but the folder.

        Args:
            folder: Where the parts are, a file each.
            kind: What each is.
            progress: Told before and after each.
            stage: What they are called there.
            total: How many there will be; may grow.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._kind, self._progress, self._stage = folder, kind, progress, stage
        self._done = 0
        self.total = total

    def part(self, name: str, make: Callable[[], T]) -> T:
        """One of them; a name may begin with that of a folder.

        Raises:
            ValueError: If the file of that name holds something else.
        """
        self._tell()
        file = self._folder / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        found = part(file, self._kind, make)
        self.skip()
        return found

    def skip(self) -> None:
        """Leave one out."""
        self._done += 1
        self._tell()

    def _tell(self) -> None:
        self._progress(self._stage, self._done, self.total)
