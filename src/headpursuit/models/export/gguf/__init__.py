"""Edits in GGUF files, in which llama.cpp and what is built on it read models."""

from headpursuit.models.export.gguf.editing import Change, EditedFile, edit_gguf
from headpursuit.models.export.gguf.proving import verify_gguf
from headpursuit.models.export.gguf.sources import check_unembedding, gguf_path
from headpursuit.models.export.gguf.undoing import undo_gguf
