"""Models that listen, and encoder-decoders: opened with all they have, or refused by name; never as less."""

import pytest
import tiny
import transformers as hf

from headpursuit.models import load


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("whisper", "whisper listens, but what prepares sound for it is missing"),
        ("speech_to_text", "speech_to_text listens, but what prepares sound for it is missing"),
        ("moonshine", "moonshine listens, but what prepares sound for it is missing"),
        ("speecht5", "speecht5 listens, but what prepares sound for it is missing"),
        ("kyutai_speech_to_text", "kyutai_speech_to_text cannot be asked: it reads sound as codes beside every word"),
        ("qwen2_audio", "qwen2_audio listens, but what prepares sound for it is missing"),
        (
            "voxtral",
            "voxtral cannot be asked: it hears only within conversations that the package",
        ),
        ("granite_speech", "granite_speech listens, but what prepares sound for it is missing"),
        ("musicgen", "musicgen is an encoder-decoder that writes no text"),
    ],
)
def test_what_is_not_opened_whole_is_refused_before_any_weight_is_read(family, reason, tmp_path):
    try:
        hf.AutoConfig.for_model(family).save_pretrained(tmp_path)
    except TypeError:
        pytest.skip("in this transformers its config has no defaults")
    tiny.word_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"cannot load .*: {reason}"):
        load(str(tmp_path), device="cpu")
