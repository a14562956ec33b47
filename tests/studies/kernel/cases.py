"""A tiny run of every experiment: what the contract is tried on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import causal_task
import planted_words
import pytest
import test_rankers
import test_stability
import tiny
import tiny_captions
import tiny_study
import transfer_tasks

from headpursuit.analysis import RankConfig, SavedEdit, rank
from headpursuit.heads import Edit
from headpursuit.models import HarnessAnswers, HarnessFigure, HarnessTasks
from headpursuit.registry import experiment
from headpursuit.storage import versions
from headpursuit.studies import usual_config
from headpursuit.studies.experiments.agreement import AgreementConfig
from headpursuit.studies.experiments.lm_eval import HarnessConfig, evaluating
from headpursuit.studies.experiments.rankers import RankersConfig
from headpursuit.studies.experiments.screen import ScreenConfig
from headpursuit.studies.experiments.sensitivity import SensitivityConfig
from headpursuit.studies.experiments.stability import StabilityConfig
from headpursuit.studies.experiments.transfer import TransferConfig, TransferTask
from headpursuit.studies.tasks import load_task


@dataclass(frozen=True)
class Case:
    """One experiment with its settings, and what it is given instead of what its settings name."""

    name: str
    model: Any
    config: Any
    other: Any
    """Settings that are not the same."""
    given: dict[str, Any]

    def run(self, folder, *, config=None, resume=False, progress=lambda *_: None):
        return experiment(self.name).run(
            self.model, config or self.config, folder, **self.given, resume=resume, progress=progress
        )


def _answers(place):
    tiny_study.declare_task(place)
    config = tiny_study.tiny_config(place, sweep=True, heads="1%", scale=-1.0, doses="1,2", scales="-20", controls=1)
    task = load_task(str(place / "tiny-qa.yaml"))
    return Case("answers", tiny.word_model(), config, replace(config, seed=1), {"task": task})


def _captions(place):
    config = tiny_captions.config(place, doses="1", scales="-20", controls=1)
    given = {"task": tiny_captions.task()}
    return Case("captions", tiny_captions.model(), config, replace(config, seed=1), given)


def _sensitivity(place):
    model, ranking = planted_words.planted_model(), RankConfig(n_draws=3)
    captured = planted_words.captured_of(model)
    captured.save(place / "cap")
    config = SensitivityConfig(
        "planted",
        str(place / "cap"),
        "tiny",
        ranking=ranking,
        repeats=2,
        fractions=(20.0, 50.0),
        additions=(),
        suggestions=3,
    )
    given = {"capture": captured, "concept": planted_words.CONCEPT, "task": None}
    return Case("sensitivity", model, config, replace(config, repeats=3), given)


def _transfer(_):
    model, config = tiny.word_model(), transfer_tasks.tiny_config()
    return Case("transfer", model, config, replace(config, controls=1), {"tasks": transfer_tasks.three_tasks(model)})


def _rankers(_):
    model, config = tiny.word_model(), test_rankers.tiny_config(rankers=("logit-lens", "random"))
    given = {"tasks": [test_rankers.tiny_task(model)], "studies": [test_rankers.STUDY]}
    return Case("rankers", model, config, replace(config, draws=3), given)


def _lm_eval(_):
    edit = Edit({"L0H0": 0.7, "L2H1": 0.5})
    config = HarnessConfig("tiny", ("t",), edit.to_json(), controls=2)
    return Case(
        "lm_eval",
        tiny.word_model(),
        config,
        replace(config, seed=1),
        {"saved": SavedEdit(edit), "tasks": HarnessTasks((), (), None)},
    )


def _agreement(place):
    model = planted_words.planted_model()
    found = {
        name: rank(model, planted_words.captured_of(model), planted_words.CONCEPT, RankConfig(n_draws=3, score=score))
        for name, score in (("one", "specificity"), ("other", "explained"))
    }
    for name, ranking in found.items():
        ranking.save(place / f"{name}.json")
    config = AgreementConfig("one.json", "other.json", ("1", "25%"))
    return Case("agreement", None, config, replace(config, seed=1), found)


def _screen(place):
    tiny_study.declare_task(place)
    config = ScreenConfig(str(place / "tiny-qa.yaml"), "tiny", (-1.0,), among=5, ranking=RankConfig(n_draws=3))
    return Case("screen", tiny.word_model(), config, replace(config, questions=9), {"task": causal_task.task_of()})


def _stability(_):
    config = replace(test_stability.CONFIG, bootstraps=2, null_lists=1)
    given = {"task": test_stability.task_of(8)}
    return Case("stability", planted_words.planted_model(), config, replace(config, bootstraps=3), given)


CASES: dict[str, Callable[..., Case]] = {
    "answers": _answers,
    "captions": _captions,
    "sensitivity": _sensitivity,
    "transfer": _transfer,
    "rankers": _rankers,
    "lm_eval": _lm_eval,
    "agreement": _agreement,
    "screen": _screen,
    "stability": _stability,
}


def without_lm_eval(patch: pytest.MonkeyPatch) -> None:
    """What lm-evaluation-harness, which need not be installed, would say: figures that hang on how much is edited."""

    def ask(model, tasks, edit, **_):
        scores = tuple(float(i % 5 >= 2 * len(edit)) for i in range(20))
        figure = HarnessFigure("t", "acc", "none", sum(scores) / 20, 0.1, True, 20, tuple(range(20)), scores, asked="x")
        return HarnessAnswers((figure,), 3 * len(edit), ())

    patch.setattr(evaluating, "ask_harness", ask)
    patch.setattr(evaluating, "versions", lambda *more: versions() | dict.fromkeys(more, "0.4"))


EDIT = {"scales": {"L1H2": -1.0}, "scope": "all"}
TASKS = (TransferTask("one", "countries-qa", {"chat": True}), TransferTask("two", "months"))
STUDIES = {
    task: (usual_config(task, "a model", **given), {"task", "model", *given})
    for task, given in {
        "countries-qa": {},
        "image-classification": {"data": "digits"},
        "captioning": {"data": "scenes", "concept": "colours", "sweep": True, "heads": "1%", "scale": -1.0},
    }.items()
}
BEGINNINGS = {
    "answers": [STUDIES["countries-qa"], STUDIES["image-classification"]],
    "captions": [STUDIES["captioning"]],
    "sensitivity": [(SensitivityConfig("countries", "cap", "a model"), {"concept", "capture", "model"})],
    "transfer": [(TransferConfig("a model", TASKS), {"model", "tasks"})],
    "rankers": [
        # Score, rule and centring are each ranker's own.
        (RankersConfig(("countries-qa", "months"), "a model"), {"tasks", "model", "score", "rule", "centre"})
    ],
    "agreement": [(AgreementConfig("one.json", "a folder/other"), {"one", "other"})],
    "screen": [(ScreenConfig("countries-qa", "a model"), {"task", "model"})],
    "stability": [(StabilityConfig("countries-qa", "a model"), {"task", "model"})],
    "lm_eval": [(HarnessConfig("a model", ("arc_easy", "m.yaml"), EDIT), {"model", "tasks", "edit"})],
}
"""Of every experiment some settings, and the fields that cannot be anything else here."""

WRITTEN = {
    "heads": "3",
    "long": 103,
    "scope": "0,-1",
    "doses": ("1", "2%"),
    "scales": (0.0, -4.0),
    "enhance_scales": (1.5, 4.0),
    "also": ("3", "4"),
    "other_concept": "numbers",
    "concept": "shapes",
    "ranker": "alignment",
    "rankers": ("logit-lens", "random"),
    "shortlists": ("logit-lens",),
    "fractions": (20.0, 40.0),
    "additions": (30.0,),
    "tops": ("2", "10%"),
    "dtype": "bfloat16",
    "device": "cpu",
    "revision": "a branch",
    "data": "a folder/with spaces",
    "ask": "What's this?",
    "scorer": "vader",
    "top_p": 0.9,
    "reader": "another model",
    "synonyms": "some words.txt",
    "include_path": "tasks of mine",
    "template_args": '{"enable_thinking": false, "tone": "dry, short"}',
    "date": "2020-02-29",
}
"""Text that has a grammar of its own."""
