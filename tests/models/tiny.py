"""Tiny random models of many families, and a tiny tokenizer, all from configs: nothing is downloaded."""

from contextlib import ExitStack, contextmanager

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
    "phi": lambda: hf.PhiConfig(**SIZES, max_position_embeddings=64, pad_token_id=0),
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

FLAGGED = {
    "bart": lambda: hf.BartConfig(
        vocab_size=300,
        d_model=32,
        decoder_layers=3,
        decoder_attention_heads=4,
        decoder_ffn_dim=48,
        max_position_embeddings=64,
        is_decoder=True,
        is_encoder_decoder=False,
        pad_token_id=0,
    ),
    "bert": lambda: hf.BertConfig(**SIZES, is_decoder=True, max_position_embeddings=64),
    "doge": lambda: hf.DogeConfig(**GROUPED, keep_window_size=64),
    "gemma2": lambda: hf.Gemma2Config(**GROUPED, head_dim=16),
    "granite": lambda: hf.GraniteConfig(**GROUPED, residual_multiplier=0.3, logits_scaling=2.0),
    "olmo2": lambda: hf.Olmo2Config(**GROUPED),
}
"""Families in which what heads write passes something on its way to the logits."""


def network(family, seed=0):
    """A random network whose every parameter differs from its usual initial value, so no term is zero or one."""
    torch.manual_seed(seed)
    model = hf.AutoModelForCausalLM.from_config((CONFIGS | FLAGGED)[family]()).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    model.generation_config.eos_token_id = None
    return model


def tokenizer(words=()):
    """Byte-level pieces, with the given words (with or without leading space) as tokens of their own."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    marked = ["".join(piece for piece, _ in level.pre_tokenize_str(word)) for word in words]
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


def word_tokenizer(n_words=300):
    """One token per word: `w5` is token 5, so prompts and answers can be read off as ids."""
    vocab = {"<pad>": 0, "<unk>": 1} | {f"w{i}": i for i in range(2, n_words)}
    words = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return hf.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unk>")


def word_model(family="llama", seed=0, n_words=300):
    return LanguageModel(network(family, seed), word_tokenizer(n_words), f"tiny-{family}")


def text_of(ids):
    return " ".join(f"w{i}" for i in ids)


OUTPUT_PROJECTIONS = {
    "llama": "model.layers.{}.self_attn.o_proj",
    "gpt2": "transformer.h.{}.attn.c_proj",
    "opt": "model.decoder.layers.{}.self_attn.out_proj",
}


@contextmanager
def watched(network, family):
    """By site, the inputs of each output projection, one entry per forward pass; found by name."""
    seen = {f"L{layer}": [] for layer in range(3)}
    with ExitStack() as stack:
        for site, inputs in seen.items():
            module = network.get_submodule(OUTPUT_PROJECTIONS[family].format(site[1:]))
            hook = module.register_forward_pre_hook(lambda _, args, inputs=inputs: inputs.append(args[0].clone()))
            stack.callback(hook.remove)
        yield seen


@torch.no_grad()
def mixed_of(network, family, ids):
    """Mixed values of one unpadded prompt in a plain forward pass: site -> (n_tokens, 4, 8)."""
    with watched(network, family) as seen:
        network(torch.tensor([list(ids)]))
    return {site: inputs[0][0].unflatten(-1, (4, 8)) for site, inputs in seen.items()}


@torch.no_grad()
def greedy(network, ids, n_new):
    """The answer to one prompt, by a whole forward pass per token."""
    ids = list(ids)
    for _ in range(n_new):
        ids.append(int(network(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[-n_new:]
