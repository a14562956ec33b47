import sys
from collections import Counter
from dataclasses import replace

import pytest
from pictures import save_labelled

from headpursuit.media import IMAGE, image_set_names, load_images, media_sources, open_image
from headpursuit.media.images.class_words import DIGITS
from headpursuit.media.images.hub import HubSource
from headpursuit.media.images.named import EUROSAT, GTSRB, NAMED
from headpursuit.media.images.opening import image_size

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def picture(shade):
    from PIL import Image

    return Image.new("RGB", (4, 4), (shade, 10, 20))


def save_parquet(folder, split, columns, features=None):
    (folder / "data").mkdir(parents=True, exist_ok=True)
    columns = {"image": [picture(n) for n in range(len(next(iter(columns.values()))))]} | columns
    features = datasets.Features({"image": datasets.Image(), **features}) if features else None
    table = datasets.Dataset.from_dict(columns, features=features)
    table.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def classes(*names):
    return datasets.ClassLabel(names=list(names))


def text_list():
    return datasets.List(datasets.Value("string"))


def test_class_labels_come_with_their_names(tmp_path):
    features = {"label": classes("wild_cat", "dog")}
    for split in ("train", "test"):
        save_parquet(tmp_path / "pets", split, {"label": [0, 1, 1, 0]}, features)
    found = load_images(f"hf:{tmp_path / 'pets'}")
    assert found.classes == {"wild_cat": ("wild cat",), "dog": ("dog",)}
    assert [(image.name, image.split, image.label) for image in found.images[3:5]] == [
        ("train/3", "selection", "wild_cat"),
        ("test/0", "heldout", "wild_cat"),
    ]
    assert [image.image.getpixel((0, 0)) for image in found.of("heldout")] == [(n, 10, 20) for n in range(4)]


@pytest.mark.parametrize(
    ("labels", "expected"), [([3, 14, 3, 14] * 3, {"3": ("three", "3"), "14": ("14",)}), (["a", "b"] * 6, {"a", "b"})]
)
def test_labels_may_be_numbers_or_text(tmp_path, labels, expected):
    save_parquet(tmp_path / "pets", "train", {"category": labels})
    found = load_images(f"hf:{tmp_path / 'pets'}")
    assert found.classes == expected if isinstance(expected, dict) else set(found.classes) == expected
    assert {image.label for image in found.images} == set(map(str, labels))


@pytest.mark.parametrize("captions", [["a cat"] * 12, [["a cat"]] * 12])
def test_captions_may_be_one_or_several(tmp_path, captions):
    save_parquet(tmp_path / "said", "test", {"caption": captions})
    found = load_images(f"hf:{tmp_path / 'said'}")
    assert found.classes == {}
    assert {image.captions for image in found.images} == {("a cat",)}
    assert len(found.of("selection")) + len(found.of("heldout")) == 12


def test_a_split_can_be_asked_for(tmp_path):
    for split in ("train", "test"):
        save_parquet(tmp_path / "pets", split, {"label": ["a", "b"] * 6})
    found = load_images(f"hf:{tmp_path / 'pets'}:test")
    assert {image.name.split("/")[0] for image in found.images} == {"test"}
    assert {image.split for image in found.images} == {"selection", "heldout"}
    with pytest.raises(ValueError, match="pets has no split 'dev'; it has train, test"):
        load_images(f"hf:{tmp_path / 'pets'}:dev")


def test_an_image_folder_and_a_saved_data_set_load_too(tmp_path):
    save_labelled(tmp_path / "pets" / "train")
    save_labelled(tmp_path / "pets" / "test")
    found = load_images(f"hf:{tmp_path / 'pets'}", limit=4)
    assert set(found.classes) == {"cat", "dog"}
    assert len(found.images) == 8
    both = datasets.load_dataset(str(tmp_path / "pets"))
    both.save_to_disk(tmp_path / "both")
    both["train"].save_to_disk(tmp_path / "one")
    for saved, n_images in (("both", 40), ("one", 20)):
        assert len(load_images(f"hf:{tmp_path / saved}").images) == n_images


def image_sources(name):
    modality, sources = media_sources(name, (IMAGE,))
    assert modality is IMAGE
    return sources


