"""Modalities, which models read beside text: prompts of them, their files, and sets of pictures; no model in sight."""

from headpursuit.media.images import (
    ImageQuestion,
    ImageSet,
    LabelledImage,
    Split,
    check_image,
    image_files,
    image_set_names,
    image_size,
    load_images,
    open_image,
)
from headpursuit.media.loading import media_sources
from headpursuit.media.modality import AUDIO, IMAGE, MODALITIES, Modality
from headpursuit.media.prompts import (
    AudioPrompt,
    GivenPrompts,
    ImagePrompt,
    MediaPrompt,
    Prompt,
    checked,
    prompt_about,
    prompt_stream,
    prompts_of,
    said,
    texts_of,
)
from headpursuit.media.sounds import check_sound, open_sound, sound_files, sound_seconds
from headpursuit.media.sources import ImageSource, Sound, SoundSource, Source, Stored, content_of
from headpursuit.media.stored import is_hub

__all__ = [
    "AUDIO",
    "IMAGE",
    "MODALITIES",
    "AudioPrompt",
    "GivenPrompts",
    "ImagePrompt",
    "ImageQuestion",
    "ImageSet",
    "ImageSource",
    "LabelledImage",
    "MediaPrompt",
    "Modality",
    "Prompt",
    "Sound",
    "SoundSource",
    "Source",
    "Split",
    "Stored",
    "check_image",
    "check_sound",
    "checked",
    "content_of",
    "image_files",
    "image_set_names",
    "image_size",
    "is_hub",
    "media_sources",
    "load_images",
    "open_image",
    "open_sound",
    "prompt_about",
    "prompt_stream",
    "prompts_of",
    "said",
    "sound_files",
    "sound_seconds",
    "texts_of",
]
