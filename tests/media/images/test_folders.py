import json
import re

import pytest
from pictures import save_labelled, save_picture

from headpursuit.media import load_images


def save_table(folder, rows, name="metadata.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) if isinstance(rows, list) else rows)
    return path


def test_sub_folders_are_labels_and_their_names_words(tmp_path):
    save_labelled(tmp_path, ("annual_crop", "sea-lake", "7", "tench, Tinca tinca"))
    found = load_images(str(tmp_path))
    assert found.classes == {
        "7": ("seven", "7"),
        "annual_crop": ("annual crop",),
        "sea-lake": ("sea lake",),
        "tench, Tinca tinca": ("tench", "Tinca tinca"),
    }
    assert [image.name for image in found.images][:2] == ["7/0.png", "7/1.png"]
    assert all(image.name == f"{image.label}/{image.image.name}" for image in found.images)
    assert len(found.images) == 40
    assert found.skipped == ()


def test_a_label_is_the_first_sub_folder(tmp_path):
    save_labelled(tmp_path / "cat", ("tabby", "siamese"))
    save_labelled(tmp_path, ("dog",))
    assert set(load_images(str(tmp_path)).classes) == {"cat", "dog"}


def test_the_split_depends_on_names_alone(tmp_path):
    save_labelled(tmp_path, n=20)
    before = {image.name: image.split for image in load_images(str(tmp_path)).images}
    save_labelled(tmp_path, ("ant", "cow"), n=20)
    after = {image.name: image.split for image in load_images(str(tmp_path), seed=3).images}
    assert before.items() <= after.items()
    assert 0.3 < sum(split == "heldout" for split in after.values()) / len(after) < 0.7


def test_the_fraction_held_out_can_be_chosen(tmp_path):
    save_labelled(tmp_path, n=50)
    few, many = load_images(str(tmp_path), heldout=0.2), load_images(str(tmp_path), heldout=0.8)
    assert 10 <= len(few.of("heldout")) <= 30
    assert {image.name for image in few.of("heldout")} < {image.name for image in many.of("heldout")}


@pytest.mark.parametrize(("names", "expected"), [(("train", "test"), True), (("train", "test", "val"), True)])
def test_folders_called_like_splits_are_splits(tmp_path, names, expected):
    for name in names:
        save_labelled(tmp_path / name)
    found = load_images(str(tmp_path))
    assert {image.name.split("/")[0] for image in found.of("selection")} == {"train"}
    assert {image.name.split("/")[0] for image in found.of("heldout")} == {"test"}
    assert set(found.classes) == {"cat", "dog"}


def test_validation_images_are_held_out_where_there_are_no_test_images(tmp_path):
    save_labelled(tmp_path / "train")
    save_labelled(tmp_path / "val")
    assert {image.name.split("/")[0] for image in load_images(str(tmp_path)).of("heldout")} == {"val"}


def test_a_limit_is_shared_by_all_labels_and_drawn_by_the_seed(tmp_path):
    save_labelled(tmp_path / "train", n=30)
    save_labelled(tmp_path / "test", ("dog",), n=30)
    save_labelled(tmp_path / "test", ("cat",), n=2)
    found = load_images(str(tmp_path), limit=8)
    assert [image.label for image in found.of("selection")] == ["cat"] * 4 + ["dog"] * 4
    assert [image.label for image in found.of("heldout")] == ["cat"] * 2 + ["dog"] * 6
    assert load_images(str(tmp_path), limit=8).images == found.images
    assert load_images(str(tmp_path), limit=8, seed=1).images != found.images


@pytest.mark.parametrize("name", ["metadata.jsonl", "captions.jsonl", "metadata.csv", "captions.csv"])
def test_a_table_gives_captions_and_labels(tmp_path, name):
    for number in range(8):
        save_picture(tmp_path / "pictures" / f"{number}.png", number)
    rows = [
        {"file_name": f"pictures/{number}.png", "caption": f"A  {kind},\nnumber {number}.", "label": kind}
        for number, kind in enumerate(["cat", "dog"] * 4)
    ]
    content = rows
    if name.endswith("csv"):
        content = "file_name,caption,label\n" + "".join(
            f'{row["file_name"]},"{row["caption"]}",{row["label"]}\n' for row in rows
        )
    save_table(tmp_path, content, name)
    found = load_images(str(tmp_path))
    assert [image.captions for image in found.images] == [
        (f"A {kind}, number {number}.",) for number, kind in enumerate(["cat", "dog"] * 4)
    ]
    assert found.images[1].label == "dog"
    assert found.images[1].image == tmp_path / "pictures" / "1.png"


def test_captions_may_be_several_or_in_several_rows(tmp_path):
    for number in range(4):
        save_picture(tmp_path / f"{number}.png")
    rows = [{"image_path": f"{number}.png", "captions": ["one", " ", "two"]} for number in range(4)]
    rows.append({"image_path": "2.png", "captions": "three"})
    save_table(tmp_path, rows)
    found = load_images(str(tmp_path), heldout=0.4)
    assert [image.captions for image in found.images][1:3] == [("one", "two"), ("one", "two", "three")]
    assert (found.classes, found.images[0].label) == ({}, None)


def test_a_table_may_name_splits(tmp_path):
    for number in range(3):
        save_picture(tmp_path / f"{number}.png")
    splits = ("train", "test", "val")
    save_table(tmp_path, [{"file_name": f"{n}.png", "text": "x", "split": split} for n, split in enumerate(splits)])
    assert [(image.name, image.split) for image in load_images(str(tmp_path)).images] == [
        ("0.png", "selection"),
        ("1.png", "heldout"),
    ]


def test_every_split_may_have_a_table(tmp_path):
    for split in ("train", "test"):
        save_picture(tmp_path / split / "a.png")
        save_table(tmp_path / split, [{"file_name": "a.png", "caption": split}])
    found = load_images(str(tmp_path))
    assert [(i.name, i.split, i.captions) for i in found.images] == [
        ("train/a.png", "selection", ("train",)),
        ("test/a.png", "heldout", ("test",)),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"image": "0.png", "colour": "red"}], "no column with labels or captions (expected label or "),
        ([{"picture": "0.png", "label": "red"}], "it has picture, label"),
        ([{"file_name": "0.png", "label": ""}], "line 1: a label is a word or a whole number, not ''"),
        ([{"file_name": "0.png", "label": 1.5}], "line 1: a label is a word or a whole number, not 1.5"),
        ([{"file_name": "0.png", "caption": 3}], "line 1: a caption is a string or a list of strings, not 3"),
        ([{"file_name": None, "caption": "x"}], "line 1: file_name is None, not the name of a file"),
        ([{"file_name": "0.png", "label": "a"}, {"file_name": "0.png", "label": "b"}], "line 2: 0.png has another lab"),
        ('{"file_name"\n', "line 1: no valid JSON"),
        ("[1]\n", "line 1: no JSON object"),
        ("\n", "metadata.jsonl describes no images"),
        ([{"file_name": "0.png", "label": "__"}, {"file_name": "1.png", "label": "b"}], "the label '__' holds no word"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path, content, message):
    save_table(tmp_path, content)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        load_images(str(tmp_path))
    assert "\n" not in str(error.value)


