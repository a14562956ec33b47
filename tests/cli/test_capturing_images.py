"""`capture` and `doctor` on a tiny vision-language model in a local folder, as a user types it."""

import json

import pytest
import tiny_vision
from tiny_vision import drawing
from typed import assert_refused, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_vision.saved(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def pictures(tmp_path):
    place = tmp_path / "pictures"
    place.mkdir()
    for number in range(3):
        drawing(number).save(place / f"{number}.png")
    return place


def capture(folder, prompts, tmp_path, *more):
    return run("capture", folder, "--prompts", prompts, "-o", tmp_path / "cap", "--device", "cpu", *more)


def test_a_folder_of_images_is_asked_about(folder, pictures, tmp_path):
    result = capture(folder, pictures, tmp_path, "--ask", "w5 w6", "--chat", "--positions", "image")
    assert result.exit_code == 0, result.output
    assert "with an image in the prompt" in result.stdout
    assert "captured 12 positions of 3 prompts" in result.stdout
    manifest = json.loads((tmp_path / "cap" / "manifest.json").read_text())
    assert manifest["config"]["positions"] == "image"


def test_rows_with_image_paths(folder, pictures, tmp_path):
    file = tmp_path / "p.jsonl"
    file.write_text('{"prompt": "w5 <image> w6", "image_path": "pictures/1.png"}\n{"prompt": "w7"}\n')
    result = capture(folder, file, tmp_path)
    assert result.exit_code == 0, result.output
    assert "captured 2 positions of 2 prompts" in result.stdout


@pytest.mark.parametrize("bad", ["broken", "cut", "missing"])
def test_a_bad_image_is_named_and_skipped_only_when_asked(folder, pictures, tmp_path, bad):
    whole = (pictures / "1.png").read_bytes()
    (pictures / "1.png").write_bytes({"broken": b"no picture", "cut": whole[:200], "missing": b""}[bad])
    file = tmp_path / "p.csv"
    if bad == "missing":
        (pictures / "1.png").unlink()
    file.write_text("prompt,image_path\n" + "".join(f"<image> w5,pictures/{i}.png\n" for i in range(3)))
    assert_refused(capture(folder, file, tmp_path), "prompt 2: ")
    assert "1.png" in capture(folder, file, tmp_path, "--resume").stderr
    (tmp_path / "again").mkdir()
    result = capture(folder, file, tmp_path / "again", "--skip-bad")
    assert result.exit_code == 0, result.output
    assert "prompt 2 is skipped: " in result.stderr
    assert "1.png" in result.stderr
    assert "captured 2 positions of 2 prompts" in result.stdout


def test_a_data_set_with_images_is_asked_about(folder, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    whole, broken = drawing(1)._repr_png_(), b"broken"
    rows = [{"bytes": content, "path": None} for content in (whole, broken, whole)]
    (tmp_path / "pets").mkdir()
    datasets.Dataset.from_dict({"image": rows}).to_parquet(tmp_path / "pets" / "train.parquet")
    asked = f"hf:{tmp_path / 'pets'}", tmp_path, "--ask", "w5 w6", "--chat"
    assert_refused(capture(folder, *asked), "prompt 2: ")
    result = capture(folder, *asked, "--skip-bad")
    assert "prompt 2 is skipped" in result.stderr
    assert "captured 2 positions of 2 prompts" in result.stdout
    assert_refused(capture(folder, *asked[:2]), "is a data set; say what to ask about its images: --ask")


def test_missing_images_are_found_before_the_model_is_loaded(folder, tmp_path):
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps({"prompt": "<image> w5", "image_path": "none.png"}) + "\n")
    result = capture(folder, file, tmp_path)
    assert_refused(result, "prompt 1: there is no image")
    assert "certified" not in result.stdout
    assert_refused(capture(folder, tmp_path / "p.none", tmp_path), "there is no file")


def test_a_folder_and_a_question_belong_together(folder, pictures, tmp_path):
    assert_refused(capture(folder, pictures, tmp_path), "is a folder; say what to ask about its images: --ask")
    file = tmp_path / "p.txt"
    file.write_text("w5\n")
    assert_refused(capture(folder, file, tmp_path, "--ask", "w5"), "--ask goes with a folder of images or hf:NAME, and")
    assert_refused(
        capture(folder, pictures, tmp_path, "--ask", "w5"),
        "prompt 1: the text does not say where its image goes; write <image> there, or use the chat template (--chat)",
    )


def test_doctor_says_how_images_are_read(folder):
    result = run("doctor", folder, "--device", "cpu")
    assert result.exit_code == 0, result.output
    line = next(line for line in result.stdout.splitlines() if line.startswith("vision: "))
    assert line == (
        "vision: LlavaProcessor, decoder model.language_model, image token 200 (<image>), <image> in a prompt; "
        "image positions: in the text, at its image token"
    )
    found = json.loads(run("doctor", folder, "--device", "cpu", "--json").stdout)
    assert found["vision"]["token_id"] == 200
    assert found["certificate"]["image"] is True
