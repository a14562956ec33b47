"""Pictures: files of them, and sets of them with labels, captions and questions."""

from headpursuit.media.images.image_set import ImageQuestion, ImageSet, LabelledImage, Split
from headpursuit.media.images.loading import image_set_names, load_images
from headpursuit.media.images.opening import check_image, image_files, image_size, open_image

__all__ = [
    "ImageQuestion",
    "ImageSet",
    "LabelledImage",
    "Split",
    "check_image",
    "image_files",
    "image_set_names",
    "image_size",
    "load_images",
    "open_image",
]
