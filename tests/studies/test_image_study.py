"""A whole study of images on a tiny random vision-language model."""

from dataclasses import replace

import pytest

tiny_vision = pytest.importorskip("tiny_vision")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("blank_pictures")]

from headpursuit.analysis import Capture, RankConfig  # noqa: E402
from headpursuit.media import ImagePrompt, ImageQuestion, ImageSet, LabelledImage  # noqa: E402
from headpursuit.models import answer, rescale  # noqa: E402
from headpursuit.records import from_record  # noqa: E402
from headpursuit.report import render  # noqa: E402
from headpursuit.storage import read_json  # noqa: E402
from headpursuit.studies import StudyResult, image_classification, study, usual_config  # noqa: E402
from headpursuit.studies.results import Arm  # noqa: E402
from headpursuit.studies.steps.identity import check_asked  # noqa: E402

ASK = "<image> w5 w9"


def image_set(model, n=8):
    """Drawings whose class is the word that the model says first, and one question about something else."""
    drawings = [tiny_vision.drawing(i) for i in range(n)]
    words = [text.split()[0] for text in answer(model, [ImagePrompt(ASK, d) for d in drawings], max_new_tokens=2)]
    classes = {word: (word,) for word in sorted({*words, "w77"})}
    other = ImageQuestion("<image> w30 w31", ("w40",), "colour")
    images = [
        LabelledImage(f"drawing {i}", drawing, "heldout" if i % 2 else "selection", word, questions=(other,))
        for i, (drawing, word) in enumerate(zip(drawings, words, strict=True))
    ]
    return ImageSet("drawings", tuple(images), classes, ASK)


@pytest.fixture(scope="module")
def model():
    return tiny_vision.vision_model("llava")


@pytest.fixture(scope="module")
def made(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    (folder / "shapes.txt").write_text("w21\nw62\nw134\n")
    config = usual_config(
        "image-classification",
        "tiny",
        data="drawings",
        chat=False,
        baselines=False,
        sweep_questions=3,
        doses="1",
        scales="-20",
        controls=1,
        other_concept=str(folder / "shapes.txt"),
        ranking=RankConfig(n_draws=3),
        max_new_tokens=3,
    )
    task = image_classification(image_set(model))
    return study(model, config, folder / "study", task=task), folder / "study", task


def test_heads_are_ranked_on_the_answers_about_selection_images(made):
    captured = Capture.load(made[1] / "capture")
    assert (captured.config.positions, captured.config.chat, captured.n_prompts) == ("generated", False, 2)
    parts = [
        {q.image_name: q.label for q in made[2].split_for(sweep=True).questions if q.split == part and q.label}
        for part in ("ranking", "selection")
    ]
    assert [len(part) for part in parts] == [2, 2]
    assert parts[0].keys() | parts[1].keys() == {f"drawing {n}" for n in (0, 2, 4, 6)}
    for label in {*parts[0].values(), *parts[1].values()}:  # each class gives as many to both
        counts = [list(part.values()).count(label) for part in parts]
        assert abs(counts[0] - counts[1]) <= 1


def test_every_arm_answers_about_the_held_out_images_in_its_scope(made, model):
    result, folder, task = made
    scopes = {"edit": "all", "edit-image": "image", "edit-text": "text"}
    assert [arm.name for arm in result.arms[:4]] == ["base", *scopes]
    prompts = [question.prompt for question in task.heldout]
    assert all(isinstance(prompt, ImagePrompt) for prompt in prompts)
    for name, scope in scopes.items():
        arm = from_record(Arm, read_json(folder / "arms" / f"{name}.json"))
        assert arm.edit.scope == scope
        assert {str(head) for head in arm.edit} == set(result.edit.heads)
        with rescale(model, arm.edit):
            assert list(arm.answers) == answer(model, prompts, max_new_tokens=3)
    image = next(arm for arm in result.arms if arm.kind == "image")
    assert image.damage.kl == pytest.approx(0, abs=1e-6)  # neutral text has no image


def test_base_is_right_about_what_it_says_itself(made):
    result, _, _ = made
    assert result.arms[0].target.score.value == 1
    assert result.arms[0].unrelated.n_questions == 4
    assert [e.image_name for e in result.examples[::2]] == ["drawing 1", "drawing 3", "drawing 5", "drawing 7"]


def test_small_pictures_are_part_of_the_study_and_of_its_page(made):
    result, folder, _ = made
    assert sorted(p.name for p in (folder / "images").iterdir()) == [f"000{i}.png" for i in range(1, 5)]
    page = render(folder).read_text(encoding="utf-8")
    assert page.count('<img class="thumbnail" src="data:image/png;base64,') == len(result.examples)
    picture = folder / "images" / "0001.png"
    picture.write_bytes(picture.read_bytes() + b"more")
    with pytest.raises(ValueError, match="images/0001.png does not match its checksum"):
        StudyResult.load(folder)


def test_a_missing_image_is_named_before_the_model_runs(made, model, tmp_path):
    _, _, task = made
    lost = replace(task.heldout[0], prompt=ImagePrompt(ASK, tmp_path / "lost.png"))
    with pytest.raises(FileNotFoundError, match="lost.png"):
        study(model, made[0].config, tmp_path / "study", task=replace(task, questions=(*task.questions, lost)))
    assert not (tmp_path / "study").exists()


def test_where_images_have_no_positions_that_is_said(model, made, tmp_path, monkeypatch):
    def nowhere(*_):
        raise ValueError("images enter this model by its encoder")

    monkeypatch.setattr("headpursuit.models.scaling.MediaPositions.of", nowhere)
    result = study(model, made[0].config, tmp_path / "study", task=made[2])
    assert not result.arms_of("image")
    assert result.remarks[-1] == (
        "The edit was not measured at image positions alone: images enter this model by its encoder."
    )


def test_other_pictures_of_the_same_names_cannot_go_on_with_a_study(model, made, tmp_path):
    _, _, task = made
    check_asked(model, task, [task.words], tmp_path)
    check_asked(model, task, [task.words], tmp_path)
    first, *others = task.questions
    other = replace(first, prompt=ImagePrompt(first.prompt.text, tiny_vision.drawing(99)))
    with pytest.raises(ValueError, match="was begun with other questions, images, neutral text, settings or concepts"):
        check_asked(model, replace(task, questions=(other, *others)), [task.words], tmp_path)
