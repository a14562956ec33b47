import numpy as np
import pytest
from sklearn.datasets import load_digits

from headpursuit.media import load_images
from headpursuit.media.images.rendered.scans import DIGIT_WORDS, scans, scans_of
from headpursuit.media.images.rendered.scenes import COLOURS, PLACES, SIZES, Scene, Thing, random_scene, render
from headpursuit.media.images.rendered.wording import COUNT_WORDS, caption, exchanges

RED_STAR = Thing("star", "red", "large", "bottom right")


def ink(scene):
    """How far every pixel is from the background, 0 to 1."""
    pixels = np.asarray(render(scene), dtype=float)
    return abs(pixels - np.median(pixels, axis=(0, 1))).max(-1) / 255


def test_the_scans_are_those_of_scikit_learn():
    known, (images, digits) = load_digits(), scans()
    assert np.array_equal(images, np.round(known.images * (255 / 16)).astype(np.uint8))
    assert np.array_equal(digits, known.target)
    assert (images.dtype, digits.dtype) == (np.uint8, np.int64)


def test_heldout_scans_are_never_selection_scans():
    selection, heldout = (np.concatenate(scans_of(split)) for split in ("selection", "heldout"))
    assert not set(selection) & set(heldout)
    assert len(selection) + len(heldout) == len(scans()[1]) == 1797
    assert 0.17 < len(heldout) / 1797 < 0.25


def test_equal_scans_stay_in_one_split():
    images = scans()[0]
    split_of = {}
    for split in ("selection", "heldout"):
        for number in np.concatenate(scans_of(split)):
            assert split_of.setdefault(images[number].tobytes(), split) == split


def test_the_same_scene_gives_the_same_pixels_and_another_seed_others():
    one, again, other = (np.asarray(render(Scene((RED_STAR,), seed))) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["seven", "circle"])
def test_a_thing_stands_in_its_place(kind, place):
    scan = int(scans_of("heldout")[7][0]) if kind == "seven" else None
    covered = ink(Scene((Thing(kind, "black", "small", place, scan),), 3)) > 0.4
    rows, columns = covered.nonzero()
    assert abs(columns.mean() - PLACES[place][0]) < 6
    assert abs(rows.mean() - PLACES[place][1]) < 6


@pytest.mark.parametrize("colour", COLOURS)
def test_a_thing_has_its_colour(colour):
    pixels = np.asarray(render(Scene((Thing("square", colour, "large", "centre"),), 5)), dtype=float)
    middle = pixels[28:36, 28:36].mean((0, 1))
    distances = {name: abs(middle - np.array(rgb)).sum() for name, rgb in COLOURS.items()}
    assert min(distances, key=distances.get) == colour


def test_large_things_cover_more_than_small_ones():
    areas = {size: (ink(Scene((Thing("circle", "black", size, "centre"),), 1)) > 0.4).sum() for size in SIZES}
    assert areas["large"] > 1.5 * areas["small"]


@pytest.mark.parametrize("seed", range(20))
def test_things_of_a_scene_differ_and_are_in_reading_order(seed):
    things = random_scene(np.random.default_rng(seed), "heldout").things
    for name in ("kind", "colour", "place"):
        assert len({getattr(thing, name) for thing in things}) == len(things)
    assert [t.place for t in things] == sorted((t.place for t in things), key=list(PLACES).index)
    for thing in things:
        if thing.is_digit:
            assert thing.scan in scans_of("heldout")[DIGIT_WORDS.index(thing.kind)]


@pytest.mark.parametrize("seed", range(20))
def test_captions_name_every_thing_and_colours_all_or_none(seed):
    rng = np.random.default_rng(seed)
    scene = random_scene(rng, "selection")
    words = caption(scene, rng).lower().replace(",", "").replace(".", "").split()
    assert all(thing.kind in words for thing in scene.things)
    named = [thing.colour in words for thing in scene.things]
    assert all(named) or not any(named)


def test_colours_are_named_less_where_there_is_more_to_say():
    rng = np.random.default_rng(0)
    rates = []
    for n in (1, 2, 3, 4):
        found = [random_scene(rng, "selection", n) for _ in range(200)]
        rates.append(np.mean([scene.things[0].colour in caption(scene, rng) for scene in found]))
    assert rates[0] > 0.6
    assert rates[1] > rates[2] > 0.05


@pytest.mark.parametrize("seed", range(20))
def test_answers_are_true(seed):
    rng = np.random.default_rng(seed)
    scene = random_scene(rng, "selection")
    by_kind, by_colour = ({getattr(t, name): t for t in scene.things} for name in ("kind", "colour"))
    for e in exchanges(scene, rng):
        meant = next((t for t in scene.things if t.kind in e.question or t.colour in e.question), None)
        if e.subject == "count":
            assert e.key == COUNT_WORDS[len(scene.things)]
        elif e.subject == "colour":
            assert e.key in by_colour
            assert meant is None or meant.colour == e.key
        elif e.subject in ("digit", "shape"):
            assert by_kind[e.key].is_digit == (e.subject == "digit")
            assert meant is None or meant.kind == e.key
        assert e.key in e.answer


def test_the_digits_set_asks_for_the_digit_and_its_colour():
    found = load_images("digits", limit=None)
    assert len(found.of("heldout")) == sum(len(s) for s in scans_of("heldout"))
    assert {image.label for image in found.images} == set(found.classes) == {str(d) for d in range(10)}
    assert found.classes["7"][0] == "seven"
    assert {question.subject for image in found.images for question in image.questions} == {"colour"}


def test_the_scenes_set_has_captions_and_questions():
    found = load_images("scenes", limit=30)
    assert len(found.of("selection")) == len(found.of("heldout")) == 30
    assert all(len(image.captions) == 5 for image in found.images)
    assert {"digit", "colour", "count", "shape"} == {
        question.subject for image in found.images for question in image.questions
    }


def test_the_counts_set_asks_how_many_and_for_nothing_whose_name_is_a_number():
    found, whole = load_images("counts", limit=None), load_images("scenes", limit=None)
    assert found.classes == {"1": ("one", "1"), "2": ("two", "2"), "3": ("three", "3"), "4": ("four", "4")}
    assert {question.subject for image in found.images for question in image.questions} == {"colour", "shape"}
    for counted, scene in zip(found.images, whole.images, strict=True):
        assert (counted.name, counted.split) == (scene.name, scene.split)
        (answers,) = (q.answers for q in scene.questions if q.subject == "count")
        assert answers == found.classes[counted.label][:1]
    assert "How many" in found.question
