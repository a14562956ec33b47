from collections import Counter

import pytest
import tiny

from headpursuit.analysis import CaptureConfig
from headpursuit.explore import default_capture, default_prompts, starting
from headpursuit.studies import load_task


def test_prompts_come_from_every_task_and_never_from_held_out_questions():
    model = tiny.language_model()
    prompts = default_prompts(model)
    assert prompts == default_prompts(model)
    of_task = {name: load_task(name) for name in starting.TASKS}
    counts = Counter(name for name, task in of_task.items() for prompt in prompts if prompt in task.ranking_prompts)
    assert set(counts) == set(starting.TASKS)
    heldout = {question.prompt for task in of_task.values() for question in task.heldout}
    assert not heldout & set(prompts)


def test_the_capture_is_made_once(tmp_path, monkeypatch):
    model = tiny.word_model()
    monkeypatch.setattr(starting, "default_prompts", lambda _: ["w5 w6", "w7 w8 w9", "w20 w4"])
    captured, prompts, place = default_capture(model, tmp_path)
    assert place.parent == tmp_path
    assert captured.config == CaptureConfig()
    assert len(prompts) == captured.n_prompts == 3
    monkeypatch.setattr(starting, "capture", None)
    assert default_capture(model, tmp_path)[2] == place
    monkeypatch.setattr(starting, "default_prompts", lambda _: ["w5 w6", "w7 w8 w9"])
    with pytest.raises(TypeError):  # it would capture anew
        default_capture(model, tmp_path)
