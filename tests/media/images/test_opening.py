import re
import warnings

import numpy as np
import pytest
from PIL import Image

from headpursuit.media.images import opening
from headpursuit.media.images.opening import MOST_PIXELS, check_image, image_files, image_size, open_image

RED = (255, 0, 0)


def saved(folder, name, image, **options):
    path = folder / name
    image.save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16", "I;16B"])
def test_every_mode_becomes_rgb(mode):
    image = Image.new(mode, (5, 3))
    opened = open_image(image)
    assert (opened.mode, opened.size, image.mode) == ("RGB", (5, 3), mode)
    assert opened is not image


def test_colours_survive_every_format(tmp_path):
    red = Image.new("RGB", (8, 8), RED)
    for name, image in [("a.png", red), ("b.bmp", red), ("c.gif", red), ("d.tiff", red.convert("CMYK"))]:
        assert open_image(saved(tmp_path, name, image)).getpixel((3, 3)) == RED
    red, green, blue = open_image(saved(tmp_path, "e.jpg", red.convert("CMYK"))).getpixel((3, 3))
    assert red > 240
    assert green < 15
    assert blue < 15


@pytest.mark.parametrize(
    ("grey", "expected"),
    [
        (np.array([[0, 32896, 65535]], np.uint16), [0, 128, 255]),
        (np.array([[0, 100, 200]], np.uint16), [0, 0, 1]),
        (np.array([[-5, 32896, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 100, 200]], np.int32), [0, 100, 200]),
        (np.array([[0, 500_000, 1_000_000]], np.int32), [0, 128, 255]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, 100, 255]], np.float32), [0, 100, 255]),
    ],
)
def test_deep_grey_is_scaled_not_clipped(tmp_path, grey, expected):
    path = saved(tmp_path, "grey.tiff", Image.fromarray(grey))
    assert np.asarray(open_image(path))[0, :, 1].tolist() == expected


def test_sixteen_bit_png_is_scaled(tmp_path):
    path = saved(tmp_path, "grey.png", Image.fromarray(np.full((2, 2), 32896, np.uint16)))
    assert open_image(path).getpixel((0, 0)) == (128, 128, 128)


def test_transparent_parts_become_white(tmp_path):
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 0], pixels[0, :, 3] = 255, (0, 128, 255)
    path = saved(tmp_path, "half.png", Image.fromarray(pixels))
    assert np.asarray(open_image(path))[0].tolist() == [[255, 255, 255], [255, 127, 127], [255, 0, 0]]


def test_a_transparent_palette_entry_becomes_white(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    path = saved(tmp_path, "palette.gif", image, transparency=1)
    assert np.asarray(open_image(path))[0].tolist() == [[255, 0, 0], [255, 255, 255]]


def test_the_cameras_orientation_is_applied(tmp_path):
    image = Image.new("RGB", (20, 10), RED)
    exif = Image.Exif()
    exif[0x0112] = 6  # The top of the scene is at the right: turn it by 90 degrees.
    path = saved(tmp_path, "turned.jpg", image, exif=exif)
    assert open_image(path).size == (10, 20)
    assert open_image(Image.open(path)).size == (10, 20)


def test_the_size_is_that_of_the_opened_picture(tmp_path):
    image, exif = Image.new("RGB", (5, 3)), Image.Exif()
    exif[0x0112] = 6
    turned = saved(tmp_path, "turned.jpg", image, exif=exif)
    with Image.open(turned) as in_memory:
        for source in (turned, saved(tmp_path, "plain.png", image), image, in_memory):
            assert image_size(source) == open_image(source).size
    with pytest.raises(FileNotFoundError, match="there is no image"):
        image_size(tmp_path / "gone.png")


@pytest.mark.parametrize("name", ["moving.gif", "pages.tiff", "moving.webp"])
def test_of_several_pictures_the_first_is_taken(tmp_path, name):
    blue = Image.new("RGB", (16, 16), (0, 0, 255))
    path = saved(tmp_path, name, Image.new("RGB", (16, 16), RED), save_all=True, append_images=[blue, blue])
    red, _, blue_part = open_image(path).getpixel((8, 8))
    assert red > 200
    assert blue_part < 50


def test_the_result_needs_its_file_no_longer(tmp_path):
    path = saved(tmp_path, "gone.png", Image.new("RGB", (4, 4), RED))
    opened = open_image(path)
    path.unlink()
    assert opened.getpixel((0, 0)) == RED


@pytest.mark.parametrize("check", [open_image, check_image])
def test_what_is_no_image_is_named(tmp_path, check):
    with pytest.raises(FileNotFoundError, match=r"there is no image .*nowhere\.png"):
        check(tmp_path / "nowhere.png")
    with pytest.raises(ValueError, match="is a folder, not an image"):
        check(tmp_path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(ValueError, match=r"empty\.png is empty, not an image$"):
        check(tmp_path / "empty.png")
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match=r"text\.jpg is not an image that can be read, or its beginning is damaged$"):
        check(tmp_path / "text.jpg")


@pytest.mark.parametrize("name", ["noise.png", "noise.jpg", "noise.gif", "noise.tiff"])
def test_a_file_cut_short_is_named(tmp_path, name):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    path = saved(tmp_path, name, noise)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(ValueError, match=rf"{re.escape(name)} is .*(damaged|cannot be read)") as error:
        open_image(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("check", [open_image, check_image])
@pytest.mark.parametrize("size", [(10_001, 10_000), (20_000, 10_000)])
def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path, monkeypatch, check, size):
    path = saved(tmp_path, "huge.png", Image.new("1", size))
    monkeypatch.setattr(Image.Image, "convert", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=rf"huge\.png has .*{size[0] * size[1]:,} pixels, but at most 100,000,000"):
            check(path)


def test_a_large_picture_below_the_limit_opens_without_a_warning(tmp_path):
    size = (10_000, 9_000)
    assert Image.MAX_IMAGE_PIXELS < size[0] * size[1] < MOST_PIXELS  # Pillow itself would warn.
    path = saved(tmp_path, "large.png", Image.new("1", size))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_image(path)


def test_pictures_in_memory_are_checked_too(monkeypatch):
    monkeypatch.setattr(opening, "MOST_PIXELS", 10)
    with pytest.raises(ValueError, match="the picture in memory has 4 x 3 = 12 pixels, but at most 10 are read"):
        open_image(Image.new("RGB", (4, 3)))
    with pytest.raises(ValueError, match="the picture in memory has no pixels: it is 0 x 0"):
        open_image(Image.new("RGB", (0, 0)))


def test_image_files_are_listed_by_name(tmp_path):
    for name in ["b/2.PNG", "a/10.jpg", "a/9.jpeg", "c.gif", "notes.txt", ".hidden/x.png", "a/.y.png"]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.relative_to(tmp_path).as_posix() for path in image_files(tmp_path)] == [
        "a/10.jpg",
        "a/9.jpeg",
        "b/2.PNG",
        "c.gif",
    ]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        image_files(tmp_path / "nowhere")
