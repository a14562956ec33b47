"""An edit as code for other libraries, which runs without headpursuit."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Literal, get_args

from headpursuit.heads import Edit, GivenEdit, edit_of
from headpursuit.models.embedded import EMBEDDED, embedded_folder
from headpursuit.models.export.plan import ScaledProjection, plan
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.senses import HEARING
from headpursuit.models.whisper_base import WHISPER_BASE, whisper_base_folder

Snippet = Literal["transformer-lens", "nnsight", "transformers"]
"""A library that code can be written for."""


def snippet(model: LanguageModel, edit: GivenEdit, form: Snippet) -> str:
    """Python that rescales the same heads with another library, in every forward pass and at all positions.

    Args:
        model: The model that the edit is for: its modules are named in the code.
        edit: Heads and scales, of scope `all`.
        form: The library. `transformer-lens`: hooks of its `TransformerBridge`. `nnsight`: inputs of modules within a
            trace. `transformers`: plain PyTorch hooks.

    Raises:
        ValueError: If the library is none of these, or the edit is none that acts everywhere on whole projections (see
            `plan`); cross-attention heads have no name in TransformerLens, and only `transformers` takes
            encoder-decoders.
    """
    if form not in get_args(Snippet):
        raise ValueError(f"no code can be written for {form!r}; choose {', '.join(get_args(Snippet))}")
    edit = edit_of(edit)
    scaled = plan(model.network, model.anatomy, edit, "ia3")
    if model.has_encoder and form != "transformers":
        raise ValueError(f"{form} is given a text to continue, and this is an encoder-decoder; choose transformers")
    cross = next((head for head in edit if head.kind == "cross"), None)
    if form == "transformer-lens" and cross is not None:
        raise ValueError(f"{cross} is a cross-attention head, which TransformerLens has no hook for; choose another")
    own = {EMBEDDED: embedded_folder, WHISPER_BASE: whisper_base_folder}
    name = str(own[model.name]()) if model.name in own else model.name or "MODEL"
    if name.endswith(".gguf"):
        raise ValueError(
            f"{name} is a GGUF file, which {form} reads in a way of its own; give its checkpoint as `model`"
        )
    return _WRITERS[form](model, edit, scaled, name)


def _runs(one: ScaledProjection) -> Iterator[tuple[int, int, float]]:
    """Columns of a projection's input side by side that one scale multiplies: from, to, scale."""
    start = 0
    for scale, group in groupby(one.factors.tolist()):
        end = start + len(list(group))
        if scale != 1:
            yield start, end, scale
        start = end


def _with_transformers(model: LanguageModel, edit: Edit, scaled: tuple[ScaledProjection, ...], name: str) -> str:
    del edit
    own = type(model.network)
    kind = own.__name__ if own.__module__.startswith("transformers.") else "AutoModelForCausalLM"
    parts = [f"    {one.path!r}: {list(_runs(one))!r}," for one in scaled]
    reader, said = ("processor", "AutoProcessor") if model.encoder_sense else ("tokenizer", "AutoTokenizer")
    given = 'tokenizer("The capital of Kenya is", return_tensors="pt")'
    used = f"logits = model(**{given}).logits"
    if model.has_encoder:
        used = f"ids = model.generate(**{given})"
    if model.encoder_sense is HEARING:
        used = "# ids = model.generate(**processor(SOUND, sampling_rate=16000, return_tensors='pt'))"
    elif model.encoder_sense is not None:
        used = "# ids = model.generate(**processor(images=IMAGE, return_tensors='pt'))"
    return "\n".join(
        [
            f"from transformers import {said}, {kind}",
            "",
            f"model = {kind}.from_pretrained({name!r}, dtype={model.dtype!r})",
            f"{reader} = {said}.from_pretrained({name!r})",
            "# Output projection: the columns of its input (from, to) that belong to a head, and their scale.",
            "scales = {",
            *parts,
            "}",
            "",
            "",
            "def scaled(parts):",
            "    def before(module, args):",
            "        mixed = args[0].clone()",
            "        for start, end, scale in parts:",
            "            mixed[..., start:end] *= scale",
            "        return (mixed, *args[1:])",
            "",
            "    return before",
            "",
            "",
            "hooks = [model.get_submodule(path).register_forward_pre_hook(scaled(parts)) for path, parts in "
            "scales.items()]",
            used,
            "# for hook in hooks: hook.remove()  # the model as it was",
        ]
    )


def _with_nnsight(model: LanguageModel, edit: Edit, scaled: tuple[ScaledProjection, ...], name: str) -> str:
    del edit
    lines = [
        f"    model.{_as_attributes(one.path)}.input[..., {start}:{end}] *= {scale}"
        for one in scaled
        for start, end, scale in _runs(one)
    ]
    return "\n".join(
        [
            "from nnsight import LanguageModel",
            "",
            f"model = LanguageModel({name!r}, dtype={model.dtype!r}, dispatch=True)",
            'with model.trace("The capital of Kenya is"):',
            *lines,
            "    logits = model.output.logits.save()",
        ]
    )


def _with_transformer_lens(model: LanguageModel, edit: Edit, scaled: tuple[ScaledProjection, ...], name: str) -> str:
    del scaled
    widths = {model.anatomy.site_of(head).d_head for head in edit}
    if len(widths) > 1:
        raise ValueError("the edited heads differ in width, which TransformerLens does not allow for; choose another")
    parts = [f"    ({head.layer}, {head.index}): {scale!r}," for head, scale in edit.items() if scale != 1]
    return "\n".join(
        [
            "import torch",
            "from transformer_lens.model_bridge import TransformerBridge",
            "",
            f"model = TransformerBridge.boot_transformers({name!r}, dtype=torch.{model.dtype})",
            f"width = {widths.pop()}  # of a head",
            "scales = {  # (layer, head): scale",
            *parts,
            "}",
            "",
            "",
            "def scaled(layer):",
            "    def change(z, hook):",
            "        z = z.clone()",
            "        for (at, head), scale in scales.items():",
            "            if at == layer:",
            "                z.flatten(2)[..., head * width : (head + 1) * width] *= scale",
            "        return z",
            "",
            "    return change",
            "",
            "",
            'hooks = [(f"blocks.{layer}.attn.hook_z", scaled(layer)) for layer in {layer for layer, _ in scales}]',
            "with model.hooks(fwd_hooks=hooks):",
            '    logits = model("The capital of Kenya is")',
        ]
    )


def _as_attributes(path: str) -> str:
    """A module's path as Python writes it: `model.layers[3].self_attn.o_proj`."""
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", path)


_WRITERS: Mapping[Snippet, Callable[[LanguageModel, Edit, tuple[ScaledProjection, ...], str], str]] = {
    "transformer-lens": _with_transformer_lens,
    "nnsight": _with_nnsight,
    "transformers": _with_transformers,
}
