"""A transfer between a task about images and one in text, on a tiny random vision-language model."""

import pytest

tiny_vision = pytest.importorskip("tiny_vision")
pytestmark = pytest.mark.filterwarnings("ignore")

from transfer_tasks import tiny_task  # noqa: E402

from headpursuit.analysis import Capture, RankConfig  # noqa: E402
from headpursuit.media import ImagePrompt, ImageQuestion, ImageSet, LabelledImage  # noqa: E402
from headpursuit.models import answer  # noqa: E402
from headpursuit.studies import image_classification  # noqa: E402
from headpursuit.studies.experiments.transfer import TransferConfig, TransferTask, transfer  # noqa: E402

ASK = "<image> w5 w9"


def pictures(model):
    """Drawings whose class is what the model says first, and one question about something else."""
    drawings = [tiny_vision.drawing(i) for i in range(8)]
    words = [text.split()[0] for text in answer(model, [ImagePrompt(ASK, d) for d in drawings], max_new_tokens=2)]
    other = ImageQuestion("<image> w30 w31", ("w40",), "colour")
    images = [
        LabelledImage(f"drawing {i}", drawing, "heldout" if i % 2 else "selection", word, questions=(other,))
        for i, (drawing, word) in enumerate(zip(drawings, words, strict=True))
    ]
    return ImageSet("drawings", tuple(images), {word: (word,) for word in sorted({*words, "w77"})}, ASK)


def test_heads_for_images_are_edited_on_text_and_the_reverse(tmp_path):
    model = tiny_vision.vision_model("llava")
    tasks = {
        "seen": image_classification(pictures(model)),
        "read": tiny_task(model, "read", ("w20", "w61", "w133"), 0),
    }
    rows = (
        TransferTask("seen", "image-classification", {"chat": False, "max_new_tokens": 3}),
        TransferTask("read", "tiny", {"max_new_tokens": 3}),
    )
    config = TransferConfig("tiny", rows, heads="1", scale=-20.0, controls=1, ranking=RankConfig(n_draws=3))
    result = transfer(model, config, tmp_path / "out", tasks=tasks)
    captures = {name: Capture.load(tmp_path / "out" / "tasks" / name / "capture") for name in tasks}
    assert [(c.config.positions, c.n_prompts) for c in captures.values()] == [("generated", 4), ("last", 4)]
    assert [(column.name, column.n_questions) for column in result.columns] == [("seen", 4), ("read", 10)]
    assert result.columns[0].base.value == 1
    assert result.columns[1].base.value > 0.5
    assert [column.counted for column in result.columns] == [
        "answers that name the right class first",
        "answers that contain an accepted one",
    ]
    assert [(cell.row, cell.column) for cell in result.cells] == [(a, b) for a in tasks for b in tasks]
