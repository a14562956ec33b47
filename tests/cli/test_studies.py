"""`study`, `sweep`, `plan` and `report` of a task in a file, on a tiny random model in a local folder."""

import json
from importlib import import_module

import pytest
import tiny
import yaml
from typed import assert_refused, run

from headpursuit.models import answer
from headpursuit.studies import StudyConfig, StudyResult
from headpursuit.studies.tasks import declared

N_NEW = 4


def prompt(number):
    return tiny.text_of([5 + number, 40 + 7 * number, 100 + 3 * number])


@pytest.fixture(autouse=True)
def short_neutral_text(monkeypatch):
    monkeypatch.setattr(declared, "neutral_texts", lambda: ("w11 w12 w13 w14", "w90 w91 w92"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny"
    made = tiny.word_model()
    made.network.save_pretrained(path)
    made.tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def rows():
    """Prompts with what the unedited model says, and what it never says."""
    prompts = [prompt(i) for i in range(22)]
    given = answer(tiny.word_model(), prompts, max_new_tokens=N_NEW)
    return [
        {"text": text, "says": said.split()[0], "never": "w299", "part": "ranking" if i < 8 else "heldout"}
        for i, (text, said) in enumerate(zip(prompts, given, strict=True))
    ]


@pytest.fixture
def declare(tmp_path, model, rows):
    """Write a task with its data and settings, and give its path; settings and keys of the target may be given."""

    def write(settings=None, name="my.yaml", **target):
        (tmp_path / "hues.txt").write_text("w20\nw61\nw133\n")
        (tmp_path / "forms.txt").write_text("w21\nw62\nw134\n")
        group = {"prompts": "{text}", "answers": "says", "split": "part"}
        content = {
            "concept": "hues.txt",
            "target": group | {"data": "rows.jsonl"} | target,
            "unrelated": group | {"rows": [row | {"part": "heldout"} for row in rows[16:]]},
            "settings": {
                "model": str(model),
                "other_concept": str(tmp_path / "forms.txt"),
                "max_new_tokens": N_NEW,
                "batch-size": 16,
                "controls": 1,
                "baselines": False,
                "n_draws": 3,
                "null": "any",
            }
            | (settings or {}),
        }
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:16]))
        (tmp_path / name).write_text(yaml.safe_dump(content))
        return tmp_path / name

    return write


DOSE = "--heads", 2, "--scale", -20


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def test_a_study_of_a_file_prints_its_verdict_and_writes_its_page(declare, tmp_path, model):
    out, file = tmp_path / "study", declare()
    result = run("study", file, "-o", out, *DOSE)
    assert result.exit_code == 0, result.output
    found = StudyResult.load(out)
    assert "held-out questions, heads at scale -20; target: answers that contain an accepted one" in result.stdout
    assert f"{found.verdict.outcome.upper()}: {found.verdict.sentence}" in result.stdout
    assert (found.concept, found.config.model, found.config.task) == ("hues", str(model), str(file))
    page = out / "report.html"
    content = page.read_bytes()
    page.unlink()
    assert run("report", out).exit_code == 0
    assert page.read_bytes() == content
    assert_refused(run("study", file, "-o", out, *DOSE, "--resume"), "is finished")


def test_what_is_typed_goes_over_what_the_file_says(declare, tmp_path):
    file = declare({"scale": 0, "heads": 3, "score": "explained"})
    out = tmp_path / "study"
    result = run("study", file, "-o", out, "--scale", -20, "--controls", 1, "--n-draws", 4)
    assert result.exit_code == 0, result.output
    config = config_of(out)
    assert (config["heads"], config["scale"], config["controls"], config["max_new_tokens"]) == ("3", -20, 1, N_NEW)
    assert (config["ranking"]["score"], config["ranking"]["n_draws"]) == ("explained", 4)
    assert [arm.name for arm in StudyResult.load(out).arms] == ["base", "edit", "matched-1", "random-1", "other-forms"]
    assert_refused(run("study", file, tmp_path / "gone", "-o", tmp_path / "other"), "there is no model at")
    wordless = run("study", file, *DOSE, "--other-concept", "weekdays", "-o", tmp_path / "other")
    assert_refused(wordless, "or another concept to compare with: --other-concept")


def test_study_options_reach_the_study(declare, tmp_path):
    options = ("--no-centre", "--gain", "--score", "explained", "--rule", "forward", "--n-atoms", 3, "--seed", 7)
    more = ("--multi-token", "first", "--positions", "all", "--dtype", "bfloat16", "--batch-size", 4)
    out = tmp_path / "study"
    result = run("study", declare(), "-o", out, *DOSE, "--scope", "-1,0", *options, *more)
    assert result.exit_code == 0, result.output
    config = config_of(out)
    assert config["scope"] == "-1,0"
    assert config["positions"] == "all"
    assert config["batch_size"] == 4
    assert config["seed"] == 7
    assert config["ranking"] == {
        "score": "explained",
        "rule": "forward",
        "n_atoms": 3,
        "centre": False,
        "gain": True,
        "n_draws": 3,
        "null": "any",
        "multi_token": "first",
        "seed": 7,
    }
    assert json.loads((out / "model.json").read_text())["dtype"] == "bfloat16"


def test_an_interrupted_study_is_resumed(declare, tmp_path, monkeypatch):
    out, file = tmp_path / "study", declare()

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("headpursuit.studies.steps.arms.answers_under", interrupt)
        assert run("study", file, "-o", out, *DOSE).exit_code == 130
    assert_refused(run("report", out), "is unfinished; continue it with --resume")
    assert_refused(run("study", file, "-o", out, *DOSE), "continue what is unfinished in it with --resume")
    assert run("study", file, "-o", out, *DOSE, "--resume").exit_code == 0


