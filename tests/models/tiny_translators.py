"""Tiny random encoder-decoders, of text and of sound, from configs: nothing is downloaded."""

import json

import tiny
import torch
import transformers as hf
from zoo import randomise

from headpursuit.models import LanguageModel

_SIZES = dict(vocab_size=300, d_model=32, pad_token_id=0, decoder_start_token_id=2, eos_token_id=3)
_LAYERS = dict(
    encoder_layers=3,
    decoder_layers=3,
    encoder_attention_heads=2,
    decoder_attention_heads=4,
    encoder_ffn_dim=48,
    decoder_ffn_dim=48,
)

NETWORKS = {
    "t5": lambda: hf.T5ForConditionalGeneration(hf.T5Config(**_SIZES, d_kv=8, d_ff=48, num_layers=3, num_heads=4)),
    "bart": lambda: hf.BartForConditionalGeneration(
        hf.BartConfig(**_SIZES, **_LAYERS, bos_token_id=2, max_position_embeddings=64)
    ),
    "marian": lambda: hf.MarianMTModel(hf.MarianConfig(**_SIZES, **_LAYERS, max_position_embeddings=64)),
    "whisper": lambda: hf.WhisperForConditionalGeneration(
        hf.WhisperConfig(
            **_SIZES, **_LAYERS, bos_token_id=2, num_mel_bins=80, max_source_positions=100, max_target_positions=64
        )
    ),
}

READING = ("t5", "bart", "marian")


def network(family):
    """The random network, whose answers have no end of their own."""
    torch.manual_seed(0)
    found = NETWORKS[family]()
    randomise(found)
    found.generation_config.eos_token_id = None
    if family == "whisper":
        found.generation_config.suppress_tokens = found.generation_config.begin_suppress_tokens = None
    return found.eval()


def processor():
    """Whisper's, which fills sound up to two seconds."""
    return hf.WhisperProcessor(hf.WhisperFeatureExtractor(feature_size=80, chunk_length=2), whisper_tokenizer())


def whisper_tokenizer():
    """Bytes, and a few words, in the class that Whisper's processor takes."""
    found = json.loads(tiny.tokenizer(("ab", "ac", "ad")).backend_tokenizer.to_str())["model"]
    merges = [tuple(pair) for pair in found["merges"]]
    return hf.WhisperTokenizer(
        vocab=found["vocab"], merges=merges, unk_token="<unk>", eos_token="<pad>", pad_token="<pad>"
    )


def model(family):
    """The network with its tokenizer, or its processor."""
    if family == "whisper":
        made = processor()
        return LanguageModel(network(family), made.tokenizer, f"tiny-{family}", processor=made)
    return LanguageModel(network(family), tiny.word_tokenizer(), f"tiny-{family}")
