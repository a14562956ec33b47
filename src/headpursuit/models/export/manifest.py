"""An exported edit on disk: what its manifest says."""

from dataclasses import dataclass, field
from pathlib import Path

from headpursuit.heads import Edit
from headpursuit.models.export.compare import Difference
from headpursuit.models.export.plan import Format
from headpursuit.models.identity import Identity, identify
from headpursuit.models.language_model import LanguageModel
from headpursuit.records import from_record
from headpursuit.storage import read_manifest, understood

KIND = "export"


_WORDS = {"dtype": "dtype", "unembedding_sha256": "unembedding", "heads_sha256": "set of output projections"}
"""Facts that must be the same in the base, and their names for people."""


@dataclass(frozen=True)
class Export:
    """An edit that was written, reloaded and found equal to the live edit."""

    format: Format
    edit: Edit
    base: Identity
    """The model it was exported from, unedited."""
    modules: tuple[str, ...]
    """Paths of the output projections that are scaled."""
    difference: Difference
    """Measured when it was written."""
    prompts: tuple[str, ...]
    """The prompts it was measured on."""
    concept: str = ""
    ranks: dict[str, int] = field(default_factory=dict)
    """Of a LoRA adapter: rank by module, the same for all; older adapters have one for each."""
    versions: dict[str, str] = field(default_factory=dict)
    """Packages it was made with."""
    remarks: tuple[str, ...] = ()
    """Lines for users of the export: what was rounded, which rank it has, which edits it was made of."""
    originals: dict[str, str] = field(default_factory=dict)
    """Of a checkpoint: SHA-256 of each scaled weight before, by path of the projection."""

    def check_base(self, model: LanguageModel) -> None:
        """Refuse a model that the edit was not exported from.

        Raises:
            ValueError: Naming both models and what differs.
        """
        base, found = self.base, identify(model)
        for part in _WORDS:
            if getattr(found, part) != getattr(base, part):
                raise ValueError(
                    f"wrong base: the edit was exported from {base.model or 'an unnamed model'} in {base.dtype}, but "
                    f"{model.name or 'this model'} in {found.dtype} has another {_WORDS[part]}; "
                    "give the model it was made for"
                )

    @classmethod
    def load(cls, path: Path | str) -> "Export":
        """Read the manifest of an export, with every checksum verified.

        Raises:
            FileNotFoundError: If there is no export at `path`.
            ValueError: If it is damaged or something else.
        """
        folder = Path(path)
        manifest = read_manifest(folder, KIND)
        with understood(folder, KIND):
            return from_record(cls, {name: manifest[name] for name in cls.__dataclass_fields__ if name in manifest})