def test_a_base_that_leaves_nothing_to_change_is_one_line_and_what_was_measured_is_kept(declare, tmp_path):
    out, file = tmp_path / "study", declare(answers="never")
    said = "base answers 0 of 8: nothing to suppress; ask what the model knows"
    assert_refused(run("study", file, "-o", out, *DOSE), said)
    assert [part.name for part in (out / "arms").iterdir()] == ["base.json"]
    assert not (out / "study.json").exists()
    assert_refused(run("study", file, "-o", out, *DOSE, "--resume"), said)
    assert_refused(run("sweep", file, "-o", tmp_path / "sheet"), "base answers 0 of 4: nothing to suppress")


def test_a_sweep_is_a_study_that_finds_its_dose(declare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = declare({"doses": [1, 2]})
    result = run("sweep", file, "--scales", "0.8,0.9")
    assert result.exit_code == 0, result.output
    found = StudyResult.load(tmp_path / "my-tiny")  # task and model name the folder
    assert found.config.sweep
    assert [cell.dose for cell in found.sheet.cells] == [(1, 0.8), (1, 0.9), (2, 0.8), (2, 0.9)]
    assert (
        "dose sheet: target score / unrelated answers that are right, unedited 1.00 / 1.00; > chosen, * on the Pareto"
    ) in result.stdout
    assert found.sheet.sentence in result.stdout
    assert result.stdout.count("> 0.") + result.stdout.count("> 1.") == 1
    assert result.stdout.count("*") == 1 + len(found.sheet.front)
    assert "Not measured" not in result.stdout
    assert str(file) in found.command


def test_a_sweep_says_which_doses_it_did_not_measure(declare, tmp_path):
    result = run("sweep", declare(), "-o", tmp_path / "out", "--doses", "1,2,3", "--scales", "-20,0")
    assert result.exit_code == 0, result.output
    left = len(StudyResult.load(tmp_path / "out").sheet.not_run)
    assert left > 0
    assert f"Not measured, since the model had fallen apart at a milder dose: {left} doses." in result.stdout


def test_a_sweep_takes_no_dose(declare, tmp_path):
    refused = run("sweep", declare(), "-o", tmp_path / "out", "--heads", 2)
    assert_refused(
        refused, "a sweep chooses number and scale of the heads itself; leave out either it or --heads and --scale"
    )
    assert run("sweep", declare(), "--no-sweep").exit_code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [("plan",), ("study", "--plan")])
def test_a_plan_prints_what_a_study_will_cost_and_writes_nothing(declare, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    file = declare({"batch-size": 5})
    before = sorted(path.name for path in tmp_path.iterdir())
    result = run(*words, file, "--sweep", "--doses", "1,2", "--scales", "0,-1")
    assert result.exit_code == 0, result.output
    assert f"what `study` will cost here, at most: {file} on " in result.stdout
    rows = {line.split("  ")[0].strip(): line.split() for line in result.stdout.splitlines()}
    assert rows["dose sheet"][2] == "8"  # the base, four doses, three draws
    assert rows["arms"][1] == "5"
    assert "The dose sheet ends early where the model falls apart" in result.stdout
    assert "Timed on 10 of 11 held-out questions" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("settings", "typed", "reason"),
    [
        ({"contols": 3}, (), "there is no setting 'contols'; did you mean controls?"),
        ({"controls": "many"}, (), "settings, controls: expected int, found 'many'"),
        ({"scale": 3}, (), "scales of suppression are below 1, but --scale is 3"),
        ({}, ("--scale", 3), "scales of suppression are below 1, but --scale is 3"),
        ({}, ("--ask", "what?"), "--ask belongs to tasks that ask about images, and there are none here; leave it out"),
        (
            {},
            ("--effect", 0.4),
            "--effect belongs to a dose sheet; leave it out, or give --sweep in place of --heads and --scale",
        ),
        ({}, ("--damage", 1.5), "--damage is 1.5; give a fraction above 0, like 0.5"),
        ({"model": ""}, (), "no model is named: neither beside the task nor under settings in"),
    ],
)
def test_what_cannot_be_studied_is_said_in_one_line(declare, tmp_path, settings, typed, reason):
    file = declare(settings)
    for command in ("study", "plan"):
        place = ("-o", tmp_path / "out") if command == "study" else ()
        assert_refused(run(command, file, *place, *typed), reason)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_missing_or_no_task_is_one_line(tmp_path):
    assert_refused(run("study", tmp_path / "gone.yaml", "m"), "there is no task file")
    (tmp_path / "list.yaml").write_text("- a\n")
    assert_refused(run("sweep", tmp_path / "list.yaml", "m"), "list.yaml: expected keys with values, found list")
    (tmp_path / "both.yaml").write_text("task: countries-qa\nconcept: weekdays\n")
    assert_refused(run("plan", tmp_path / "both.yaml", "m"), "names a task and declares one too (concept); give either")


def test_the_demo_runs_once_and_is_shown_again(declare, model, tmp_path, monkeypatch):
    monkeypatch.setattr(import_module("headpursuit.models.load"), "embedded_folder", lambda: model)
    monkeypatch.setattr("headpursuit.models.embedded_is_cached", lambda: True)
    out = tmp_path / "demo"
    other = tmp_path / "forms.txt"
    made = StudyConfig(str(declare()), "smollm2-135m", heads="2", controls=2, other_concept=str(other))
    monkeypatch.setattr("headpursuit.studies.StudyConfig", lambda *_, **__: made)
    first = run("demo", "-o", out)
    assert first.exit_code == 0, first.output
    again = run("demo", "-o", out)
    assert "holds a finished demo" in again.stdout
    assert first.stdout.splitlines()[-1] == again.stdout.splitlines()[-1]
