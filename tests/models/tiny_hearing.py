"""Tiny random decoders that hear, with their families' own processors, all from configs: nothing is downloaded."""

from functools import cache

import numpy as np
import pytest
import torch
import transformers as hf
from exceptions import CHANGES
from tiny_configs import tiny_config
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers.models.auto import modeling_auto
from zoo import randomise

from headpursuit.media import AudioPrompt, Sound
from headpursuit.models import LanguageModel
from headpursuit.models.senses import HEARING

AUDIO_ID, BANDS, SECONDS = 200, 16, 2
_SPECIAL = ("<sound>", "<begin>", "<end>")
_NAMED = {"audio_token": "<sound>", "audio_bos_token": "<begin>", "audio_eos_token": "<end>"}


def tokenizer():
    """One token per word: `w5` is token 5, `<sound>` is token 200."""
    special = {AUDIO_ID + i: name for i, name in enumerate(_SPECIAL)}
    usual = dict(enumerate(["<pad>", "<s>", "</s>", "<unk>"]))
    vocab = {(usual | special).get(i, f"w{i}"): i for i in range(288)}
    words = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens=_NAMED,
    )


def _whisper_features():
    return hf.WhisperFeatureExtractor(feature_size=BANDS, chunk_length=SECONDS)


def _qwen2_audio(words):
    return hf.Qwen2AudioProcessor(_whisper_features(), words, audio_token="<sound>")


def _flamingo(words):
    return hf.AudioFlamingo3Processor(_whisper_features(), words, audio_token="<sound>", max_audio_len=2 * SECONDS)


def _music_flamingo(words):
    tokens = dict(audio_token="<sound>", audio_bos_token="<begin>", audio_eos_token="<end>")
    return hf.MusicFlamingoProcessor(_whisper_features(), words, **tokens, max_audio_len=2 * SECONDS)


def _glmasr(words):
    return hf.GlmAsrProcessor(_whisper_features(), words, audio_token="<sound>", max_audio_len=2 * SECONDS)


def _moss(words):
    features = hf.MossTranscribeDiarizeFeatureExtractor(feature_size=BANDS, chunk_length=SECONDS)
    tokens = dict(audio_token="<sound>", audio_bos_token="<begin>", audio_eos_token="<end>")
    return hf.MossTranscribeDiarizeProcessor(features, words, **tokens, time_marker_every_seconds=0)


def _qwen3_asr(words):
    return hf.Qwen3ASRProcessor(hf.Qwen3ASRFeatureExtractor(feature_size=BANDS), words)


class _Granite:
    """What Granite's processor does; its own needs torchaudio."""

    audio_token = "<sound>"
    chat_template = None

    def __init__(self, words):
        self.tokenizer = words
        self.audio_processor = hf.WhisperFeatureExtractor(feature_size=BANDS // 2, chunk_length=SECONDS)

    def __call__(self, text, audio, sampling_rate, text_kwargs, return_tensors):
        rows = [np.asarray(wave)[: len(wave) // 320 * 320].reshape(-1, 320)[:, :160] for wave in audio]
        lengths = [-(-len(row) // 15) * 3 for row in rows]  # windows of 15 frames become 3 places
        longest = max(map(len, rows))
        features = np.stack([np.pad(row, ((0, longest - len(row)), (0, 0))) for row in rows])
        mask = np.stack([np.arange(-(-longest // 15) * 3) < length for length in lengths])
        texts = [one.replace("<sound>", " ".join(["<sound>"] * n)) for one, n in zip(text, lengths, strict=True)]
        given = {"input_features": torch.tensor(features), "input_features_mask": torch.tensor(mask)}
        return {**self.tokenizer(texts, return_tensors=return_tensors, **text_kwargs), **given}


class _Phi4:
    """What Phi-4's processor does for sound; for pictures, its own needs torchvision."""

    audio_token = "<sound>"
    chat_template = None

    def __init__(self, words):
        self.tokenizer = words
        self.audio_processor = hf.Phi4MultimodalFeatureExtractor()

    def __call__(self, text, audio, sampling_rate, text_kwargs, return_tensors):
        heard = self.audio_processor(audio, sampling_rate=sampling_rate, return_tensors=return_tensors)
        sizes = heard["audio_embed_sizes"].tolist()
        texts = [one.replace("<sound>", " ".join(["<sound>"] * n)) for one, n in zip(text, sizes, strict=True)]
        return {**self.tokenizer(texts, return_tensors=return_tensors, **text_kwargs), **heard}


PROCESSORS = {
    "qwen2_audio": _qwen2_audio,
    "audioflamingo3": _flamingo,
    "musicflamingo": _music_flamingo,
    "glmasr": _glmasr,
    "moss_transcribe_diarize": _moss,
    "qwen3_asr": _qwen3_asr,
    "granite_speech": _Granite,
    "phi4_multimodal": _Phi4,
}
FAMILIES = tuple(PROCESSORS)
_OFTEN = {"qwen2_audio", "granite_speech"}
SOME_FAMILIES = [name if name in _OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]
"""Some on every run, the others under `make fuzz`."""

_TOKENS = {
    "audio_token_id": AUDIO_ID,
    "audio_token_index": AUDIO_ID,
    "audio_bos_token_id": 201,
    "audio_eos_token_id": 202,
}
_WINDOW = {"audio_config": {"max_source_positions": 50 * SECONDS, "num_mel_bins": BANDS}}
_SIZES = {
    "phi4_multimodal": {"audio_config": {"audio_token_id": 200, "input_size": 80}},
    "qwen2_audio": _WINDOW,
    "audioflamingo3": _WINDOW,
    "musicflamingo": _WINDOW,
    "moss_transcribe_diarize": _WINDOW,
    "qwen3_asr": {"audio_config": {"output_dim": 64, "num_mel_bins": BANDS}},
    "granite_speech": {"window_size": 15, "downsample_rate": 5},
}


def network(family):
    default = hf.AutoConfig.for_model(family)
    ids = {name: value for name, value in _TOKENS.items() if hasattr(default, name)}
    config = tiny_config(family, CHANGES.get(family, {}) | _SIZES.get(family, {}) | ids)
    torch.manual_seed(0)
    listed = (
        modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES | modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    )
    model = getattr(hf, listed[family])._from_config(config, dtype=torch.float32).eval()
    randomise(model)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


def hearing_model(family):
    words = tokenizer()
    return LanguageModel(network(family), words, f"tiny-{family}", processor=PROCESSORS[family](words))


@cache
def shared(family):
    """A model that tests leave as it is, so that it is certified once."""
    return hearing_model(family)


def sound(number=0, seconds=0.6):
    """Noise unlike any other."""
    return Sound(np.random.default_rng(number).normal(0, 0.1, int(16000 * seconds)).astype(np.float32), 16000)


def asking(model, text, heard):
    """A prompt with the model's placeholder at `{}`."""
    return AudioPrompt(heard, text.format(HEARING.placeholder(model.processor)))


def two_prompts(model):
    """Of other lengths, about sounds of other lengths."""
    return [
        asking(model, "w5 {} w6 w7", sound(0)),
        asking(model, "{} w8 w9 w10 w11 w12", sound(1, 1.1)),
    ]
