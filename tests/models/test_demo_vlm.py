"""How the demo model is put together, without its trained weights; those are read in test_smollava.py."""

import pytest
import tiny
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from headpursuit.media import IMAGE
from headpursuit.models import LanguageModel
from headpursuit.models.demo_vlm import ready
from headpursuit.models.demo_vlm.parts import PATCHES, assemble, processor_for

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""As SmolLM2-135M-Instruct has it."""


@pytest.fixture(scope="module")
def tokenizer():
    """A few words, and the markers that SmolLM2's tokenizer has."""
    words = ["<|im_start|>", "<|im_end|>", "<empty_output>", "what", "is", "it"]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="it"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    markers = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "it"}
    found = PreTrainedTokenizerFast(tokenizer_object=made, **markers)
    found.add_special_tokens({"additional_special_tokens": ["<empty_output>"]})
    found.chat_template = SMOLLM2
    return found


@pytest.fixture(scope="module")
def model(tokenizer):
    processor = processor_for(tokenizer)
    image_token_id = processor.tokenizer.convert_tokens_to_ids("<image>")
    return LanguageModel(assemble(tiny.network("llama"), image_token_id), processor.tokenizer, processor=processor)


def test_a_message_without_image_is_written_as_smollm2_writes_it(model, tokenizer):
    alone = LanguageModel(tiny.network("llama"), tokenizer)
    assert model.as_message("what is it") == alone.as_message("what is it")
    said = [{"role": role, "content": "what"} for role in ("system", "user", "assistant", "user")]
    assert model.processor.apply_chat_template(said) == tokenizer.apply_chat_template(said, tokenize=False)


def test_a_message_with_image_has_no_system_prompt(model):
    expected = "<|im_start|>user\n<image>\nwhat<|im_end|>\n<|im_start|>assistant\n"
    assert model.as_message("what", beside=IMAGE) == expected


def test_the_image_token_takes_the_number_of_a_marker(model, tokenizer):
    assert model.tokenizer.encode("what <image>") == tokenizer.encode("what <empty_output>")
    assert model.network.config.image_token_id == tokenizer.convert_tokens_to_ids("<empty_output>")
    assert len(model.tokenizer) == len(tokenizer)
    assert model.network.config.image_seq_length == PATCHES


def test_other_weights_or_another_template_lie_in_another_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(ready, "files", lambda _: tmp_path)
    names = set()
    for changed in ("", "trained.safetensors", "chat_template.jinja", "parts.py"):
        for name in ("trained.safetensors", "chat_template.jinja", "parts.py"):
            (tmp_path / name).write_text(f"{name} {name == changed}")
        names.add(ready._kept_name())
    assert len(names) == 4
