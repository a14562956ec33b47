"""Sight: images, as models read them."""

from typing import Any

from PIL import Image

from headpursuit.media import IMAGE, ImageSource, check_image, image_size, open_image
from headpursuit.models.senses.sense import Sense

_SIZES = ((84, 56), (56, 84))


def _check(_: Any, source: ImageSource) -> None:
    if not isinstance(source, Image.Image):
        check_image(source)


def _examples(_: Any) -> list[Image.Image]:
    return [Image.linear_gradient("L").resize(size).convert("RGB") for size in _SIZES]


SIGHT = Sense(
    IMAGE,
    verb="sees",
    lacking="has an image, but {} was loaded without an image processor; give a vision-language model",
    parts=("image_processor",),
    argument="images",
    inputs=("pixel_values", "image_pixel_values", "flattened_patches"),
    token="image_token",
    token_ids=("image_token_id", "image_token_index"),
    config="vision_config",
    placing=("Florence2Processor",),
    alone=False,
    check=_check,
    read=lambda _, source: open_image(source),
    size=lambda _, source: image_size(source),
    fills=lambda _: False,
    whole=lambda images: [[image] for image in images],
    options=lambda _: {},
    around=lambda options: options,
    examples=_examples,
)
