"""Tasks for lm-evaluation-harness, local as their data: a choice, a generation, a reading, and a group."""

from functools import partial
from pathlib import Path

import tiny

FOLDER = Path(__file__).parent / "lm_eval_tasks"
N_ITEMS = 24


def task_folder(place):
    """The tasks' folder, with the data's path in every task: lm-eval looks for data where it was started."""
    place.mkdir(parents=True)
    for file in FOLDER.glob("*.yaml"):
        (place / file.name).write_text(file.read_text().replace("ITEMS", str(FOLDER / "items.jsonl")))
    return place


def word_model():
    model = tiny.word_model("llama")
    model.tokenizer.eos_token = "<unk>"
    return model


def keep_short(patch, cache):
    """Leave out what takes seconds and plays no part: listing lm-eval's own tasks, and describing the machine."""
    import datasets
    import lm_eval.evaluator
    import lm_eval.tasks

    patch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    patch.setattr(lm_eval.tasks, "TaskManager", partial(lm_eval.tasks.TaskManager, include_defaults=False))
    patch.setattr(lm_eval.evaluator, "add_env_info", lambda results: None)
