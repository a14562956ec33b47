"""The folder of an experiment: begun with its settings, filled part by part, finished, and read back.

`config.json` is there from the first moment. Each part is written as it finishes, and is not made again. The result and
the manifest with all checksums come last: a folder without a manifest is unfinished.
"""

import shutil
import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import GenericAlias
from typing import Any, Generic, TypeVar

from headpursuit.processes import launched
from headpursuit.records import from_record, to_record
from headpursuit.storage import (
    MANIFEST,
    finish_folder,
    parse_manifest,
    read_json,
    read_manifest,
    refuse_existing,
    understood,
    versions,
    write_json,
)
from headpursuit.studies.kernel.progress import Progress

T = TypeVar("T")
R = TypeVar("R")

_CONFIG = "config.json"
_KINDS: dict[type[Any], Any] = {}
"""By their results."""


class Loadable:
    """A result that is read back from its folder."""

    @classmethod
    def load(cls: type[T], path: Path | str) -> T:
        """Read a finished one; see `ResultKind.load`."""
        kind: ResultKind[T] = _KINDS[cls]
        return kind.load(path)


@dataclass(frozen=True)
class ResultKind(Generic[R]):
    """One kind of folder: what is in it, and how it is begun, gone on with, finished, read and refused."""

    name: str
    """Its name in manifests."""
    config: type[Any]
    """The settings it is begun with."""
    result: type[R]
    """The content of a finished one."""
    file: str = "result.json"
    """The file of the result."""
    apart: Mapping[str, Callable[[Path], Any]] = field(default_factory=dict)
    """Fields of the result that are not in its file, and what reads them from the folder."""

    def __post_init__(self) -> None:
        _KINDS[self.result] = self

    def check(self, folder: Path, config: Any, *, resume: bool) -> None:
        """Check that a folder is free, or holds the beginning of the same.

        Raises:
            FileExistsError: If it exists and `resume` is not asked for, or what is in it is finished or something else.
            ValueError: If it was begun with other settings.
        """
        if not folder.exists():
            refuse_existing(folder)
            return
        if not resume:
            raise FileExistsError(
                f"{folder} exists already; choose another output, or continue what is unfinished in it with "
                "`resume=True`"
            )
        if (folder / MANIFEST).exists():
            parse_manifest(read_json(folder / MANIFEST), folder, self.name)
            raise FileExistsError(
                f"{folder} is finished; see it with `headpursuit report {folder}`, or choose another output"
            )
        if not (folder / _CONFIG).is_file():
            raise FileExistsError(f"{folder} exists and is no {self.name}; choose another output")
        with understood(folder / _CONFIG, f"config of a {self.name}"):
            was = dict(_leaves(to_record(from_record(self.config, read_json(folder / _CONFIG)))))
        now = dict(_leaves(to_record(config)))
        # Without a date of its own, it goes on at the one that it was begun at; begun without one, it takes its own.
        now |= {n: was.get(n) for n, value in now.items() if _is_date(n) and not (value and was.get(n))}
        changed = [_changed(n, was.get(n), now.get(n)) for n in was | now if was.get(n) != now.get(n)]
        if changed:
            raise ValueError(
                f"{folder} was begun with other settings ({'; '.join(changed)}); give those, or choose another output"
            )

    def begin(self, folder: Path, config: Any) -> Path:
        """Make the folder, with the settings in it from the first moment; one that is there at most gets its date."""
        if folder.exists():
            was, now = (dict(_leaves(each)) for each in (read_json(folder / _CONFIG), to_record(config)))
            if any(_is_date(name) and value and not was.get(name) for name, value in now.items()):
                write_json(folder / _CONFIG, to_record(config))
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
            try:
                write_json(partial / _CONFIG, to_record(config))
                partial.chmod(0o755)
                partial.rename(folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
        return folder

    def finish(self, folder: Path, result: R, **about: Any) -> R:
        """Write the result; from here on the folder counts as finished.

        Args:
            folder: Where it was begun.
            result: What was found.
            about: What the manifest says beside the versions of what computed it.
        """
        content = {name: value for name, value in to_record(result).items() if name not in self.apart}
        write_json(folder / self.file, content)
        finish_folder(folder, self.name, {**about, "versions": about.get("versions", versions())})
        return result

    def load(self, path: Path | str) -> R:
        """Read what is finished, with every checksum verified.

        Raises:
            FileNotFoundError: If there is none at `path`.
            ValueError: If it is unfinished, damaged, of a newer version, or something else.
        """
        folder = Path(path)
        if (folder / _CONFIG).is_file() and not (folder / MANIFEST).is_file():
            raise ValueError(f"{folder} is unfinished; continue it with `resume=True`")
        read_manifest(folder, self.name)
        with understood(folder / self.file, self.name):
            content = read_json(folder / self.file)
            apart = {name: read(folder) for name, read in self.apart.items()}
            return from_record(self.result, content | apart if isinstance(content, dict) else content)


def _nothing(_: Any) -> str:
    return ""


def part(file: Path, kind: type[T] | GenericAlias, make: Callable[[], T], lacks: Callable[[T], str] = _nothing) -> T:
    """A part of a folder: read back if it was finished before, else made and kept.

    Args:
        file: The part's place.
        kind: Its type.
        make: Makes it.
        lacks: The reason that one which was read is not the whole of it (`lacks L12H3`); empty if it is.

    Raises:
        ValueError: If what is there is something else, or not whole.
    """
    if not file.exists():
        write_json(file, to_record(make()))
    with understood(file, "part of an experiment"):
        found: T = from_record(kind, read_json(file))
    if reason := lacks(found):
        raise ValueError(f"{file} {reason}; remove the file, and it is made again")
    return found


def lacking(wanted: Iterable[object], there: Container[str]) -> str:
    """The first of some names that a part does not have, as `part` takes it; empty if it has all of them."""
    names = [str(each) for each in wanted if str(each) not in there]
    return f"lacks {names[0]}{f' and {len(names) - 1} more' * (len(names) > 1)}" if names else ""


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

    def part(self, name: str, make: Callable[[], T], lacks: Callable[[T], str] = _nothing) -> T:
        """One of them, as the function `part` makes it; a name may begin with that of a folder.

        Raises:
            ValueError: If the file of that name holds something else, or is not whole.
        """
        self._tell()
        file = self._folder / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        found = part(file, self._kind, make, lacks)
        self.skip()
        return found

    def has(self, name: str) -> bool:
        """True if one of that name was finished before."""
        return (self._folder / f"{name}.json").exists()

    def skip(self) -> None:
        """Leave one out."""
        self._done += 1
        self._tell()

    def _tell(self) -> None:
        self._progress(self._stage, self._done, self.total)


def check_identity(file: Path, identity: Mapping[str, Any], words: Mapping[str, str]) -> None:
    """Refuse to go on with other things than a folder was begun with; the first time they are written down.

    Args:
        file: Where they stand.
        identity: What tells each of them from others.
        words: What an error calls each, such as `another model`.

    Raises:
        ValueError: If one differs.
    """
    processes = launched()
    for number, other in enumerate(processes.gathered(dict(identity))):
        if differing := [words[name] for name, value in identity.items() if other.get(name) != value]:
            raise ValueError(
                f"process {number} of {processes.count} has {' and '.join(differing)} than process {processes.rank}; "
                "give all processes the same"
            )
    begun = part(file, dict[str, Any], lambda: dict(identity))
    different = [words[name] for name, value in identity.items() if begun.get(name) != value]
    if different:
        raise ValueError(
            f"{file.parent} was begun with {' and '.join(different)} ({file.name}); give the same, or choose another "
            "output"
        )


def _is_date(name: str) -> bool:
    return name.rpartition(".")[2] == "date"


def _changed(name: str, was: Any, now: Any) -> str:
    """The change of a setting in words; of one that is on or off, with the flag that takes it back."""
    back = f": `--{'' if was else 'no-'}{name.rpartition('.')[2].replace('_', '-')}`" if isinstance(was, bool) else ""
    return f"{name} was {was!r}, is {now!r}{back}"


def _leaves(content: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting by its path."""
    if not isinstance(content, dict):
        yield path, content
        return
    for name, value in content.items():
        yield from _leaves(value, f"{path}.{name}" if path else name)
