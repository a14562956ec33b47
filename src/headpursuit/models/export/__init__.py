"""Edits as weights, GGUF files and adapters that other tools load, compared with the live edit before they count."""

from headpursuit.models.export.compare import Difference
from headpursuit.models.export.manifest import Export
from headpursuit.models.export.plan import Format
from headpursuit.models.export.snippets import Snippet, snippet
from headpursuit.models.export.undoing import undo_export
from headpursuit.models.export.writing import export, verify, verify_export
