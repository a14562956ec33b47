"""Prompts with images: from files and folders, through captures, with and without bad ones."""

import json

import pytest
import tiny_vision
from captured import assert_same
from tiny_vision import drawing

from headpursuit.analysis import CaptureConfig, ask_about, capture, capturing, read_prompts, readable
from headpursuit.analysis.prompt_stream import sha256_of_prompts
from headpursuit.media import ImagePrompt


@pytest.fixture(scope="module")
def model():
    return tiny_vision.vision_model("llava")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures").mkdir()
    for number, name in enumerate(("c.png", "a.png", "b.jpg")):
        drawing(number).save(tmp_path / "pictures" / name)
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    return tmp_path / "pictures"


def rows(folder):
    names = ("c.png", "a.png", "b.jpg")
    return [{"prompt": f"<image> w{5 + i}", "image_path": f"pictures/{n}", "label": "x"} for i, n in enumerate(names)]


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_name_images_relative_to_their_file(folder, tmp_path):
    absolute = {"prompt": "<image> w9", "image_path": str(folder / "a.png")}
    file = write_jsonl(tmp_path / "p.jsonl", [*rows(folder)[:1], absolute, {"prompt": "w5", "image_path": None}])
    assert list(read_prompts(file)) == [
        ImagePrompt("<image> w5", folder / "c.png"),
        ImagePrompt("<image> w9", folder / "a.png"),
        "w5",
    ]
    table = tmp_path / "p.csv"
    table.write_text("label,prompt,image_path\nx,<image> w5,pictures/c.png\ny,w6,\n")
    assert list(read_prompts(table)) == [ImagePrompt("<image> w5", folder / "c.png"), "w6"]


def test_an_image_path_that_is_no_text_is_refused(tmp_path):
    file = write_jsonl(tmp_path / "p.jsonl", [{"prompt": "w5", "image_path": 3}])
    with pytest.raises(ValueError, match="p.jsonl, line 1: image_path is 3, not a path"):
        read_prompts(file)


def test_a_folder_is_asked_about_in_the_order_of_its_names(folder, tmp_path):
    found = ask_about(folder, "what")
    assert [prompt.image.name for prompt in found] == ["a.png", "b.jpg", "c.png"]
    assert (len(found), {prompt.text for prompt in found}) == (3, {"what"})
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="none holds no image files"):
        ask_about(tmp_path / "none", "what")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        ask_about(tmp_path / "gone", "what")
    with pytest.raises(ValueError, match="the question about the images is empty"):
        ask_about(folder, " ")


def test_a_path_may_be_text(folder, as_users_run_it):
    assert ImagePrompt("w5", str(folder / "a.png")) == ImagePrompt("w5", folder / "a.png")


def test_the_hash_of_prompts_tells_images_apart(folder):
    one = [ImagePrompt("w5", folder / "a.png")]
    known = sha256_of_prompts(one)
    assert sha256_of_prompts(one) == known
    assert sha256_of_prompts([ImagePrompt("w5", folder / "c.png")]) != known
    assert sha256_of_prompts([ImagePrompt("w6", folder / "a.png")]) != known
    assert sha256_of_prompts(["w5"]) != known
    drawing(3).save(folder / "a.png")
    assert sha256_of_prompts(one) != known
    pictures = [[ImagePrompt("w5", drawing(n))] for n in (0, 1)]
    assert sha256_of_prompts(pictures[0]) != sha256_of_prompts(pictures[1])


def test_bad_images_are_named_and_left_out(folder):
    whole = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(whole[: len(whole) // 2])
    gone = ImagePrompt("w5", folder / "gone.png")
    told = []
    left = readable([*ask_about(folder, "w5"), "w7", gone], told.append)
    assert [p if isinstance(p, str) else p.image.name for p in left] == ["b.jpg", "c.png", "w7"]
    assert len(left) == 3
    assert [line.split(" is skipped")[0] for line in told] == ["prompt 1", "prompt 5"]
    assert "a.png" in told[0]
    assert "there is no image" in told[1]
    with pytest.raises(ValueError, match="no prompt is left"):
        readable([gone], told.append)


@pytest.mark.parametrize("positions", ["last", "prompt", "generated", "image", "all"])
def test_images_are_captured_at_all_positions(model, folder, positions):
    prompts = ask_about(folder, "<image> w5 w6")
    config = CaptureConfig(positions=positions, max_new_tokens=2, batch_size=2)
    n_each = {"last": 1, "prompt": 6, "generated": 2, "image": 4, "all": 8}[positions]
    assert capture(model, prompts, config).n_samples == 3 * n_each


def test_image_positions_of_texts_are_none(model):
    with pytest.raises(ValueError, match="nothing was captured: no prompt has an image"):
        capture(model, ["w5"], CaptureConfig(positions="image"))


def test_a_capture_goes_on_where_a_broken_image_stopped_it(model, folder, tmp_path, monkeypatch):
    prompts, config = ask_about(folder, "<image> w5 w6"), CaptureConfig(batch_size=1)
    wanted = capture(model, prompts, config)
    whole = (folder / "c.png").read_bytes()
    known = capturing.sha256_of_prompts(prompts)
    monkeypatch.setattr(capturing, "sha256_of_prompts", lambda _: known)
    (folder / "c.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="prompt 3: .*c.png"):
        capture(model, prompts, config, output=tmp_path / "cap")
    assert (tmp_path / ".cap.unfinished" / "0.safetensors").exists()
    (folder / "c.png").write_bytes(whole)
    done = []
    found = capture(model, prompts, config, output=tmp_path / "cap", resume=True, progress=lambda n, _: done.append(n))
    assert done == [3]
    assert_same(found, wanted)
