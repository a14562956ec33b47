"""Models that listen, and encoder-decoders: refused by name, instead of opened as something smaller."""

import pytest
import tiny
import transformers as hf

from headpursuit.models import load


def _speech(family, network_class):
    sizes = dict(d_model=32, decoder_layers=1, encoder_layers=1, decoder_ffn_dim=48, encoder_ffn_dim=48)
    heads = dict(decoder_attention_heads=4, encoder_attention_heads=4, pad_token_id=0, decoder_start_token_id=1)
    config = hf.AutoConfig.for_model(family, vocab_size=300, eos_token_id=2, bos_token_id=1, **sizes, **heads)
    return network_class(config)


def _saved(folder, network):
    network.save_pretrained(folder)
    tiny.word_tokenizer().save_pretrained(folder)
    return folder


LISTENING = {
    "whisper": lambda: _speech("whisper", hf.WhisperForConditionalGeneration),
    "speech_to_text": lambda: _speech("speech_to_text", hf.Speech2TextForConditionalGeneration),
}


@pytest.mark.parametrize("family", LISTENING)
def test_models_that_listen_are_refused_by_name(family, tmp_path):
    folder = _saved(tmp_path / "m", LISTENING[family]())
    with pytest.raises(ValueError, match=f"cannot load .*: {family} listens, and headpursuit has no ears yet"):
        load(str(folder), device="cpu")


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("moonshine", "moonshine listens"),
        ("seamless_m4t", "seamless_m4t listens"),
        ("speecht5", "speecht5 listens"),
        ("qwen2_audio", "qwen2_audio listens"),
        ("musicgen", "musicgen is an encoder-decoder that writes no text"),
        ("t5", "t5 is an encoder-decoder, and headpursuit reads causal language models"),
        ("led", "led is an encoder-decoder"),
    ],
)
def test_their_siblings_are_refused_before_any_weight_is_read(family, reason, tmp_path):
    try:
        hf.AutoConfig.for_model(family).save_pretrained(tmp_path)
    except TypeError:
        pytest.skip("in this transformers its config has no defaults")
    tiny.word_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"cannot load .*: {reason}"):
        load(str(tmp_path), device="cpu")
