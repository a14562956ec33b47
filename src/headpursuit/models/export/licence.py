"""The licence of a model that was edited, as its own files or its page on the hub say it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headpursuit.files import parse_yaml, read_text
from headpursuit.models.checkpoints.gguf_file import read_gguf
from headpursuit.models.demo_vlm import DEMO_VLM
from headpursuit.models.embedded import EMBEDDED
from headpursuit.models.identity import hub_id
from headpursuit.models.whisper_base import WHISPER_BASE

_SECONDS = 5.0
"""The time that the hub may take to say a licence."""

_ID = re.compile(r"[\w.+-]{1,60}")
_LINK = re.compile(r"https?://[^\s<>()\[\]]{1,300}")
_KEYS = ("license", "license.name", "license.link")
_FRONT = re.compile(r"---[ \t]*\n(.*?)\n---[ \t]*(\n|$)", re.DOTALL)


@dataclass(frozen=True)
class Licence:
    """A licence in the hub's words."""

    id: str = ""
    """Such as `apache-2.0`; `other` for one that the hub has no word for; empty if it is not known."""
    name: str = ""
    """Of an `other` one, such as `gemma`."""
    link: str = ""
    """The address of its text, if it is known."""
    source: str = ""
    """The place where this stands: `its card`, `its GGUF file`."""

    def __str__(self) -> str:
        if not self.id:
            return "unknown: look it up before you pass this on"
        name = self.name or self.id
        return f"{name}{f' <{self.link}>' * bool(self.link)}, by {self.source}; it holds for what was made of it too"


def licence_of(name: str, revision: str | None = None) -> Licence:
    """The licence of a model, as far as anything at hand says it; nothing that is wrong there stops an export.

    Args:
        name: The model's, as given to `load`: a hub id (the hub is asked once, for a few seconds), a folder, whose
            card is read, or a GGUF file, whose metadata are, and then the card beside it.
        revision: Of a hub model.
    """
    if name in (EMBEDDED, DEMO_VLM):
        return Licence("apache-2.0", source="its card")
    if name == WHISPER_BASE:
        return Licence("mit", source="the packages it comes in")
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            return _of_folder(path)
        if path.suffix.lower() == ".gguf" and path.is_file():
            found = _of_gguf(path)
            return found if found.id else _of_folder(path.parent)
        return _of_hub(name, revision) if hub_id(name) else Licence()
    except Exception:  # damaged metadata, a hub out of reach: then it is not known
        return Licence()


def _of_folder(folder: Path) -> Licence:
    card = folder / "README.md"
    front = _FRONT.match(read_text(card)) if card.is_file() else None
    found = parse_yaml(front[1]) if front else None
    if isinstance(found, Mapping):
        return _read(found.get("license"), found.get("license_name"), found.get("license_link"), source="its card")
    return Licence()


def _of_gguf(file: Path) -> Licence:
    said = read_gguf(file).metadata
    return _read(*(said.get(f"general.{key}") for key in _KEYS), source="its GGUF file")


def _of_hub(name: str, revision: str | None) -> Licence:
    from huggingface_hub import HfApi

    card = HfApi().model_info(name, revision=revision, timeout=_SECONDS).card_data
    found = card.to_dict() if card else {}
    return _read(
        found.get("license"), found.get("license_name"), found.get("license_link"), source="its page on the hub"
    )


def _read(given: Any, name: Any, link: Any, *, source: str) -> Licence:
    """A licence from what a file says, which may be anything: words of other characters are left out."""
    several = [str(one) for one in (given if isinstance(given, list) else [given]) if one]
    if len(several) == 1 and _ID.fullmatch(several[0]):
        id = several[0]  # noqa: A001 - the hub's word
    else:
        id, name = ("other" if several else ""), " and ".join(one for one in several if _ID.fullmatch(one))  # noqa: A001
    known = str(name) if name and re.fullmatch(r"[\w.+ -]{1,120}", str(name)) else ""
    return Licence(id, known, str(link) if link and _LINK.fullmatch(str(link)) else "", source if id else "")
