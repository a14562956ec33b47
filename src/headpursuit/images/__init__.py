"""Pictures: prompts about them, and sets of them with labels, captions and questions; no model in sight."""

from headpursuit.images.image_set import ImageQuestion, ImageSet, LabelledImage, Split
from headpursuit.images.loading import image_set_names, image_sources, is_hub, load_images
from headpursuit.images.opening import check_image, image_files, open_image
from headpursuit.images.prompt import (
    GivenPrompts,
    ImagePrompt,
    ImageSource,
    Prompt,
    StoredImage,
    checked,
    prompt_stream,
    prompts_of,
    texts_of,
)

__all__ = [
    "ImagePrompt",
    "ImageSource",
    "ImageQuestion",
    "ImageSet",
    "LabelledImage",
    "Prompt",
    "GivenPrompts",
    "StoredImage",
    "Split",
    "check_image",
    "checked",
    "image_files",
    "image_set_names",
    "image_sources",
    "is_hub",
    "load_images",
    "open_image",
    "prompt_stream",
    "prompts_of",
    "texts_of",
]
