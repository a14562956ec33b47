import inspect
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module

import pytest
import tiny
from tiny_study import N_NEW

from headpursuit.analysis import RankConfig
from headpursuit.heads import Edit, Head, parse_scope
from headpursuit.models.scaling import Applied
from headpursuit.studies import StudyConfig, study, usual_config
from headpursuit.studies.settings import command
from headpursuit.studies.steps import arms as running


@pytest.mark.parametrize(("scope", "length"), [("500", N_NEW), ("-500", N_NEW), ("generated", 1)])
def test_a_scope_without_tokens_is_said(model, task, config, scope, length):
    config = replace(config, scope=scope, max_new_tokens=length)
    runner = running.ArmRunner(model, task, config, lambda *_: None)
    with pytest.raises(ValueError, match=f"no question or answer has a token in scope '{scope}'; choose another"):
        runner.run("edit", "edit", Edit({Head(0, 0): -1}, parse_scope(scope)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"heads": "13"}, "13 heads were asked for, but there are 12"),
        (
            {"task": "nonsense"},
            "there is no task 'nonsense'; there is animals, attributes.* weekdays, or a file of yours",
        ),
        (
            {"other_concept": "weekdays"},
            "concept 'weekdays' has no token in this vocabulary: .*, or another concept to compare .*: `other_concept`",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_refused_before_anything_is_written(model, config, tmp_path, changes, reason):
    assert model.anatomy.n_heads == 12  # found once, and not what is watched
    with tiny.watched(model.network, "llama") as seen:
        with pytest.raises(ValueError, match=reason):
            study(model, replace(config, **changes), tmp_path / "study")
        assert not any(seen.values())
    assert list(tmp_path.iterdir()) == []


def test_a_missing_concept_is_refused_before_anything_is_written(model, config, tmp_path):
    with pytest.raises(FileNotFoundError, match="'nonsense' is neither a built-in concept nor a file"):
        study(model, replace(config, other_concept="nonsense"), tmp_path / "study")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seed": -5}, "`seed` is -5; it must be at least 0"),
        ({"controls": 0}, "`controls` is 0; it must be at least 1"),
        ({"max_new_tokens": 0}, "`max_new_tokens` is 0; it must be at least 1"),
        ({"batch_size": -1}, "`batch_size` is -1; it must be at least 1"),
        ({"scale": 1.0}, "the scale is 1; give a finite number other than 1"),
        ({"scale": float("nan")}, "the scale is nan; give a finite number other than 1"),
        ({"heads": "0"}, "'0' is no number of heads"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        StudyConfig("countries-qa", "m", **changes)


@pytest.mark.parametrize("given", [None, 3, ["months"]])
def test_a_study_is_of_a_task(model, given):
    with pytest.raises(TypeError, match=f"a study needs a task's name .*but a {type(given).__name__} was given"):
        inspect.unwrap(study)(model, given)


def test_a_task_may_be_a_path(model, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no task file .*none.yaml"):
        study(model, tmp_path / "none.yaml")


@pytest.mark.parametrize("task", ["image-classification", "captioning"])
def test_a_config_has_what_its_task_does_as_a_rule(task):
    for config in (StudyConfig(task, "m"), usual_config(task, "m"), StudyConfig(task, "m", chat=True)):
        assert (config.chat, config.positions, config.sweep) == (True, "generated", True)
        assert config.max_new_tokens == (32 if task == "captioning" else 12)
    assert StudyConfig(task, "m", chat=False).chat is False
    assert (
        replace(StudyConfig(task, "m"), positions="last", chat=False).max_new_tokens
        == StudyConfig(task, "m").max_new_tokens
    )


def test_the_command_names_what_is_not_the_default(tmp_path):
    config = StudyConfig(
        "countries-qa", "some/model", heads="3", ranking=RankConfig(rule="l1", centre=False), chat=True, seed=4
    )
    assert command(config, tmp_path / "my study") == (
        "headpursuit study countries-qa some/model --chat --heads 3 --rule l1 --no-centre --seed 4 -o 'my study'"
    )


def test_a_concept_is_no_control_for_itself(model, config, tmp_path, words):
    with pytest.raises(ValueError, match="the other concept is colours itself"):
        study(model, replace(config, other_concept=str(words / "colours.txt")), tmp_path / "study")


def test_prompts_that_do_not_fit_are_found_before_anything_is_written(model, config, tmp_path):
    with pytest.raises(ValueError, match="but the context holds"):
        study(model, replace(config, max_new_tokens=10_000), tmp_path / "study")
    assert list(tmp_path.iterdir()) == []


def test_an_edit_that_touches_nothing_is_not_taken_for_one(model, task, config, monkeypatch):
    @contextmanager
    def idle(_, edits, *__):
        yield tuple(Applied() for _ in edits)

    monkeypatch.setattr(import_module("headpursuit.models.answers_under"), "rescale_alike", idle)
    runner = running.ArmRunner(model, task, config, lambda *_: None)
    with pytest.raises(RuntimeError, match="the edit of arm edit touched no forward pass; its answers would be the"):
        runner.run("edit", "edit", Edit({Head(0, 0): -1}))
