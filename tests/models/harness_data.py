"""Tasks for lm-evaluation-harness, local as their data: a choice, a generation, a reading, and a group."""

from pathlib import Path

FOLDER = Path(__file__).parent / "lm_eval_tasks"
N_ITEMS = 24


def task_folder(place):
    """The tasks' folder, with the data's path in every task: lm-eval looks for data where it was started."""
    place.mkdir(parents=True)
    for file in FOLDER.glob("*.yaml"):
        (place / file.name).write_text(file.read_text().replace("ITEMS", str(FOLDER / "items.jsonl")))
    return place
