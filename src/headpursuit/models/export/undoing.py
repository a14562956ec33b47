"""An export taken back: the model that it was made from."""

from pathlib import Path

from headpursuit.heads import inverse_of
from headpursuit.models.export.gguf.undoing import undo_gguf
from headpursuit.models.export.manifest import Export
from headpursuit.models.export.plan import plan
from headpursuit.models.export.shipping import gguf_in
from headpursuit.models.export.weights import hashes_of, scaled_weights
from headpursuit.models.export.writing import export
from headpursuit.models.load import load
from headpursuit.storage import refuse_existing


def undo_export(path: Path | str, output: Path | str, *, device: str = "auto") -> bool:
    """Write the model that an export was made from, by the inverse edit.

    Args:
        path: A folder written by `export` with format `weights` or `gguf`, or an edited GGUF file.
        output: The folder to write; of a GGUF file, the file.
        device: Where a checkpoint is compared with the live edit; see `load`.

    Returns:
        True if the edited weights are the base's bit by bit: of a GGUF file the whole file by its SHA-256, of a
        checkpoint every scaled weight by its own. False if the scales rounded.

    Raises:
        FileExistsError: If `output` exists.
        FileNotFoundError: If there is no export.
        ValueError: If it is damaged, removed a head, or is an adapter, which changes no weights.
    """
    path, output = Path(path), Path(output)
    refuse_existing(output)
    written = None if path.is_file() else Export.load(path)
    if written is None or written.format == "gguf":
        if output.suffix.lower() != ".gguf":
            raise ValueError(f"the base of {path} is a GGUF file, and {output} is named like a folder; give NAME.gguf")
        return undo_gguf(gguf_in(path) if written else path, output)
    if written.format != "weights":
        raise ValueError(
            f"{path} is an adapter ({written.format}), which changes no weights: leave it out, or `model.unload()` in "
            f"PEFT, and the base ({written.base.model or 'the model it was made from'}) is as it was"
        )
    inverse = inverse_of(written.edit)
    model = load(str(path), device=device, dtype=written.base.dtype)
    scaled = plan(model.network, model.anatomy, inverse, "weights")
    with scaled_weights(model.network, scaled):
        found = hashes_of(model.network, written.originals)
    remark = f"the edit in {path} taken back"
    export(
        model,
        inverse,
        output,
        prompts=None if model.encoder_sense else written.prompts,
        concept=written.concept,
        remarks=(remark,),
        again=True,
    )
    return bool(found) and found == written.originals
