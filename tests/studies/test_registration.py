"""Plans of studies, written before anything is measured, and followed or not."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from tiny_study import tiny_config
from typed import assert_refused, run

from headpursuit.storage import read_json
from headpursuit.studies import register_study, study
from headpursuit.studies.measures import answers
from headpursuit.studies.measures.thresholds import Thresholds
from headpursuit.studies.steps.registration import FILE


@pytest.fixture
def registered(words, tmp_path):
    config = tiny_config(words, controls=1)
    return config, tmp_path / "s", register_study(config, tmp_path / "s")


def said_of(result):
    (found,) = (remark for remark in result.remarks if remark.startswith("Registered before anything was measured"))
    return found


def test_a_plan_says_what_decides_and_nothing_that_was_measured(registered, task):
    _, folder, plan = registered
    assert {path.name for path in folder.iterdir()} == {"config.json", FILE}
    assert {name: one.n_questions for name, one in plan.splits.items()} == {
        "heldout target": 8,
        "heldout unrelated": 6,
        "ranking target": 4,
    }
    assert plan.splits["ranking target"].n_facts == 2
    assert plan.thresholds["suppress"]["perplexity_ratio"] == 2.0
    assert plan.settings["heads"] == "2"
    assert plan.sha256 == plan.digest == read_json(folder / FILE)["sha256"]
    assert len(task.questions) == 18


def test_a_study_that_follows_its_plan_says_so(registered, model):
    config, folder, plan = registered
    result = study(model, config, folder, resume=True)
    assert said_of(result).endswith(f"SHA-256 {plan.sha256}): followed.")


def test_other_thresholds_than_planned_are_told(registered, model, monkeypatch):
    config, folder, _ = registered
    milder = lambda **lines: replace(Thresholds(), **lines, perplexity_ratio=9.0)  # noqa: E731
    monkeypatch.setattr(answers, "Thresholds", milder)
    result = study(model, config, folder, resume=True)
    assert said_of(result).endswith("not followed: other thresholds.")


def test_other_questions_than_planned_are_told(registered, model, task):
    config, folder, _ = registered
    fewer = replace(task, questions=task.questions[:-1])
    result = study(model, config, folder, task=fewer, resume=True)
    assert said_of(result).endswith("not followed: other splits.")


def test_other_settings_than_planned_are_refused(registered, model):
    config, folder, _ = registered
    with pytest.raises(ValueError, match="was begun with other settings .scale was -20.0, is -10.0."):
        study(model, replace(config, scale=-10.0), folder, resume=True)


def test_a_plan_that_was_changed_afterwards_is_refused(registered, model):
    config, folder, _ = registered
    content = read_json(folder / FILE)
    content["thresholds"]["suppress"]["perplexity_ratio"] = 9.0
    (folder / FILE).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="does not match its hash: it was changed after it was written"):
        study(model, config, folder, resume=True)
    assert {path.name for path in folder.iterdir()} == {"config.json", FILE}  # before anything is measured


def test_what_is_no_plan_is_refused_before_anything_is_measured(registered, model):
    config, folder, _ = registered
    (folder / FILE).write_text("{")
    with pytest.raises(ValueError, match="registration.json"):
        study(model, config, folder, resume=True)
    assert {path.name for path in folder.iterdir()} == {"config.json", FILE}


def test_other_neutral_texts_than_planned_are_told(registered, model, task):
    config, folder, _ = registered
    result = study(model, config, folder, task=replace(task, neutral_texts=task.neutral_texts[:1]), resume=True)
    assert said_of(result).endswith("not followed: other neutral texts, words, classes, metric or direction.")


def test_a_plan_of_an_older_version_keeps_its_hash(registered, model):
    config, folder, plan = registered
    content = {name: value for name, value in read_json(folder / FILE).items() if name != "asked_sha256"}
    told = {name: value for name, value in content.items() if name != "sha256"}
    content["sha256"] = sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    (folder / FILE).write_text(json.dumps(content))
    assert content["sha256"] != plan.sha256
    assert said_of(study(model, config, folder, resume=True)).endswith(f"SHA-256 {content['sha256']}): followed.")


def test_a_study_without_a_plan_says_nothing(finished):
    assert not any("Registered" in remark for remark in finished[0].remarks)


def test_the_command_registers_and_measures_nothing(words, tmp_path):
    typed = ("study", words / "tiny-qa.yaml", "no-such-model", "-o", tmp_path / "s", "--register")
    found = run(*typed, "--heads", "2", "--other-concept", words / "shapes.txt")
    assert found.exit_code == 0, found.output
    assert read_json(tmp_path / "s" / FILE)["sha256"] in found.output
    assert_refused(run(*typed), "exists already")
    assert_refused(run(*typed, "--resume"), "--register begins a study and measures nothing")
