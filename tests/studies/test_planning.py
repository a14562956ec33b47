"""What a plan counts is what a study runs."""

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import causal_task
import pytest
import tiny

from headpursuit.analysis import RankConfig
from headpursuit.concepts import Concept
from headpursuit.models import alike_refusal, answer, replay_refusal
from headpursuit.studies import StudyConfig, meter, study
from headpursuit.studies.causal.growing import most_tried
from headpursuit.studies.planning import plan_study
from headpursuit.studies.steps import arms, ranked
from headpursuit.studies.tasks import Question, Rung, Task

N_NEW = 4


@pytest.fixture(scope="module")
def model():
    return tiny.word_model()


@pytest.fixture(scope="module")
def task(model):
    prompts = [tiny.text_of([5 + i, 40 + 7 * i, 100 + 3 * i]) for i in range(24)]
    given = answer(model, prompts, max_new_tokens=N_NEW)
    questions = [
        Question(
            text,
            (said.split()[0],),
            "unrelated" if i >= 18 else "target",
            "subject",
            f"fact {i}",
            "ranking" if i < 8 else "heldout",
        )
        for i, (text, said) in enumerate(zip(prompts, given, strict=True))
    ]
    return Task("tiny", Concept("colours", ("w20", "w61")), tuple(questions), ("w11 w12 w13 w14", "w90 w91 w92"))


@pytest.fixture
def config(tmp_path):
    (tmp_path / "shapes.txt").write_text("w21\nw62\n")
    return StudyConfig(
        "tiny",
        "tiny",
        sweep=True,
        doses="1",  # of two heads in a layer of four there is but one other draw
        scales="0.9,0.8,0.7",
        sweep_questions=3,
        controls=2,
        other_concept=str(tmp_path / "shapes.txt"),
        ranking=RankConfig(n_draws=3),
        max_new_tokens=N_NEW,
        batch_size=5,
    )


