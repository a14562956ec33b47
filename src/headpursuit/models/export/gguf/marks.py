"""An edited GGUF file's word about itself, kept in its metadata."""

import json
from dataclasses import dataclass, field

from headpursuit.heads import Edit, edit_in_words
from headpursuit.models.checkpoints.gguf_file import GgufFile
from headpursuit.records import from_record, to_record
from headpursuit.storage import understood

KEY = "headpursuit.edit"
"""The key of metadata that holds a `Mark`, as JSON."""

NO_HASH = "0" * 64
"""Stands where a hash will be, and is as long."""


@dataclass(frozen=True)
class Mark:
    """The edit of a file, and what proves it."""

    edit: Edit
    """All edits together, since the file was as it came from llama.cpp."""
    base: str
    """Name of that file."""
    base_sha256: str
    data_sha256: str
    """Of all tensors as they are now, with what lies between them."""
    lossy: tuple[str, ...] = ()
    """Tensors that the inverse edit does not bring back bit by bit."""
    concept: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    """Packages it was made with."""

    @classmethod
    def of(cls, file: GgufFile) -> "Mark | None":
        """The mark of a file; None if it is not edited.

        Raises:
            ValueError: If it has one that cannot be read.
        """
        written = file.metadata.get(KEY)
        if written is None:
            return None
        with understood(file.path, f"GGUF file with {KEY!r}"):
            try:
                return from_record(cls, json.loads(written))
            except ValueError as error:
                raise TypeError(str(error)) from error

    @property
    def metadata(self) -> dict[str, str]:
        """The mark as a file's metadata has it."""
        return {KEY: json.dumps(to_record(self))}

    @property
    def in_words(self) -> str:
        """The heads and scales, such as `L29H2 × -1`."""
        return edit_in_words(self.edit)
