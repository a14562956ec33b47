"""The demo model, put together from the embedded language model and the trained weights in this folder."""

from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import torch
from safetensors.torch import load
from transformers import AutoModelForCausalLM, AutoTokenizer, LlavaForConditionalGeneration, LlavaProcessor

from headpursuit.models.checkpoints import whole_network
from headpursuit.models.demo_vlm.parts import IMAGE_TOKEN, assemble, processor_for
from headpursuit.models.embedded import EMBEDDED, embedded_folder
from headpursuit.models.model_cache import kept_model

DEMO_VLM = "smollava-135m"

TRAINED = "trained.safetensors"

_MADE_OF = (TRAINED, "parts.py", "chat_template.jinja")


def demo_vlm_folder() -> Path:
    """The demo model as a folder that transformers loads; made at the first call.

    Raises:
        OSError: If the language model is neither in the cache nor to be had from the package index.
    """
    return kept_model(_kept_name(), {"source": TRAINED}, _ready)


def put_together(dtype: torch.dtype) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """The language model in a dtype, its weights not to be trained, with an untrained tower and projector before it."""
    folder = embedded_folder()
    language_model, _ = whole_network(AutoModelForCausalLM, EMBEDDED, str(folder), dtype=dtype)
    language_model.requires_grad_(False)
    processor = processor_for(AutoTokenizer.from_pretrained(folder))
    return assemble(language_model, processor.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)), processor


def _ready() -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    network, processor = put_together(torch.float32)
    trained = {name: weight.float() for name, weight in load(_trained()).items()}
    missing = [n for n, p in network.named_parameters() if p.requires_grad and n not in trained]
    unexpected = network.load_state_dict(trained, strict=False).unexpected_keys
    assert not missing and not unexpected, (missing, unexpected)
    return network, processor


def _kept_name() -> str:
    """Other weights, parts or words around a prompt make another folder."""
    content = b"".join((files(__package__) / name).read_bytes() for name in _MADE_OF)
    return f"{DEMO_VLM}-{sha256(content).hexdigest()[:8]}"


def _trained() -> bytes:
    return (files(__package__) / TRAINED).read_bytes()
