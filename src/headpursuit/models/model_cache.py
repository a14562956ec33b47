"""Models that are made once and then lie ready in the user's cache."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub.utils import WeakFileLock

from headpursuit.storage import new_folder, read_json


def cache_folder() -> Path:
    """The folder of fetched models: HEADPURSUIT_CACHE, else the platform's user cache."""
    chosen = os.environ.get("HEADPURSUIT_CACHE")
    return Path(chosen) if chosen else _user_cache()


def _user_cache() -> Path:
    """The headpursuit folder where the platform keeps what can be made again."""
    home, moved = Path.home(), Path(os.environ.get("XDG_CACHE_HOME", ""))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local") / "headpursuit" / "headpursuit" / "Cache"
    usual = home / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return (moved if moved.is_absolute() else usual) / "headpursuit"


def kept_model(name: str, details: dict[str, Any], make: Callable[[], tuple[Any, ...]]) -> Path:
    """A folder of the cache that transformers loads; made at the first call, by one process while others wait.

    `make` gives what is saved, the network and its tokenizer or processor; `details` say in the manifest where from.

    Raises:
        OSError: If the folder is incomplete, or what `make` raises.
    """
    folder = cache_folder() / name
    if _is_whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(folder.parent / f".{name}.lock"):
        if _is_whole(folder):  # another process was faster
            return folder
        if folder.exists():
            raise OSError(f"{folder} is incomplete; remove it, and it will be made again")
        parts = make()
        sizes: dict[str, int] = {}
        with new_folder(folder, "model", {**details, "sizes": sizes}) as partial:
            for part in parts:
                part.save_pretrained(partial)
            sizes.update({file.name: file.stat().st_size for file in partial.iterdir()})
    return folder


def is_kept(name: str) -> bool:
    """True if a model is ready."""
    return _is_whole(cache_folder() / name)


def _is_whole(folder: Path) -> bool:
    """True if every file is there with its full size; hashing half a gigabyte at each start would cost a second."""
    if not (folder / "manifest.json").is_file():
        return False
    sizes: dict[str, int] = read_json(folder / "manifest.json").get("sizes", {"": -1})
    return all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items())
