"""Tiny tasks to transfer between, on a tiny random model whose own answers are the accepted ones."""

import tiny

from headpursuit.analysis import RankConfig
from headpursuit.concepts import Concept
from headpursuit.models import answer
from headpursuit.studies.experiments.transfer import TransferConfig, TransferTask
from headpursuit.studies.tasks import Question, Task

N_NEW = 3


def prompt(number):
    return tiny.text_of([5 + number, 40 + 3 * number, 100 + 2 * number])


def tiny_task(model, name, words, first):
    """Questions that the unedited model answers rightly if it says anything; other prompts for another `first`."""
    prompts = [prompt(first + i) for i in range(20)]
    given = answer(model, prompts, max_new_tokens=N_NEW)
    questions = [
        Question(
            text,
            ((said.split() or ["nothing"])[0],),
            "unrelated" if i >= 14 else "target",
            "subject",
            f"fact {i}",
            "ranking" if i < 4 else "heldout",
        )
        for i, (text, said) in enumerate(zip(prompts, given, strict=True))
    ]
    return Task(name, Concept(name, words), tuple(questions), ("w11 w12 w13 w14", "w90 w91 w92"))


def three_tasks(model):
    """Two that are the same, and a third."""
    same = ("w20", "w61", "w133")
    return {
        "one": tiny_task(model, "one", same, 0),
        "again": tiny_task(model, "again", same, 0),
        "other": tiny_task(model, "other", ("w21", "w62", "w134"), 30),
    }


def tiny_config(**changes):
    settings = {"heads": "2", "scale": -20.0, "controls": 2, "batch_size": 32}
    rows = [TransferTask(name, "tiny", {"max_new_tokens": N_NEW}) for name in ("one", "again", "other")]
    return TransferConfig(
        **{"model": "tiny", "tasks": tuple(rows), "ranking": RankConfig(n_draws=4), **settings} | changes
    )