def test_all_pictures_are_there_for_prompts_and_opened_late(tmp_path):
    for split, shades in (("train", 2), ("test", 3)):
        save_parquet(tmp_path / "pets", split, {"words": ["a"] * shades})
    found = image_sources(f"hf:{tmp_path / 'pets'}")
    assert [image_size(one) for one in found] == [(4, 4)] * 5
    assert sorted(open_image(one).getpixel((0, 0)) for one in found) == [(n, 10, 20) for n in (0, 0, 1, 1, 2)]
    assert len(image_sources(f"hf:{tmp_path / 'pets'}:test")) == 3
    with pytest.raises(ValueError, match="pets has no split 'dev'; it has train, test"):
        image_sources(f"hf:{tmp_path / 'pets'}:dev")
    folder = tmp_path / "bad"
    folder.mkdir()
    datasets.Dataset.from_dict({"image": [{"bytes": b"broken", "path": None}]}).to_parquet(folder / "train.parquet")
    (broken,) = image_sources(f"hf:{folder}")
    with pytest.raises(ValueError, match="bad, train, row 0 is not an image that can be read"):
        open_image(broken)


def test_a_broken_image_is_named_by_its_row_or_skipped(tmp_path):
    folder = tmp_path / "pets" / "data"
    folder.mkdir(parents=True)
    rows = {"image": [{"bytes": b"broken", "path": None}, {"bytes": None, "path": None}], "label": ["a", "b"]}
    rows["image"] += [{"bytes": picture(1)._repr_png_(), "path": None}] * 10
    rows["label"] += ["a", "b"] * 5
    datasets.Dataset.from_dict(rows).to_parquet(folder / "train.parquet")
    with pytest.raises(ValueError, match=r"pets, train, row (0 is not an image that can be read|1 has no image)"):
        load_images(f"hf:{tmp_path / 'pets'}")
    found = load_images(f"hf:{tmp_path / 'pets'}", skip_bad=True)
    assert len(found.images) == 10
    assert len(found.skipped) == 2


@pytest.mark.parametrize(
    ("columns", "features", "message"),
    [
        ({"colour": ["red"]}, None, r"no column with labels or captions .*; it has image, colour"),
        ({"label": [-1, 0]}, {"label": classes("a", "b")}, r"row 0: its label is -1, but the classes are 0 to 1"),
        ({"label": ["a", "a"]}, None, r"have the label 'a'; there must be two labels at least"),
        ({"label": [1.5]}, None, r"row 0: a label is a word or a whole number, not 1\.5"),
        ({"caption": [5]}, None, r"row 0: a caption is a string or a list of strings, not 5"),
    ],
)
def test_data_that_cannot_be_used_are_named(tmp_path, columns, features, message):
    save_parquet(tmp_path / "pets", "train", columns, features)
    with pytest.raises(ValueError, match=message):
        load_images(f"hf:{tmp_path / 'pets'}")


def test_a_data_set_without_images_is_named(tmp_path):
    (tmp_path / "words").mkdir()
    datasets.Dataset.from_dict({"text": ["a"], "label": [0]}).to_parquet(tmp_path / "words" / "train.parquet")
    with pytest.raises(ValueError, match="words, train has no column with images .*; it has text, label"):
        load_images(f"hf:{tmp_path / 'words'}")


def test_a_data_set_that_cannot_be_loaded_is_named_in_one_line(tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ValueError, match="the data set .*nothing cannot be loaded: ") as error:
        load_images(f"hf:{tmp_path / 'nothing'}")
    assert "\n" not in str(error.value)


def test_the_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    message = r"data sets of the Hugging Face hub need the package datasets .* pip install 'headpursuit\[data\]'"
    with pytest.raises(ImportError, match=message):
        load_images("mnist")


