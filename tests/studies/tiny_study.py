"""A tiny task on a tiny random model whose own answers are the accepted ones, and studies of it."""

import json
from contextlib import contextmanager
from dataclasses import asdict, replace

import pytest
import tiny

from headpursuit.analysis import RankConfig
from headpursuit.models import answer
from headpursuit.studies import StudyConfig
from headpursuit.studies.steps import arms as running
from headpursuit.studies.tasks import Question

N_NEW = 4
ARMS = ["base", "edit", "matched-1", "matched-2", "random-1", "random-2", "other-shapes"]
NEUTRAL = ("w11 w12 w13 w14", "w90 w91 w92")


def prompt(number):
    return tiny.text_of([5 + number, 40 + 7 * number, 100 + 3 * number])


def declare_task(folder):
    """A task's files, with questions that the unedited model answers rightly: its own answers are the accepted ones."""
    (folder / "colours.txt").write_text("w20\nw61\nw133\n")
    (folder / "shapes.txt").write_text("w21\nw62\nw134\n")
    prompts = [prompt(i) for i in range(18)]
    given = answer(tiny.word_model(), prompts, max_new_tokens=N_NEW)
    questions = [
        Question(
            text,
            (" ".join(right.split()[:2]),),
            "unrelated" if i >= 12 else "target",
            "subject",
            f"fact {i // 2}",
            "ranking" if i < 4 else "heldout",
        )
        for i, (text, right) in enumerate(zip(prompts, given, strict=True))
    ]
    (folder / "questions.jsonl").write_text("".join(json.dumps(asdict(question)) + "\n" for question in questions))
    (folder / "tiny-qa.yaml").write_text("name: tiny-qa\nconcept: colours.txt\nquestions: questions.jsonl\n")


def tiny_config(folder, **changes):
    usual = StudyConfig(
        str(folder / "tiny-qa.yaml"),
        "tiny",
        heads="2",
        scale=-20.0,
        controls=2,
        other_concept=str(folder / "shapes.txt"),
        ranking=RankConfig(n_draws=4),
        max_new_tokens=N_NEW,
        batch_size=16,
        baselines=False,
        bootstraps=0,
    )
    return replace(usual, **changes)


@contextmanager
def breaking_in(arm, error=KeyboardInterrupt):
    """Run arms until one is reached, and note which were begun."""
    begun, run = [], running.ArmRunner.run

    def run_or_break(self, name, kind, edit):
        begun.append(name)
        if name == arm:
            raise error
        return run(self, name, kind, edit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.ArmRunner, "run", run_or_break)
        yield begun
