"""The place that a name leads to: a folder, a GGUF file, an adapter, or the hub."""

import re
from dataclasses import dataclass
from pathlib import Path

ADAPTER_CONFIG = "adapter_config.json"

WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
"""Files that transformers reads weights from, in the order it looks for them."""

_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)
"""Names that `llama-gguf-split` gives the parts of a file."""

_LISTED = 4
"""Parts of a file that are named one by one."""


@dataclass(frozen=True)
class Place:
    """Folder or hub id of a model, and what kind of files are there."""

    source: str
    """Folder or hub id."""
    gguf: str = ""
    """The GGUF file in it, where the weights come from one."""
    is_adapter: bool = False
    """A PEFT adapter without a model of its own."""

    @property
    def folder(self) -> Path | None:
        """The folder, if it is on this machine."""
        path = Path(self.source)
        return path if path.is_dir() else None


def place_of(name: str) -> Place:
    """The place of a model that is not one of our own: of a hub id, a folder, or a GGUF file.

    Raises:
        FileNotFoundError: If a local path does not exist or holds no model.
        ValueError: If it is a file of another kind, one part of several, or holds several models.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return _in_folder(path, name)
    if path.is_file() and _is_gguf(path):
        _check_undivided(path)
        return Place(str(path.parent), path.name)
    if path.is_file():
        raise ValueError(f"{name} is a file, but not a .gguf file; give the folder that holds config.json")
    if _is_gguf(path) or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise FileNotFoundError(f"there is no model at {name}")
    return Place(name)


def _in_folder(folder: Path, name: str) -> Place:
    has_weights = any(True for pattern in WEIGHTS for _ in folder.glob(pattern))
    has_config = (folder / "config.json").is_file()
    if (folder / ADAPTER_CONFIG).is_file():
        if has_weights:
            raise ValueError(
                f"{name} holds the weights of a model and {ADAPTER_CONFIG}, so it says two things; move the adapter "
                "into a folder of its own and give the one that is meant"
            )
        return Place(str(folder), is_adapter=True)
    files = [] if has_weights else _gguf_files(folder)
    if len(files) > 1:
        raise ValueError(f"{name} holds {len(files)} GGUF files; name one: {', '.join(file.name for file in files)}")
    if files:
        _check_undivided(files[0])
        return Place(str(folder), files[0].name)
    if not has_config:
        raise FileNotFoundError(f"{name} is no model folder: it has no config.json, no {ADAPTER_CONFIG}, no GGUF file")
    return Place(str(folder))


def _is_gguf(path: Path) -> bool:
    return path.suffix.lower() == ".gguf"


def _gguf_files(folder: Path) -> list[Path]:
    """GGUF files that hold language models, of divided ones the first part; not what llama.cpp sees images with."""
    files = [f for f in sorted(folder.iterdir()) if f.is_file() and _is_gguf(f) and "mmproj" not in f.name.lower()]
    firsts: dict[str, Path] = {}
    for file in files:
        part = _PART.fullmatch(file.name)
        firsts.setdefault(part[1] if part else file.name, file)
    return list(firsts.values())


def _check_undivided(file: Path) -> None:
    """Refuse one part of a divided GGUF file: transformers reads one file and would fill in what is in the others."""
    part = _PART.fullmatch(file.name)
    if part is None or int(part[3]) < 2:
        return
    stem, count = part[1], int(part[3])
    names = [f"{stem}-{number:05}-of-{count:05}{file.suffix}" for number in range(1, count + 1)]
    absent = [name for name in names if not (file.parent / name).is_file()]
    listed = ", ".join(names) if count <= _LISTED else f"{names[0]} to {names[-1]}"
    state = f"{', '.join(absent)} missing here" if absent else f"all are here: {listed}"
    raise ValueError(
        f"{file} is part {int(part[2])} of {count} of a divided GGUF file ({state}); join them with: "
        f"llama-gguf-split --merge {names[0]} {stem}{file.suffix}"
    )
