"""Ship an edit: write it, load it back from disk, compare it with the live edit, and only then let it count."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from headpursuit.heads import Edit, GivenEdit, edit_of
from headpursuit.media import Prompt, texts_of
from headpursuit.models.export.card import card
from headpursuit.models.export.compare import (
    MOST_PROMPTS,
    PROMPTS,
    Difference,
    Outputs,
    difference,
    examples_for,
    outputs_of,
)
from headpursuit.models.export.licence import licence_of
from headpursuit.models.export.manifest import KIND, Export
from headpursuit.models.export.plan import Format, plan
from headpursuit.models.export.shipping import PACKAGES, Shipping, loaded_export
from headpursuit.models.identity import identify
from headpursuit.models.language_model import GivenModel, LanguageModel, model_of
from headpursuit.models.load import load
from headpursuit.models.rescale import rescale
from headpursuit.records import to_record
from headpursuit.storage import new_folder, refuse_existing, versions, write_text


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
    rank: int | None = None,
    again: bool = False,
    remarks: Sequence[str] = (),
) -> Export:
    """Write an edit as a checkpoint, a GGUF file or an adapter that other tools load.

    What was written is loaded back and compared with `rescale` before the folder appears; the model stays as it was.

    Args:
        model: The model that the edit is for: what `load` returned, or a transformers model with its tokenizer.
        edit: Heads and scales, of scope `all`; also a plain mapping like `{"L29H2": -1}`.
        path: The folder to write.
        format: `weights`: a plain checkpoint, exact up to rounding of the scaled weights. `ia3`: a PEFT adapter of a
            few KB, exact, also for quantised models. `lora`: a PEFT adapter, equal up to rounding. Of a model that was
            loaded from a GGUF file also `gguf`: that file with the heads' blocks rescaled, and `gguf-lora`: a LoRA for
            it, which llama.cpp loads.
        prompts: Texts to compare on, the first 64; by default a few short ones. Models that hear are compared on noise.
        concept: What the edit is about, for the model card.
        study: What a study measured for it, Markdown, for the model card.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images.
        rank: Of a LoRA: the rank of every module; None for what the edit needs. With less it is cut, and compared with
            half of the edit's own effect as the limit.
        again: Edit a model further that is an export already.
        remarks: What else a user of the export should know; kept in its manifest and on its card.

    Raises:
        FileExistsError: If `path` exists.
        ValueError: If the format cannot hold the edit (see `plan`), or what was written differs from the live edit by
            more than the dtype explains; nothing is left on disk then.
        ExtraMissing: If an adapter is asked for and peft is not installed.
        OSError: If the disk is too full; nothing is left on it then.
    """
    model = model_of(model, tokenizer)
    folder, edit, texts = Path(path), edit_of(edit), _chosen(model, prompts)
    refuse_existing(folder)
    scaled = plan(model.network, model.anatomy, edit, format)
    shipping = Shipping.of(model, edit, scaled, format, concept, rank, again)
    live, base = _live(model, edit, texts)
    description: dict[str, object] = {}
    with new_folder(folder, KIND, description) as partial:
        shipped = shipping.write(partial)
        with loaded_export(model, partial, format, edit, [one.path for one in scaled]) as exported:
            found = _judged(difference(outputs_of(exported, texts), live, base, shipped.tolerance), format)
        result = Export(
            format,
            edit,
            identify(model),
            tuple(one.path for one in scaled),
            found,
            tuple(map(str, texts)),
            concept,
            shipped.ranks,
            versions(*PACKAGES[format]),
            (*remarks, *shipped.remarks),
            shipped.originals,
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
    texts = _chosen(model, written.prompts if prompts is None and model.encoder_sense is None else prompts)
    live, base = _live(model, written.edit, texts)
    with loaded_export(model, Path(path), written.format, written.edit, written.modules) as exported:
        return _judged(
            difference(outputs_of(exported, texts), live, base, written.difference.tolerance), written.format
        )


def _chosen(model: LanguageModel, prompts: Iterable[str] | None) -> tuple[Prompt, ...]:
    sense = model.encoder_sense
    if sense is not None:
        if prompts is not None:
            what = f"a model whose encoder {sense.verb} is compared on {sense.modality.many} made for that"
            raise ValueError(f"{what}; leave the prompts out")
        return examples_for(sense)
    return PROMPTS if prompts is None else texts_of(prompts)[:MOST_PROMPTS]


def _live(model: LanguageModel, edit: Edit, prompts: Sequence[Prompt]) -> tuple[Outputs, Outputs]:
    """Outputs under the live edit, and of the unedited model."""
    with rescale(model, edit):
        live = outputs_of(model, prompts)
    return live, outputs_of(model, prompts, answers=False)


def _judged(found: Difference, form: Format) -> Difference:
    if found.passed:
        return found
    if found.logits <= found.tolerance:
        why = "the edit hardly moves the logits of these prompts, so nothing can be told from them; give others"
    else:
        why = f"the exported {form} do not act like the live edit"
    raise ValueError(f"{why} ({found})")
