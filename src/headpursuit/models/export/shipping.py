"""Each format's way onto the disk, and from there back into a model that can be compared."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from headpursuit.extras import optional
from headpursuit.heads import Edit, edit_in_words
from headpursuit.models.checkpoints.gguf_file import read_gguf
from headpursuit.models.export.adapters import LowRank, adapter_on, low_rank, write_ia3, write_lora
from headpursuit.models.export.compare import tolerance_of
from headpursuit.models.export.gguf.adapter import GgufAdapter, tensor_names, write_adapter
from headpursuit.models.export.gguf.editing import edit_gguf
from headpursuit.models.export.gguf.marks import Mark
from headpursuit.models.export.gguf.sources import check_same_heads, gguf_path
from headpursuit.models.export.manifest import KIND, Export
from headpursuit.models.export.plan import Format, ScaledProjection
from headpursuit.models.export.weights import hashes_of, reloaded, write_checkpoint
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.load import load
from headpursuit.storage import MANIFEST, read_json

PACKAGES: dict[Format, tuple[str, ...]] = {
    "weights": (),
    "ia3": ("peft",),
    "lora": ("peft",),
    "gguf": ("gguf",),
    "gguf-lora": ("gguf", "peft"),
}
"""Packages that a format is written or read back with, beside those that everything needs."""


@dataclass(frozen=True)
class Shipped:
    """Remarks on what was written, and its tolerance."""

    tolerance: float | None
    """Difference of logits that it may have from the live edit; None for half of what the edit does."""
    remarks: tuple[str, ...] = ()
    ranks: dict[str, int] = field(default_factory=dict)
    originals: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Shipping:
    """An edit on its way into a format."""

    model: LanguageModel
    edit: Edit
    scaled: Sequence[ScaledProjection]
    form: Format
    concept: str
    again: bool
    source: Path | None
    """The GGUF file that a GGUF format needs."""
    factors: LowRank | None
    """Of a LoRA."""

    @classmethod
    def of(
        cls,
        model: LanguageModel,
        edit: Edit,
        scaled: Sequence[ScaledProjection],
        form: Format,
        concept: str = "",
        rank: int | None = None,
        again: bool = False,
    ) -> "Shipping":
        """Refuse what a format cannot take, before the model runs.

        Raises:
            ValueError: If a GGUF format is asked for of a model that is none, a rank of a format without, or the model
                is edited already and `again` is not given.
            ExtraMissing: If an adapter is asked for and peft is not installed.
        """
        is_lora = form in ("lora", "gguf-lora")
        if rank is not None and not is_lora:
            raise ValueError(f"a rank is one of a LoRA, and format {form!r} is none; leave it out")
        if not again and (edited := edited_already(model.name)):
            raise ValueError(
                f"{model.name} is edited already ({edited}); give the model it was made from, or --again (again=True) "
                "to edit it further"
            )
        source = gguf_path(model.name) if form in ("gguf", "gguf-lora") else None
        if source:
            check_same_heads(read_gguf(source), model, edit)
        if "peft" in PACKAGES[form]:
            optional("peft")
        factors = low_rank(model, scaled, rank) if is_lora else None
        return cls(model, edit, scaled, form, concept, again, source, factors)

    def write(self, folder: Path) -> Shipped:
        """Write it into a folder; the model stays as it was."""
        model, tolerance = self.model, tolerance_of(self.model.network.dtype)
        if self.source and self.factors:
            path = _in(folder, self.source, "lora")
            write_adapter(self.source, self.edit, model.anatomy, self.factors, path, self.concept)
        elif self.source:
            made = edit_gguf(
                self.source, self.edit, _in(folder, self.source, "edited"), concept=self.concept, again=self.again
            )
            rounds = any(change.error for change in made.changes)
            return Shipped(max(tolerance, 1e-2) if rounds else tolerance, (str(made), *map(str, made.changes)))
        elif self.factors:
            write_lora(model, folder, self.factors)
        elif self.form == "ia3":
            write_ia3(model, self.scaled, folder)
        else:
            write_checkpoint(model, self.scaled, folder)
            return Shipped(tolerance, originals=hashes_of(model.network, (one.path for one in self.scaled)))
        if self.factors is None:
            return Shipped(tolerance)
        ranks = dict.fromkeys(self.factors.pairs, self.factors.rank)
        return Shipped(None if self.factors.error else tolerance, self.factors.remarks, ranks)


def _in(folder: Path, source: Path, what: str) -> Path:
    return folder / f"{source.stem.removesuffix('-edited')}-{what}.gguf"


def edited_already(name: str) -> str:
    """The edit of a model that was exported, in words; empty for one that was not.

    Args:
        name: A folder, a GGUF file, or anything else that a model is loaded by.
    """
    folder = Path(name)
    if (folder / MANIFEST).is_file():
        content = read_json(folder / MANIFEST)
        if isinstance(content, dict) and content.get("kind") == KIND:
            return edit_in_words(Export.load(folder).edit)
    files = [folder] if folder.is_file() else sorted(folder.glob("*.gguf"))
    mark = Mark.of(read_gguf(files[0])) if name and len(files) == 1 else None
    return edit_in_words(mark.edit) if mark else ""


def gguf_in(folder: Path) -> Path:
    """The GGUF file of an export.

    Raises:
        ValueError: If there is not one.
    """
    files = sorted(folder.glob("*.gguf"))
    if len(files) != 1:
        raise ValueError(f"{folder} holds {len(files)} GGUF files, expected the one that was exported")
    return files[0]


@contextmanager
def loaded_export(
    model: LanguageModel, folder: Path, form: Format, edit: Edit, paths: Sequence[str]
) -> Iterator[LanguageModel]:
    """The model that was written; of an adapter, the model itself with it, as long as the block runs."""
    if form == "weights":
        yield reloaded(model, folder)
    elif form == "gguf":
        spread = getattr(model.network, "hf_device_map", None)
        where = {"device_map": spread} if spread else {"device": str(model.device)}
        yield load(str(gguf_in(folder)), dtype=model.dtype, **where)
    elif form == "gguf-lora":
        with TemporaryDirectory() as scratch:
            _as_peft(model, gguf_in(folder), edit, Path(scratch))
            with adapter_on(model.network, Path(scratch), paths):
                yield model
    else:
        with adapter_on(model.network, folder, paths):
            yield model


def _as_peft(model: LanguageModel, file: Path, edit: Edit, folder: Path) -> None:
    """An adapter for llama.cpp as one for PEFT, which computes the same of it."""
    adapter = GgufAdapter.read(file)
    names = tensor_names(read_gguf(gguf_path(model.name)), edit, model.anatomy)
    pairs = {path: adapter.pairs[name] for path, name in names.items()}
    rank = round(adapter.alpha)
    dtype = model.network.dtype
    found = {path: (a.to(dtype), b.to(dtype)) for path, (a, b) in pairs.items()}
    write_lora(model, folder, LowRank(found, rank, rank))
