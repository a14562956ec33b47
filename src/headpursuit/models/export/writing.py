"""Ship an edit: write it, load it back from disk, compare it with the live edit, and only then let it count."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headpursuit.extras import optional
from headpursuit.heads import Edit, GivenEdit, edit_of
from headpursuit.images import texts_of
from headpursuit.models.export.adapters import adapter_on, ranks_of, write_ia3, write_lora
from headpursuit.models.export.card import card
from headpursuit.models.export.compare import MOST_PROMPTS, PROMPTS, Difference, Outputs, difference, outputs_of
from headpursuit.models.export.licence import licence_of
from headpursuit.models.export.manifest import KIND, Export
from headpursuit.models.export.plan import Format, plan
from headpursuit.models.export.weights import reloaded, write_checkpoint
from headpursuit.models.identity import identify
from headpursuit.models.language_model import GivenModel, LanguageModel, model_of
from headpursuit.models.load import load
from headpursuit.models.rescale import rescale
from headpursuit.records import to_record
from headpursuit.storage import new_folder, refuse_existing, versions, write_text

_WRITERS = {"weights": write_checkpoint, "ia3": write_ia3, "lora": write_lora}


def export(
    model: GivenModel,
    edit: GivenEdit,
    path: Path | str,
    format: Format = "weights",  # noqa: A002
    *,
    prompts: Iterable[str] | None = None,
    concept: str = "",
    study: str = "",
    tokenizer: Any = None,
) -> Export:
    """Write an edit as a checkpoint or an adapter that other tools load.

    What was written is loaded back and compared with `rescale` before the folder appears; the model stays as it was.

    Args:
        model: The model that the edit is for: what `load` returned, or a transformers model with its tokenizer.
        edit: Heads and scales, of scope `all`; also a plain mapping like `{"L29H2": -1}`.
        path: The folder to write.
        format: `weights`: a plain checkpoint, exact up to rounding of the scaled weights. `ia3`: a PEFT adapter of a
            few KB, exact, also for quantised models. `lora`: a PEFT adapter, equal up to rounding.
        prompts: Texts to compare on, the first 64; by default a few short ones.
        concept: What the edit is about, for the model card.
        study: What a study measured for it, Markdown, for the model card.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images.

    Raises:
        FileExistsError: If `path` exists.
        ValueError: If the format cannot hold the edit (see `plan`), or what was written differs from the live edit by
            more than the dtype explains; nothing is left on disk then.
        ExtraMissing: If an adapter is asked for and peft is not installed.
        OSError: If the disk is too full; nothing is left on it then.
    """
    model = model_of(model, tokenizer)
    folder, edit, texts = Path(path), edit_of(edit), _chosen(prompts)
    refuse_existing(folder)
    scaled = plan(model.network, model.anatomy, edit, format)
    if format != "weights":
        optional("peft")
    live, base = _live(model, edit, texts)
    description: dict[str, object] = {}
    with new_folder(folder, KIND, description) as partial:
        _WRITERS[format](model, scaled, partial)
        with _loaded(model, partial, format, [one.path for one in scaled]) as exported:
            found = _judged(difference(outputs_of(exported, texts), live, base, model.network.dtype), format)
        result = Export(
            format,
            edit,
            identify(model),
            tuple(one.path for one in scaled),
            found,
            texts,
            concept,
            ranks_of(scaled) if format == "lora" else {},
            versions("peft") if format != "weights" else versions(),
        )
        write_text(partial / "README.md", card(result, study, licence_of(result.base.model, result.base.revision)))
        description.update(to_record(result))
    return result


def verify_export(
    path: Path | str,
    model: GivenModel | None = None,
    *,
    prompts: Iterable[str] | None = None,
    tokenizer: Any = None,
) -> Difference:
    """Compare an exported folder with the live edit again.

    Args:
        path: The folder.
        model: The model it was exported from; loaded by its name if None.
        prompts: What to compare on, the first 64; by default those of the first time.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images.

    Raises:
        FileNotFoundError: If there is no export at `path`.
        ValueError: If a file was changed, the model is another one, or the export does not act like the live edit.
        ExtraMissing: If it is an adapter and peft is not installed.
    """
    written = Export.load(path)
    base = written.base
    if model is None and not base.model:
        raise ValueError(f"{path} was exported from a model without a name; give the model")
    base_model = (
        load(base.model, revision=base.revision, dtype=base.dtype) if model is None else model_of(model, tokenizer)
    )
    return verify(written, path, base_model, prompts)


def verify(written: Export, path: Path | str, model: LanguageModel, prompts: Iterable[str] | None = None) -> Difference:
    """`verify_export` for a manifest that was read and a model that was loaded."""
    written.check_base(model)
    plan(model.network, model.anatomy, written.edit, written.format)
    texts = written.prompts if prompts is None else _chosen(prompts)
    live, base = _live(model, written.edit, texts)
    with _loaded(model, Path(path), written.format, written.modules) as exported:
        return _judged(difference(outputs_of(exported, texts), live, base, model.network.dtype), written.format)


def _chosen(prompts: Iterable[str] | None) -> tuple[str, ...]:
    return PROMPTS if prompts is None else texts_of(prompts)[:MOST_PROMPTS]


def _live(model: LanguageModel, edit: Edit, prompts: Sequence[str]) -> tuple[Outputs, Outputs]:
    """Outputs under the live edit, and of the unedited model."""
    with rescale(model, edit):
        live = outputs_of(model, prompts)
    return live, outputs_of(model, prompts, answers=False)


@contextmanager
def _loaded(model: LanguageModel, folder: Path, form: Format, paths: Sequence[str]) -> Iterator[LanguageModel]:
    """The model that was written."""
    if form == "weights":
        yield reloaded(model, folder)
    else:
        with adapter_on(model.network, folder, paths):
            yield model


def _judged(found: Difference, form: Format) -> Difference:
    if found.passed:
        return found
    if found.logits <= found.tolerance:
        why = "the edit hardly moves the logits of these prompts, so nothing can be told from them; give others"
    else:
        why = f"the exported {form} do not act like the live edit"
    raise ValueError(f"{why} ({found})")