@pytest.mark.parametrize(
    ("name", "columns", "features", "labels"),
    [
        ("mnist", {"label": [0, 9]}, {"label": classes(*"0123456789")}, ["0", "9"]),
        ("svhn", {"label": [0, 9]}, {"label": classes(*"0123456789")}, ["0", "9"]),
        (
            "gtsrb",
            {"label": [6, 14]},
            {"label": classes(*map(str, range(43)))},
            ["end of 80 km/h", "stop"],
        ),
        ("eurosat", {"label": [0, 9]}, {"label": classes(*(f"{n} " for n in EUROSAT))}, ["AnnualCrop", "SeaLake"]),
        # Classes are matched by name first: here they are numbered backwards.
        ("eurosat", {"label": [0, 9]}, {"label": classes(*reversed(EUROSAT))}, ["SeaLake", "AnnualCrop"]),
        ("mnist", {"label": [3, 4]}, None, ["3", "4"]),
    ],
)
def test_named_sets_with_labels(tmp_path, monkeypatch, name, columns, features, labels):
    for split in ("train", "test", "extra"):
        save_parquet(tmp_path / name, split, columns, features)
    row = NAMED[name]
    # The hub's data sets are out of reach: a local folder with the same columns takes their place.
    monkeypatch.setitem(NAMED, name, replace(row, source=replace(row.source, id=str(tmp_path / name), config=None)))
    found = load_images(name)
    assert (found.name, found.classes, found.question) == (name, row.classes, row.question)
    assert [image.label for image in found.of("selection")] == labels
    assert {image.name.split("/")[0] for image in found.images} == {"train", "test"}


@pytest.mark.parametrize(("name", "column", "split"), [("flickr30k", "caption", "test"), ("coco", "answer", "val")])
def test_named_sets_with_captions(tmp_path, monkeypatch, name, column, split):
    columns = {column: [["a red bus", "a bus"]] * 12, "question": ["?"] * 12}
    save_parquet(tmp_path / name, split, columns, {column: text_list(), "question": datasets.Value("string")})
    row = NAMED[name]
    monkeypatch.setitem(NAMED, name, replace(row, source=replace(row.source, id=str(tmp_path / name))))
    found = load_images(name, limit=3)
    assert {image.captions for image in found.images} == {("a red bus", "a bus")}
    assert len(found.images) == 6
    assert found.classes == {}


def test_of_coco_only_the_files_with_captions_are_read(tmp_path, monkeypatch):
    save_parquet(tmp_path / "coco", "val", {"answer": ["a bus"] * 12})
    (tmp_path / "coco" / "data" / "test-00000-of-00001.parquet").write_bytes(b"never read")
    row = NAMED["coco"]
    monkeypatch.setitem(NAMED, "coco", replace(row, source=replace(row.source, id=str(tmp_path / "coco"))))
    assert len(load_images("coco").images) == 12


def test_another_number_of_classes_than_expected_is_refused(tmp_path, monkeypatch):
    save_parquet(tmp_path / "mnist", "train", {"label": [0, 1]}, {"label": classes("cat", "dog")})
    monkeypatch.setitem(NAMED, "mnist", replace(NAMED["mnist"], source=HubSource(str(tmp_path / "mnist"))))
    with pytest.raises(ValueError, match="has 2 classes, not the 10 expected: cat, dog"):
        load_images("mnist")


def test_class_words_name_one_class_each_and_the_usual_one_first():
    assert DIGITS["0"] == ("zero", "0")
    assert (len(DIGITS), len(GTSRB), len(EUROSAT)) == (10, 43, 10)
    for table in (DIGITS, GTSRB, EUROSAT):
        words = [word for several in table.values() for word in several]
        assert len(words) == len(set(words))
    # The benchmark's class numbers.
    assert [list(GTSRB)[number] for number in (0, 13, 14, 17, 40)] == [
        "20 km/h",
        "yield",
        "stop",
        "no entry",
        "roundabout",
    ]


def test_sets_of_our_own_are_found_and_limited():
    found = load_images("digits", limit=20)
    for split in ("selection", "heldout"):
        assert Counter(image.label for image in found.of(split)) == dict.fromkeys(map(str, range(10)), 2)
    everything = load_images("digits", limit=None)
    assert {image.name for image in found.images} < {image.name for image in everything.images}


def test_unknown_names_list_those_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="no images called 'minst'; there are digits, scenes, counts, mnist, "):
        load_images("minst")
    assert {"digits", "scenes", "coco"} < set(image_set_names())
    (tmp_path / "file.png").touch()
    with pytest.raises(ValueError, match=r"file\.png is a file; give the folder"):
        load_images("file.png")
    with pytest.raises(ValueError, match="'hf:' names no data set; write hf:NAME or hf:NAME:SPLIT"):
        load_images("hf:")


@pytest.mark.parametrize(("option", "message"), [({"limit": 0}, "limit is 0"), ({"heldout": 1.0}, r"heldout is 1\.0")])
def test_impossible_numbers_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        load_images("digits", **option)
