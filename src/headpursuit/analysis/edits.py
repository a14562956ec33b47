"""Edits as files: which heads, by how much, and for which model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headpursuit.analysis.head_lists import is_head_list, read_heads
from headpursuit.analysis.rankings import Ranking
from headpursuit.heads import Edit, Scope, product_of
from headpursuit.models import LanguageModel, has_unembedding
from headpursuit.records import from_fields
from headpursuit.storage import read_json, understood, write_json


@dataclass(frozen=True)
class SavedEdit:
    """An edit, and what is known about where it came from."""

    edit: Edit
    model: str = ""
    """Name of the model it is for; empty if it was written by hand."""
    revision: str | None = None
    unembedding_sha256: str = ""
    """Tells the model from others; empty if it was written by hand."""
    concept: str = ""
    """The concept that the heads were ranked for."""

    @classmethod
    def of(
        cls, ranking: Ranking, heads: int | str = "1%", scale: float | int = -1, scope: Scope = "all"
    ) -> "SavedEdit":
        """Rescale the best heads of a ranking.

        Raises:
            ValueError: If that is no head, or more than there are.
        """
        return cls.of_edit(Edit.uniform(ranking.top(heads), scale, scope), ranking)

    @classmethod
    def of_edit(cls, edit: Edit, ranking: Ranking) -> "SavedEdit":
        """An edit of the model that was ranked."""
        return cls(edit, ranking.model, ranking.revision, ranking.unembedding_sha256, ranking.concept)

    @classmethod
    def of_heads(
        cls, path: Path | str, heads: int | str | None = None, scale: float | int = -1, scope: Scope = "all"
    ) -> "SavedEdit":
        """Rescale heads of a list from another tool (see `read_heads`); for which model they are is not known.

        Args:
            path: The file.
            heads: How many of them; if None the best 1% of heads with scores, and all of a list without.
            scale: Their scale.
            scope: Which positions it touches.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it is no list of heads, or has fewer.
        """
        return cls(Edit.uniform(read_heads(path).first(heads), scale, scope))

    @classmethod
    def of_several(cls, several: Sequence["SavedEdit"]) -> "SavedEdit":
        """Several edits of one model as one: where two rescale one head, their scales multiply, as in nested `rescale`.

        Raises:
            ValueError: If they are for different models, or act at different positions.
        """
        hashes = {one.unembedding_sha256 for one in several} - {""}
        if len(hashes) > 1:
            names = " and ".join(sorted({one.model or "a model without a name" for one in several}))
            raise ValueError(f"the edits are for models with different unembeddings ({names}), and cannot be one edit")
        known = next((one for one in several if one.unembedding_sha256), several[0])
        concepts = dict.fromkeys(one.concept for one in several if one.concept)
        return replace(known, edit=product_of([one.edit for one in several]), concept=" and ".join(concepts))

    def save(self, path: Path | str) -> None:
        """Write it as JSON.

        Raises:
            ValueError: If every scale is 1, so that it changes nothing.
        """
        if all(scale == 1 for scale in self.edit.values()):
            raise ValueError("the edit changes nothing: every scale is 1; give another, like -1 or 0")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_json(Path(path), self.to_json())

    def to_json(self) -> dict[str, Any]:
        """All fields, heads by name."""
        own = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "edit"}
        return {"kind": "edit", "version": 1, **self.edit.to_json(), **own}

    @classmethod
    def load(cls, path: Path | str) -> "SavedEdit":
        """Read what `save` wrote, or scales written by hand: `{"L12H3": -1}`.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it is no edit.
        """
        content = read_json(Path(path))
        if not isinstance(content, dict):
            raise ValueError(f'{path} is no edit; an edit maps heads to scales, like {{"L12H3": -1}}')
        kind = content.get("kind", "edit")
        if kind != "edit":
            raise ValueError(f"{path} is no edit: it says it is {kind!r}")
        version = content.get("version")
        if "kind" in content and version != 1:
            raise ValueError(f"{path} was written by another version of headpursuit (format {version!r})")
        with understood(path, "edit"):
            return cls._from_json(content, str(path))

    @classmethod
    def _from_json(cls, content: dict[str, Any], origin: str) -> "SavedEdit":
        try:
            edit = Edit.from_json(content)
        except ValueError as error:
            raise ValueError(f"{origin}: {error}") from error
        if not edit:
            raise ValueError(f'{origin} holds no head; write heads and scales, like {{"L12H3": -1}}')
        if "kind" not in content:
            return cls(edit)
        fields = {name: content[name] for name in cls.__dataclass_fields__ if name != "edit"}
        return from_fields(cls, fields | {"edit": edit})

    def check(self, model: LanguageModel) -> None:
        """Refuse a model that the edit is not for.

        Raises:
            ValueError: If the model's unembedding is another one, or it lacks a head.
        """
        if self.unembedding_sha256 and not has_unembedding(model, self.unembedding_sha256):
            raise ValueError(
                f"the heads were chosen for {self.model or 'another model'}, but {model.name or 'this model'} has "
                "another unembedding; rank the heads of this model, or give the one they were chosen for"
            )
        for head in self.edit:
            model.anatomy.site_of(head)


def read_edit(path: Path | str) -> SavedEdit:
    """An edit from a file: as `SavedEdit.load` reads it, or the heads of another tool's list at scale -1.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is neither.
    """
    return SavedEdit.of_heads(path) if is_head_list(path) else SavedEdit.load(path)


def load_edit(path: Path | str, model: LanguageModel) -> Edit:
    """Read an edit for a model.

    Args:
        path: A file written by `headpursuit edit`, scales written by hand: `{"L12H3": -1}`, or a list of heads (see
            `read_heads`), which are reversed (scale -1).
        model: The model that shall be edited.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is no edit, is for another model, or names a head that the model lacks.
    """
    saved = read_edit(path)
    saved.check(model)
    return saved.edit
