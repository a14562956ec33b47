"""Edits as weights and adapters that other tools load; peft is imported only where an adapter is asked for."""

from headpursuit.models.export.compare import Difference
from headpursuit.models.export.manifest import Export
from headpursuit.models.export.plan import Format
from headpursuit.models.export.snippets import Snippet, snippet
from headpursuit.models.export.writing import export, verify, verify_export