def test_a_csv_row_of_another_length_is_named(tmp_path):
    save_table(tmp_path, "file_name,label\na.png,cat\nb.png\n", "metadata.csv")
    with pytest.raises(ValueError, match=r"metadata\.csv, line 3: another number of columns than the first line has"):
        load_images(str(tmp_path))


def test_two_tables_are_refused(tmp_path):
    for name in ("metadata.csv", "captions.jsonl"):
        save_table(tmp_path, [], name)
    with pytest.raises(ValueError, match=r"has metadata\.csv and captions\.jsonl; keep the one that counts"):
        load_images(str(tmp_path))


def test_folders_without_what_is_needed_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"holds no images \(\.avif "):
        load_images(str(tmp_path))
    save_labelled(tmp_path, ("cat",))
    with pytest.raises(ValueError, match="all images of .* have the label 'cat'; there must be two labels at least"):
        load_images(str(tmp_path))
    save_picture(tmp_path / "lost.png")
    with pytest.raises(ValueError, match=r"lost\.png has no label: put it into a sub-folder named after its label"):
        load_images(str(tmp_path))


def test_too_few_images_to_split_are_refused(tmp_path):
    save_labelled(tmp_path, n=1)
    with pytest.raises(ValueError, match=r"has no (heldout|selection) images \(2 images, 0 of them unreadable\)"):
        load_images(str(tmp_path), heldout=0.001)


def test_a_broken_image_is_named_or_skipped_and_reported(tmp_path):
    save_labelled(tmp_path / "train", n=4)
    save_labelled(tmp_path / "test", n=4)
    broken = tmp_path / "train" / "cat" / "0.png"
    broken.write_bytes(broken.read_bytes()[:50])
    with pytest.raises(ValueError, match=rf"{re.escape(str(broken))} is "):
        load_images(str(tmp_path))
    found = load_images(str(tmp_path), skip_bad=True)
    assert len(found.images) == 15
    assert [line.startswith(str(broken)) for line in found.skipped] == [True]


def test_a_skipped_image_is_replaced_within_the_limit(tmp_path):
    save_labelled(tmp_path / "train", n=4)
    save_labelled(tmp_path / "test", n=4)
    first = load_images(str(tmp_path), limit=1).of("selection")[0]
    first.image.write_text("broken")
    found = load_images(str(tmp_path), limit=1, skip_bad=True)
    assert len(found.of("selection")) == 1
    assert found.of("selection")[0].name != first.name
    assert len(found.skipped) == 1


def test_a_missing_file_of_a_table_is_named(tmp_path):
    save_table(tmp_path, [{"file_name": f"{number}.png", "caption": "x"} for number in range(4)])
    with pytest.raises(FileNotFoundError, match=r"there is no image .*\d\.png"):
        load_images(str(tmp_path))