@contextmanager
def counting(model):
    """Runs and forward passes of each part of a study: capture, questions answered, neutral text read."""
    runs, forwards, part = Counter(), Counter(), ["other"]

    def during(name, function):
        def counted(*args, **kwargs):
            runs[name] += 1
            outer, part[0] = part[0], name
            try:
                return function(*args, **kwargs)
            finally:
                part[0] = outer

        return counted

    layer = model.network.model.layers[0]  # capturing leaves out the head of the network
    hook = layer.register_forward_hook(lambda *_: forwards.update([part[0]]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranked, "capture", during("capture", ranked.capture))
        patch.setattr(arms, "answers_under", during("answers", arms.answers_under))
        patch.setattr(arms.ArmRunner, "_neutral", during("base", arms.ArmRunner._neutral))
        patch.setattr(arms.ArmRunner, "run", during("arms", arms.ArmRunner.run))
        try:
            yield runs, forwards
        finally:
            hook.remove()


@pytest.mark.parametrize("positions", ["last", "generated"])
@pytest.mark.parametrize("sweep", [True, False])
def test_a_plan_counts_what_a_study_runs(model, task, config, tmp_path, positions, sweep):
    changes = {} if sweep else {"sweep": False, "heads": "1", "scale": 0.8}
    config = StudyConfig(**{**vars(config), "positions": positions, **changes})
    plan = plan_study(model, task, config)
    parts = {part.name: part for part in plan.parts}
    _ = alike_refusal(model), replay_refusal(model)  # which are tried once
    with counting(model) as (runs, forwards):
        study(model, config, tmp_path / "study", task=task)
    of_runs = [parts[name] for name in ("dose sheet", "arms") if name in parts]
    assert parts["capture"].forwards == forwards["capture"]
    assert sum(part.runs for part in of_runs) == runs["arms"] == (7 if sweep else 0) + 7
    assert runs["answers"] == (7 if sweep else 0) + 2  # doses of one size after the other; the base, and all other arms
    # Both neutral texts are one batch; two arms may have the same edit, and then answer and read once.
    assert runs["arms"] - 1 <= forwards["arms"] <= runs["arms"]
    more = sum(part.forwards for part in of_runs) - forwards["answers"] - forwards["arms"]
    assert 0 <= more <= 2 * N_NEW + 1


def test_a_plan_adds_its_parts_up_and_measures_time(model, task, config):
    plan = plan_study(model, task, config)
    assert [part.name for part in plan.parts] == ["capture", "rank and name heads", "dose sheet", "arms"]
    assert plan.whole.forwards == sum(part.forwards for part in plan.parts)
    assert plan.whole.tokens == sum(part.tokens for part in plan.parts)
    assert all(part.tokens > 0 for part in plan.parts if part.forwards)
    assert all(part.minutes > 0 for part in plan.parts)
    assert plan.remarks == (
        f"Timed on 10 of 13 held-out questions, on cpu in {model.dtype}.",
        "The dose sheet ends early where the model falls apart; small layers have fewer draws.",
    )


def test_tokens_are_those_of_prompts_and_answers(model, task, config):
    parts = {part.name: part for part in plan_study(model, task, config).parts}
    assert parts["capture"].tokens == 4 * 3  # four ranking prompts of three words
    each = 13 * (3 + N_NEW - 1) + 4 + 3  # held-out questions, and the neutral text
    assert parts["arms"].tokens == 7 * each


@pytest.fixture
def by_effect(config):
    return replace(config, sweep=False, by="effect", doses=(), also=(), scales=(-1.0, 0.0), damage=0.5)


def test_a_plan_counts_screen_growth_and_finalists(by_effect, tmp_path):
    model, task = causal_task.model_of(), causal_task.task_of()
    plan = plan_study(model, task, by_effect)
    parts = {part.name: part for part in plan.parts}
    assert list(parts) == ["capture", "rank and name heads", "screen", "grow", "finalists", "arms"]
    assert (parts["screen"].runs, parts["screen"].forwards) == (12, 12 * 2)  # eight questions are two batches
    assert parts["finalists"].runs == 6
    assert all(part.minutes > 0 and part.tokens > 0 for name, part in parts.items() if name != "rank and name heads")
    grown = study(model, by_effect, tmp_path / "study", task=task).grown
    n_effects, n_damages = most_tried(3, 2)
    assert 0 < grown.n_effects - 12 <= n_effects and 0 < grown.n_damages <= n_damages
    assert parts["grow"].runs == n_effects + n_damages
    assert len(grown.finalists) + 1 <= parts["finalists"].runs
    assert "Trying 12 heads takes under 10 minutes." in plan.remarks
    assert any(remark.startswith("Replays will keep 3 of 3 layers, ") for remark in plan.remarks)
    assert any(remark.startswith("`screen`, which ") and "takes 0." in remark for remark in plan.remarks)


def test_a_plan_advises_a_shortlist_where_all_heads_take_long(by_effect, monkeypatch):
    model, task = causal_task.model_of(), causal_task.task_of()
    monkeypatch.setattr(meter, "_LONG", 1e-9)
    (said,) = [remark for remark in plan_study(model, task, by_effect).remarks if remark.startswith("Trying")]
    assert said.startswith("Trying 12 heads takes") and "; `--among 1` tries the best 1 of the ranking, in" in said
    shortlisted = plan_study(model, task, replace(by_effect, among=5))
    assert next(part.runs for part in shortlisted.parts if part.name == "screen") == 5


def test_little_memory_is_planned_with(by_effect, monkeypatch):
    monkeypatch.setattr(meter, "replay_memory", lambda _: 0)
    remarks = plan_study(causal_task.model_of(), causal_task.task_of(), by_effect).remarks
    assert any(remark.startswith("Replays will keep 0 of 3 layers, 0 GB at most, of 0") for remark in remarks)


def test_a_plan_without_a_sheet_has_none(model, task, config):
    plan = plan_study(model, task, StudyConfig(**{**vars(config), "sweep": False, "also": "1,3"}))
    assert [part.name for part in plan.parts] == ["capture", "rank and name heads", "arms"]
    assert plan.parts[-1].runs == 7 + 4
    assert len(plan.remarks) == 1


def test_a_plan_counts_the_ways_that_are_compared(model, task, config):
    plan = plan_study(model, task, StudyConfig(**{**vars(config), "sweep": False, "baselines": True}))
    (part,) = (part for part in plan.parts if part.name == "baselines")
    # The base, three wordings, five strengths and one ablation in each of three layers; and the best of each kind.
    assert part.runs == 1 + 3 + 3 * 5 + 3 + 3
    alone = replace(task, questions=tuple(q for q in task.questions if q.split == "heldout" or q.fact == "fact 0"))
    assert meter.Meter(model, config, lambda *_: None).baselines(alone).runs == 0


def test_a_plan_counts_the_rungs_under_every_arm_that_is_asked(model, task, config):
    laddered = replace(task, rungs=(Rung("others", task.heldout[:3]),))
    plan = plan_study(
        model, laddered, StudyConfig(**{**vars(config), "sweep": False, "baselines": True, "rungs": True})
    )
    assert plan.parts[-1].name == "ladder"
    # Base, edit and three draws side by side; an instruction, a direction, and one taken out.
    assert plan.parts[-1].runs == 5 + 3


def test_growth_stands_before_the_arms_and_what_is_compared_behind_them(by_effect):
    plan = plan_study(causal_task.model_of(), causal_task.task_of(), replace(by_effect, baselines=True))
    assert [part.name for part in plan.parts][2:] == ["screen", "grow", "finalists", "arms", "baselines"]
