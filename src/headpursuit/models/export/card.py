"""The README inside an exported folder: what it is, how to load it, how to undo it."""

from headpursuit.models.embedded import EMBEDDED
from headpursuit.models.export.manifest import Export
from headpursuit.models.identity import hub_id

_WHAT = {
    "weights": "A plain checkpoint: the heads' columns of the attention output projections are multiplied.",
    "ia3": "A PEFT (IA)3 adapter: the heads' part of the attention output projections' input is multiplied.",
    "lora": "A PEFT LoRA adapter, equal up to rounding to multiplying what the heads write.",
}

_UNDO = {
    "weights": "Load the base model again; a checkpoint cannot be turned back (a head at scale 0 is lost in it).",
    "ia3": "`base = model.unload()` gives the base back bit by bit. `merge_and_unload` and unmerging would round.",
    "lora": "`base = model.unload()` gives the base back bit by bit. `merge_and_unload` and unmerging would round.",
}


def card(export: Export, study: str = "") -> str:
    """The model card, with what a study measured for the edit; both Markdown."""
    base = export.base
    about = f" for {export.concept}" if export.concept else ""
    revision = f", revision {base.revision}" if base.revision else ""
    lines = [
        *_front_matter(export),
        f"# {base.model or 'A model'} with rescaled attention heads{about}",
        "",
        f"{_WHAT[export.format]} Made with headpursuit {export.versions.get('headpursuit', '')}.",
        "",
        f"- base model: {base.model or 'unnamed'}{revision}, {base.dtype}",
        *([f"- concept: {export.concept}"] if export.concept else []),
        f"- heads and scales: {', '.join(f'{head} × {scale:g}' for head, scale in export.edit.items())}",
        f"- format: {export.format}{_rank(export)}",
        f"- reloaded from disk and compared with the live edit on {len(export.prompts)} prompts: {export.difference}",
        "",
        *(["## What a study measured", "", study.strip(), ""] if study.strip() else []),
        "## Load",
        "",
        "```python",
        *_loading(export),
        "```",
        "",
        "## Undo",
        "",
        _UNDO[export.format],
        "",
        "## Check",
        "",
        "`headpursuit verify-export FOLDER` repeats the comparison with the live edit; `manifest.json` holds what it",
        "needs.",
        "",
    ]
    return "\n".join(lines)


def _front_matter(export: Export) -> list[str]:
    """The lines that the hub reads; a base model only where it is the name of one there."""
    name = hub_id(export.base.model)
    return [
        "---",
        f"library_name: {'transformers' if export.format == 'weights' else 'peft'}",
        *([f"base_model: {name}"] if name else []),
        "tags: [headpursuit, attention-heads]",
        "---",
        "",
    ]


def _rank(export: Export) -> str:
    return f", largest rank {max(export.ranks.values())}" if export.ranks else ""


def _loading(export: Export) -> list[str]:
    if export.format == "weights":
        return [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'model = AutoModelForCausalLM.from_pretrained("FOLDER", dtype="auto")',
            'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
        ]
    return [
        "from peft import PeftModel",
        *_loading_base(export),
        'model = PeftModel.from_pretrained(base, "FOLDER")',
    ]


def _loading_base(export: Export) -> list[str]:
    base = export.base
    if base.model == EMBEDDED or base.model.endswith(".gguf") or not base.model:
        return ["from headpursuit import load", "", f'base = load("{base.model}", dtype="{base.dtype}").network']
    revision = f', revision="{base.revision}"' if base.revision else ""
    return [
        "from transformers import AutoModelForCausalLM",
        "",
        f'base = AutoModelForCausalLM.from_pretrained("{base.model}", dtype="{base.dtype}"{revision})',
    ]
