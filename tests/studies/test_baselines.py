"""Prompts and directions beside an edit: chosen on other questions, run on the held-out ones, and compared."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from tiny_study import ARMS, N_NEW, NEUTRAL, tiny_config

from headpursuit.concepts import Concept
from headpursuit.images import ImagePrompt
from headpursuit.models import answer, difference_of_means, steer
from headpursuit.studies import StudyResult, study
from headpursuit.studies.figures.statistics import bootstrap
from headpursuit.studies.judging import compare
from headpursuit.studies.measures import answer_measure
from headpursuit.studies.results import Baseline, Estimate, Word
from headpursuit.studies.steps import baselines
from headpursuit.studies.steps.baselines import candidates, choosing_task
from headpursuit.studies.tasks import load_task
from headpursuit.studies.tasks.task import Question, Task
from headpursuit.studies.text.instructions import instructed, instructions

OTHERS = ["prompt", "direction", "ablated-direction"]


def others(_):
    """Unrelated questions in words of the tiny tokenizer."""
    prompts = (tiny.text_of([9 + i, 50 + i]) for i in range(8))
    return tuple(
        Question(text, ("w7",), "unrelated", "others", f"other {i}", "ranking" if i < 4 else "selection")
        for i, text in enumerate(prompts)
    )


@pytest.fixture(scope="module")
def compared(model, words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "further_unrelated", others)
        patch.setattr(baselines, "STRENGTHS", (2.0,))
        patch.setattr(baselines, "DEPTHS", 1)
        return study(model, tiny_config(words, baselines=True, controls=2), folder), folder


def test_arms_that_are_no_edits_stand_behind_the_others(compared):
    result, folder = compared
    assert [arm.name for arm in result.arms] == [*ARMS, *OTHERS]
    for arm in result.arms[-3:]:
        assert arm.heads == ()
        assert arm.baseline is not None
        assert (folder / "arms" / f"{arm.name}.json").exists()
    assert all(arm.baseline is None for arm in result.arms[:-3])
    assert StudyResult.load(folder) == result


def test_answers_are_those_of_the_model_instructed_or_steered(compared, model, task):
    result, _ = compared
    prompts = [q.prompt for q in task.heldout]
    by_name = {arm.name: arm.baseline for arm in result.arms[-3:]}
    given = {name: [e.answers[name] for e in result.examples] for name in by_name}
    before = [f"{by_name['prompt'].instruction}\n\n{text}" for text in prompts]
    assert given["prompt"] == answer(model, before, max_new_tokens=N_NEW)
    chosen = choosing_task(task, task.words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "further_unrelated", others)
        split = choosing_task(task, task.words).split_for(sweep=True, grow=True)
    assert not {q.prompt for q in chosen.questions} & set(prompts)
    unlike = [q.prompt for q in split.questions if (q.split, q.group) == ("ranking", "unrelated")]
    directions = difference_of_means(model, split.ranking_prompts, unlike)
    for name, ablate in (("direction", False), ("ablated-direction", True)):
        found = by_name[name]
        layer = None if ablate else found.layer
        with steer(model, directions[found.layer], layer=layer, strength=found.strength, ablate=ablate):
            assert given[name] == answer(model, prompts, max_new_tokens=N_NEW)
    assert len({tuple(answers) for answers in given.values()}) == 3


def test_what_is_compared_is_paired_and_said(compared):
    result, _ = compared
    assert [one.name for one in result.verdict.compared] == OTHERS
    for one in result.verdict.compared:
        rows = [e for e in result.examples if e.group == "target"]
        moved = [e.scores[one.name] - e.scores["edit"] for e in rows]
        assert one.difference.value == pytest.approx(np.mean(moved))
    (sentence,) = (reason for reason in result.verdict.reasons if reason.startswith("Beside other ways"))
    for one, what in zip(result.verdict.compared, ("a prompt", "a direction", "an ablated direction"), strict=True):
        assert f"{one.word} {what}" in sentence
