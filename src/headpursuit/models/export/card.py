"""The README inside an exported folder: what it is, how to load it, how to undo it."""

import yaml

from headpursuit.heads import edit_in_words
from headpursuit.models.embedded import EMBEDDED
from headpursuit.models.export.licence import Licence
from headpursuit.models.export.manifest import Export
from headpursuit.models.identity import hub_id

_WHAT = {
    "weights": "A plain checkpoint: the heads' columns of the attention output projections are multiplied.",
    "ia3": "A PEFT (IA)3 adapter: the heads' part of the attention output projections' input is multiplied.",
    "lora": "A PEFT LoRA adapter, equal up to rounding to multiplying what the heads write.",
    "gguf": "A GGUF file in which only the heads' blocks of the attention output projections are rescaled.",
    "gguf-lora": "A LoRA adapter in a GGUF file, equal up to rounding to multiplying what the heads write.",
}

_LIBRARY = {"weights": "transformers", "gguf": "gguf", "gguf-lora": "gguf"}

_UNDO = {
    "weights": "Load the base model again; or `headpursuit export FOLDER --undo -o BASE`, unless a head is at scale 0.",
    "ia3": "`base = model.unload()` gives the base back bit by bit. `merge_and_unload` and unmerging would round.",
    "lora": "`base = model.unload()` gives the base back bit by bit. `merge_and_unload` and unmerging would round.",
    "gguf": "`headpursuit export FOLDER --undo -o base.gguf`, unless a head is at scale 0; or take the base's file.",
    "gguf-lora": "Leave `--lora` out.",
}


_UNMEASURED = (
    "Nothing was measured but that the export acts like the live edit: neither what the edit does to answers, nor what "
    "it breaks. `headpursuit study TASK MODEL` measures both, and `export --study FOLDER` writes them here."
)

_NOT_FOR = (
    "As a safeguard, or to remove knowledge: an edit makes a concept less likely (or more) in the kind of text it was "
    "measured on. The model may still say it in other words, languages or longer texts, and anybody can undo it.",
    "With another base: another revision, a fine-tuned or merged descendant, or another size has other heads.",
    "For tasks on which nothing was measured: heads carry more than one thing, and all that they carry goes with them.",
    "At other scales, or with other edits or adapters beside it, without measuring that again.",
)


def card(export: Export, study: str = "", licence: Licence | None = None) -> str:
    """The model card: what it is, figures, damage, how to load and undo it, and what not to use it for.

    Args:
        export: What was written.
        study: What a study measured for the edit, Markdown.
        licence: That of the base; not known if None.
    """
    licence = licence or Licence()
    base = export.base
    about = f" for {export.concept}" if export.concept else ""
    revision = f", revision {base.revision}" if base.revision else ""
    lines = [
        *_front_matter(export, licence),
        f"# {base.model or 'A model'} with rescaled attention heads{about}",
        "",
        f"{_WHAT[export.format]} Made with headpursuit {export.versions.get('headpursuit', '')}.",
        "",
        f"- base model: {base.model or 'unnamed'}{revision}, {base.dtype}",
        f"- licence of the base: {licence}",
        *([f"- concept: {export.concept}"] if export.concept else []),
        f"- heads and scales: {edit_in_words(export.edit)}",
        f"- format: {export.format}{_rank(export)}",
        *(f"- {remark}" for remark in export.remarks),
        f"- reloaded from disk and compared with the live edit on {len(export.prompts)} prompts: {export.difference}",
        "",
        "## What a study measured",
        "",
        study.strip() or _UNMEASURED,
        "",
        "## What not to use it for",
        "",
        *(f"- {text}" for text in _NOT_FOR),
        "",
        "## Load",
        "",
        *_loading(export),
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


def _front_matter(export: Export, licence: Licence) -> list[str]:
    """The lines that the hub reads; a base model only where it is the name of one there."""
    name = hub_id(export.base.model)
    fields = {
        "library_name": _LIBRARY.get(export.format, "peft"),
        "license": licence.id,
        "license_name": licence.name,
        "license_link": licence.link,
        "base_model": name or "",
        "tags": ["headpursuit", "attention-heads"],
    }
    said = {field: value for field, value in fields.items() if value}
    return ["---", yaml.safe_dump(said, sort_keys=False, default_flow_style=None).strip(), "---", ""]


def _rank(export: Export) -> str:
    return f", rank {max(export.ranks.values())}" if export.ranks else ""


_IN_LLAMA_CPP = {
    "gguf": "llama-cli -m FOLDER/FILE.gguf",
    "gguf-lora": "llama-cli -m BASE.gguf --lora FOLDER/FILE.gguf          # --lora-scaled FILE:0.5: half of the change",
}


def _loading(export: Export) -> list[str]:
    if export.format in _IN_LLAMA_CPP:
        return ["```sh", _IN_LLAMA_CPP[export.format], "```"]
    if export.format == "weights":
        lines = [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'model = AutoModelForCausalLM.from_pretrained("FOLDER", dtype="auto")',
            'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
        ]
    else:
        lines = [
            "from peft import PeftModel",
            *_loading_base(export),
            'model = PeftModel.from_pretrained(base, "FOLDER")',
        ]
    return ["```python", *lines, "```"]


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
