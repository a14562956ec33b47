"""Tiny random models of many families, and a tiny tokenizer, all from configs: nothing is downloaded."""

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from headpursuit.models import LanguageModel

SIZES = dict(vocab_size=300, hidden_size=32, num_attention_heads=4, num_hidden_layers=3, intermediate_size=48)
GROUPED = dict(SIZES, num_key_value_heads=2, pad_token_id=0, max_position_embeddings=64)

CONFIGS = {
    "llama": lambda: hf.LlamaConfig(**GROUPED),
    "llama_bias": lambda: hf.LlamaConfig(**GROUPED, attention_bias=True),
    "llama_wide_heads": lambda: hf.LlamaConfig(**GROUPED, head_dim=24),
    "mistral": lambda: hf.MistralConfig(**GROUPED),
    "qwen2": lambda: hf.Qwen2Config(**GROUPED),
    "qwen3": lambda: hf.Qwen3Config(**GROUPED, head_dim=16),
    "gemma": lambda: hf.GemmaConfig(**GROUPED, head_dim=16),
    "gpt2": lambda: hf.GPT2Config(vocab_size=300, n_embd=32, n_layer=3, n_head=4, n_positions=64),
    "gpt_neox": lambda: hf.GPTNeoXConfig(**SIZES, max_position_embeddings=64),
    "opt": lambda: hf.OPTConfig(
        vocab_size=300,
        hidden_size=32,
        num_attention_heads=4,
        num_hidden_layers=3,
        ffn_dim=48,
        word_embed_proj_dim=32,
    ),
    "phi": lambda: hf.PhiConfig(**SIZES, max_position_embeddings=64),
    "falcon": lambda: hf.FalconConfig(vocab_size=300, hidden_size=32, num_attention_heads=4, num_hidden_layers=3),
    "falcon_new": lambda: hf.FalconConfig(
        vocab_size=300,
        hidden_size=32,
        num_attention_heads=4,
        num_hidden_layers=3,
        new_decoder_architecture=True,
        num_kv_heads=2,
    ),
    "bloom": lambda: hf.BloomConfig(vocab_size=300, hidden_size=32, n_head=4, n_layer=3),
}


def network(family, seed=0):
    """A random network whose every parameter differs from its usual initial value, so no term is zero or one."""
    torch.manual_seed(seed)
    model = hf.AutoModelForCausalLM.from_config(CONFIGS[family]()).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    model.generation_config.eos_token_id = None
    return model


def tokenizer(words=()):
    """Byte-level pieces, with the given words (with or without leading space) as tokens of their own."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    marked = [word.replace(" ", "Ġ") for word in words]
    vocab = {piece: i for i, piece in enumerate(dict.fromkeys(["<pad>", "<unk>", *alphabet]))}
    merges = []
    for word in marked:  # merge letter by letter, left to right
        for end in range(2, len(word) + 1):
            merges.append((word[: end - 1], word[end - 1]))
            vocab.setdefault(word[:end], len(vocab))
    bpe = Tokenizer(models.BPE(vocab, list(dict.fromkeys(merges)), unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    return hf.PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token="<pad>", unk_token="<unk>")


def language_model(family="llama", words=(), seed=0):
    return LanguageModel(network(family, seed), tokenizer(words), f"tiny-{family}")
