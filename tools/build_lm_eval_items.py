"""Writes the items of the example tasks for lm-evaluation-harness, from the questions and the text that are shipped.

    python tools/build_lm_eval_items.py

Of the held-out questions of `countries-qa`, 50 about countries and 50 about other things are drawn; each gets three
wrong answers, which are right ones to other questions of its subject. The neutral text gives one item a paragraph.
"""

import json
import random
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT / "src" / "headpursuit" / "studies" / "tasks"
PLACE = ROOT / "studies" / "lm-eval"
N_ITEMS, N_WRONG, SEED = 50, 3, 0


def choices_of(question: dict, others: list[dict], rng: random.Random) -> dict:
    """The question with its answer among wrong ones."""
    right = question["answers"][0]
    wrong = sorted({q["answers"][0] for q in others if q["subject"] == question["subject"]} - set(question["answers"]))
    choices = [right, *rng.sample(wrong, N_WRONG)]
    rng.shuffle(choices)
    return {"prompt": question["prompt"], "choices": choices, "label": choices.index(right)}


def write(name: str, rows: list[dict]) -> None:
    """One JSON object a line."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (PLACE / name).write_text(text, encoding="utf-8")


def main() -> None:
    """Write the three files."""
    lines = (DATA / "countries_qa.jsonl").read_text(encoding="utf-8").splitlines()
    heldout = [q for q in map(json.loads, lines) if q["split"] == "heldout"]
    rng = random.Random(SEED)
    for group, name in (("target", "countries.jsonl"), ("unrelated", "unrelated.jsonl")):
        asked = rng.sample([q for q in heldout if q["group"] == group], N_ITEMS)
        write(name, [choices_of(question, heldout, rng) for question in asked])
    paragraphs = (DATA / "neutral_text.txt").read_text(encoding="utf-8").split("\n\n")
    write("neutral.jsonl", [{"text": text.strip()} for text in paragraphs if text.strip()])


if __name__ == "__main__":
    main()
