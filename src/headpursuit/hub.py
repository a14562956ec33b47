"""Data sets that the library `datasets` reads: from the Hugging Face hub, or from a local folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from headpursuit.extras import optional

_SECONDS = 10.0
"""Seconds that the hub may take to say that it is there."""


def data_set(name: str, config: str | None = None, data_files: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A data set's splits by name.

    Without a network the copy in the library's cache is taken, if there is one; nothing is tried again and again.

    Args:
        name: Name on the hub, or a local folder.
        config: Which of the data set's configurations.
        data_files: The only files needed of a larger data set, per split.

    Raises:
        ConnectionError: If the hub is out of reach, and there is no copy.
        ExtraMissing: If `datasets` is not installed.
        ValueError: If the data set cannot be loaded.
    """
    datasets = optional("datasets")
    # The library raises errors of many kinds, all of which are about the data set.
    try:
        if any((Path(name) / file).is_file() for file in ("dataset_dict.json", "state.json")):
            found = datasets.load_from_disk(name)
        else:
            with _patience(datasets, name) as out_of_reach:
                found = datasets.load_dataset(name, config, data_files=dict(data_files) if data_files else None)
    except MemoryError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, ConnectionError):
            raise ConnectionError(
                f"the data set {name} is not on this machine, and the Hugging Face hub is out of reach "
                f"({out_of_reach or reason:.200}); connect, or give a local folder or file of the same columns"
            ) from error
        raise ValueError(f"the data set {name} cannot be loaded: {reason:.500}") from error
    return dict(found) if isinstance(found, dict) else {str(found.split or "train"): found}


@contextmanager
def _patience(datasets: ModuleType, name: str) -> Iterator[str]:
    """Lets the library look into its cache at once where the hub is out of reach: it would wait half a minute.

    Yields:
        Why the hub is out of reach, or nothing.
    """
    offline, reason = datasets.config.HF_HUB_OFFLINE, ""
    if not offline and not Path(name).exists():
        reason = _out_of_reach(datasets.config.HF_ENDPOINT)
    datasets.config.HF_HUB_OFFLINE = offline or bool(reason)
    try:
        yield reason
    finally:
        datasets.config.HF_HUB_OFFLINE = offline


def _out_of_reach(endpoint: str) -> str:
    """The reason that the hub does not answer, asked once; empty if it does, whatever its answer."""
    from huggingface_hub import get_session

    try:
        get_session().head(endpoint, timeout=_SECONDS)
    except Exception as error:
        return " ".join(str(error).split()) or type(error).__name__
    return ""
