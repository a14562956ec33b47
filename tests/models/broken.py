"""Checkpoints as strangers have them: whole ones on disk, and what happens to them. All tiny, all made by code."""

import json

import tiny
import tiny_vision
import torch
import transformers as hf
from gguf import GGUFWriter
from gguf_files import finish
from safetensors.torch import load_file, save_file

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 538090408\n"
WEIGHTS = "model.safetensors"


def whole(folder, family="llama", words=None):
    """A checkpoint as transformers saves it: 300 words, three layers with four heads."""
    tiny.network(family).save_pretrained(folder)
    (words or tiny.word_tokenizer()).save_pretrained(folder)
    return folder


def tensors(folder, change):
    """Change the dictionary of stored tensors."""
    stored = change(load_file(folder / WEIGHTS))
    save_file({name: values.contiguous() for name, values in stored.items()}, folder / WEIGHTS, {"format": "pt"})
    return folder


def without(*ends):
    return lambda stored: {name: values for name, values in stored.items() if not name.endswith(ends)}


def renamed(rename):
    return lambda stored: {rename(name): values for name, values in stored.items()}


def beside(**more):
    """More tensors, by names with `__` for dots."""
    return lambda stored: stored | {name.replace("__", "."): torch.ones(size) for name, size in more.items()}


def config(folder, **changes):
    """Change config.json."""
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return folder


def as_torch(folder, stored=None):
    """The weights as `pytorch_model.bin`."""
    torch.save(load_file(folder / WEIGHTS) if stored is None else stored, folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    return folder / "pytorch_model.bin"


def cut(file, share=0.5):
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    return file


_GGUF_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf(file, change=lambda stored: stored, layers=3, **fields):
    """The tiny Llama as llama.cpp stores it, with GPT-2's kind of tokenizer: 260 tokens, the rest unused.

    Args:
        file: Where.
        change: What becomes of the tensors, by their names in the file; quantised ones with their kind.
        layers: How many the header names.
        fields: More whole numbers for the header, `__` for dots.
    """
    network, words = tiny.network("llama"), tiny.tokenizer(["abc"])
    stored = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    stored |= {"output.weight": "lm_head.weight"}
    for layer in range(3):
        for ours, theirs in _GGUF_NAMES.items():
            stored[f"blk.{layer}.{theirs}.weight"] = f"model.layers.{layer}.{ours}.weight"
    values = network.state_dict()
    found = {name: _permuted(name, values[ours].numpy()) for name, ours in stored.items()}
    writer = GGUFWriter(file, "llama")
    for name, number in {"context_length": 64, "embedding_length": 32, "feed_forward_length": 48}.items():
        writer.add_uint32(f"llama.{name}", number)
    writer.add_uint32("llama.block_count", layers)
    writer.add_uint32("llama.vocab_size", 300)
    writer.add_uint32("llama.attention.head_count", 4)
    writer.add_uint32("llama.attention.head_count_kv", 2)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-6)
    writer.add_float32("llama.rope.freq_base", 10000.0)
    writer.add_tokenizer_model("gpt2")
    pieces = [words.convert_ids_to_tokens(i) for i in range(len(words))]
    writer.add_token_list(pieces + [f"<unused{i}>" for i in range(len(pieces), 300)])
    writer.add_token_merges(["a b", "ab c"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(1)
    for name, number in fields.items():
        writer.add_uint16(name.replace("__", "."), number)
    for name, array in change(found).items():
        values, kind = array if isinstance(array, tuple) else (array, None)
        writer.add_tensor(name, values, raw_dtype=kind)
    finish(writer)
    return file


def _permuted(name, values):
    """llama.cpp turns the two halves of each query and key head into pairs."""
    heads = {"attn_q.weight": 4, "attn_k.weight": 2}.get(name.split(".", 2)[-1])
    if heads is None:
        return values
    return values.reshape(heads, 2, -1, values.shape[-1]).swapaxes(1, 2).reshape(values.shape)


def adapter(folder, base, **options):
    """A LoRA adapter for a checkpoint, with weights that do something."""
    import peft

    torch.manual_seed(5)
    network = hf.AutoModelForCausalLM.from_pretrained(base)
    how = {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "o_proj"], "task_type": "CAUSAL_LM"} | options
    adapted = peft.get_peft_model(network, peft.LoraConfig(**how))
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = 0.1 * torch.randn(parameter.shape)
    adapted.save_pretrained(folder)
    return adapted


def edited(change, family="llama", **changes):
    """A maker of checkpoints whose tensors are changed, and their config."""

    def make(folder):
        tensors(whole(folder, family), change)
        return config(folder, **changes) if changes else folder

    return make


def configured(family="llama", **changes):
    """A maker of checkpoints whose config is changed."""
    return lambda folder: config(whole(folder, family), **changes)


def as_gguf(*how, **header):
    """A maker of GGUF files, each in a folder of its own."""

    def make(folder):
        folder.mkdir()
        return gguf(folder / "m.gguf", *how, **header)

    return make


def seeing(change=lambda stored: stored):
    """A maker of LLaVA checkpoints whose tensors are changed."""

    def make(folder):
        model = tiny_vision.shared("llava")
        model.network.save_pretrained(folder)
        model.processor.save_pretrained(folder)
        return tensors(folder, change)

    return make
