"""Pictures and sounds: prompts about them, files of them, and sets of pictures; no model in sight."""

from headpursuit.media.images import (
    ImageQuestion,
    ImageSet,
    LabelledImage,
    Split,
    check_image,
    image_files,
    image_set_names,
    image_sources,
    is_hub,
    load_images,
    open_image,
)
from headpursuit.media.prompts import (
    AudioPrompt,
    GivenPrompts,
    ImagePrompt,
    Prompt,
    checked,
    prompt_stream,
    prompts_of,
    texts_of,
)
from headpursuit.media.sounds import check_sound, open_sound, sound_files, sound_seconds
from headpursuit.media.sources import ImageSource, Sound, SoundSource, StoredImage

__all__ = [
    "AudioPrompt",
    "GivenPrompts",
    "ImagePrompt",
    "ImageQuestion",
    "ImageSet",
    "ImageSource",
    "LabelledImage",
    "Prompt",
    "Sound",
    "SoundSource",
    "Split",
    "StoredImage",
    "check_image",
    "check_sound",
    "checked",
    "image_files",
    "image_set_names",
    "image_sources",
    "is_hub",
    "load_images",
    "open_image",
    "open_sound",
    "prompt_stream",
    "prompts_of",
    "sound_files",
    "sound_seconds",
    "texts_of",
]
