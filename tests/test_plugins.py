"""Rankers, metrics and scorers of other packages: registered in Python, and installed."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny
import tiny_study
from fences import fences

from headpursuit.analysis.rankers import RANKERS, Evidence, register_ranker
from headpursuit.plugins import Register
from headpursuit.studies.scorers import SCORERS, register_scorer, scorer, scorer_names
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.metrics import METRICS, register_metric
from headpursuit.studies.text.scoring import check_metric, score
from headpursuit.user_errors import Note

HERE = Path(__file__).parent
EXAMPLE = HERE / "extension"
GUIDE = HERE.parent / "docs" / "extending.md"


@dataclass(frozen=True)
class Thing:
    name: str


def installed(folder, package, group, **points):
    """What an installed package leaves behind, beside its code."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name.replace('_', '-')} = {place}" for name, place in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[headpursuit.{group}]", *lines, ""]))


@pytest.fixture
def clean():
    """Registers as they were before, whatever a test adds."""
    before = [(register, dict(register._known)) for register in (RANKERS, METRICS, SCORERS)]
    yield
    for register, known in before:
        register._known.clear()
        register._known.update(known)


def test_names_are_found_in_order_ours_first():
    register = Register("thing", Thing, [Thing("one"), Thing("two")])
    assert register.add(Thing("three")).name == "three"
    assert list(register) == ["one", "two", "three"]
    assert register.find("three") == Thing("three")


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        (Thing("one"), ValueError, "there is a thing 'one' already; give yours another name"),
        (Thing("a b"), ValueError, "a thing cannot be called 'a b'; give a name without spaces and commas"),
        (Thing(""), ValueError, "a thing cannot be called ''"),
        (Thing(3), ValueError, "a thing cannot be called 3"),
        ("three", TypeError, "a thing is a Thing, but a str was given"),
    ],
)
def test_what_cannot_be_registered_is_refused(given, error, reason):
    first = Thing("one")
    register = Register("thing", Thing, [first])
    register.add(first)  # itself again is no other thing
    with pytest.raises(error, match=reason):
        register.add(given)
    assert list(register) == ["one"]


def test_an_unknown_name_is_told_what_was_meant():
    register = Register("thing", Thing, [Thing("one"), Thing("three")])
    with pytest.raises(ValueError, match="there is no thing 'thre'; did you mean three?"):
        register.find("thre")
    with pytest.raises(ValueError, match="there is no thing 'x'; there is one, three"):
        register.find("x")


def test_packages_are_looked_for_once_and_broken_ones_are_passed_over_by_name(tmp_path, monkeypatch):
    (tmp_path / "thing_good.py").write_text(
        "from test_plugins import Thing\nmade = Thing('good')\none = Thing('one')\n"
    )
    (tmp_path / "thing_bad.py").write_text("raise RuntimeError('no\\nluck')\n")
    installed(tmp_path, "a_bad_package", "things", broken="thing_bad:made", missing="thing_absent:made")
    installed(tmp_path, "b_package", "things", good="thing_good:made", one="thing_good:one", odd="thing_good:Thing")
    monkeypatch.syspath_prepend(tmp_path)
    register = Register("thing", Thing, [Thing("one")])
    assert "one" in register
    assert "thing_good" not in sys.modules  # nobody asked for more
    with pytest.warns(Note) as notes:
        assert list(register) == ["one", "good"]
    assert sorted(str(note.message) for note in notes) == [
        "the thing 'broken' of the package a_bad_package cannot be used: no luck",
        "the thing 'missing' of the package a_bad_package cannot be used: No module named 'thing_absent'",
        "the thing 'odd' of the package b_package cannot be used: a thing is a Thing, but a type was given",
        "the thing 'one' of the package b_package cannot be used: there is a thing 'one' already; give yours another "
        "name",
    ]
    assert list(register) == ["one", "good"]


def evidence():
    model = tiny.word_model()
    from headpursuit.analysis import CaptureConfig, RankConfig, capture
    from headpursuit.concepts import Concept

    prompts = tuple(tiny.text_of([5 + i, 40]) for i in range(4))
    captured = capture(model, prompts, CaptureConfig(samples=10))
    empty = ((),) * len(prompts)
    return Evidence(model, prompts, captured, Concept("c", ("w20",)), empty, prompts, RankConfig())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda scores: dict(list(scores.items())[1:]), "must give each of the 12 heads a score"),
        (lambda scores: scores | {"L9H9": 1.0}, "it gave 13, and L9H9 is on one side only"),
        (lambda scores: {head: float("nan") for head in scores}, "some of its scores are infinite or undefined"),
    ],
)
def test_a_ranker_scores_every_head_and_nothing_else(clean, change, reason):
    given = evidence()
    heads = given.model.anatomy.heads
    ranker = register_ranker("odd", "what is odd")(lambda _: change(dict.fromkeys(heads, 1.0)))
    assert RANKERS.find("odd") is ranker
    with pytest.raises(ValueError, match=reason):
        ranker.order(given)


def test_a_metric_is_given_all_that_ours_are_given(clean):
    seen = []

    @register_metric("longest", "letters of the output", fraction=False)
    def longest(output, question, task, concept):
        seen.append((question.text, task.name, concept.name))
        return len(output)

    question = Question("What?", (), "target", "s", "f", "heldout")
    task = Task("mine", "colours", (question,), ("x",), metric="longest")
    check_metric(task)
    assert score(task, task.words, [question, question], ["four", "sixsix"]) == [4, 6]
    assert seen == [("What?", "mine", "colours")] * 2
    assert longest.short == "longest"


@pytest.mark.parametrize(
    ("value", "fraction", "reason"),
    [(1.5, True, "the score 1.5; it must be a number from 0 to 1"), (float("inf"), False, "must be a finite number")],
)
def test_a_metric_that_gives_no_score_is_named(clean, value, fraction, reason):
    register_metric("odd", "what is odd", fraction=fraction)(lambda *_: value)
    question = Question("What?", (), "target", "s", "f", "heldout")
    task = Task("mine", "colours", (question,), ("x",), metric="odd")
    with pytest.raises(ValueError, match=f"the metric odd gave 'four' .*{reason}"):
        score(task, task.words, [question], ["four"])


@pytest.mark.parametrize("given", ["a", None, [1, 2]])
def test_a_score_that_is_no_number_is_shown(clean, given):
    register_metric("odd", "what is odd")(lambda *_: given)
    register_scorer("odd", version="1", meaning="nothing")(lambda texts: [given for _ in texts])
    question = Question("What?", (), "target", "s", "f", "heldout")
    task = Task("mine", "colours", (question,), ("x",), metric="odd")
    shown = re.escape(repr(given))
    with pytest.raises(ValueError, match=f"the metric odd gave 'four' the score {shown}; it must be a number"):
        score(task, task.words, [question], ["four"])
    with pytest.raises(ValueError, match=f"odd gave 'four' the score {shown}; scores are 0 to 1"):
        scorer("odd").score(["four"])


def test_code_of_others_that_fails_is_named(clean):
    def fails(*_):
        raise KeyError("luck")

    register_metric("odd", "what is odd")(fails)
    register_scorer("odd", version="1", meaning="nothing")(fails)
    question = Question("What?", (), "target", "s", "f", "heldout")
    task = Task("mine", "colours", (question,), ("x",), metric="odd")
    with pytest.raises(ValueError, match="^the metric odd failed: KeyError: 'luck'$"):
        score(task, task.words, [question], ["four"])
    with pytest.raises(ValueError, match="^the scorer odd failed: KeyError: 'luck'$"):
        scorer("odd").score(["four"])
    with pytest.raises(ValueError, match="^the ranker odd failed: KeyError: 'luck'$"):
        register_ranker("odd", "what is odd")(fails).scores(evidence())


@pytest.mark.parametrize(
    ("what", "decorator"),
    [
        ("ranker", register_ranker("odd", "what is odd")),
        ("metric", register_metric("odd", "what is odd")),
        ("scorer", register_scorer("odd", version="1", meaning="nothing")),
    ],
)
def test_what_is_no_function_is_not_registered(clean, what, decorator):
    with pytest.raises(TypeError, match=f"a {what} is made of a function, but a int was given"):
        decorator(3)
    assert "odd" not in {**RANKERS, **METRICS, **SCORERS}


def test_a_scorer_of_a_measure_of_its_own(clean):
    register_scorer("loud", "shouting", version="3", meaning="how loud")(lambda texts: [0.5 for _ in texts])
    register_metric("shouting", "how much outputs shout")
    found = scorer("loud", "shouting")
    assert (found.name, found.measure, found.version, found.score(["ho", ""])) == ("loud", "shouting", "3", [0.5, 0])
    assert scorer_names("shouting") == ("loud",)
    with pytest.raises(ValueError, match="there is no scorer 'words' of shouting; there is loud"):
        scorer("words", "shouting")


SCRIPT = """
import json, sys
from typer.testing import CliRunner
from headpursuit.cli.app import app

for arguments in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, arguments)
    print(json.dumps([result.exit_code, result.stdout, result.stderr]))
"""


@pytest.mark.engines
def test_the_example_of_the_guide_works_as_an_installed_package(tmp_path):
    target, folder, model = tmp_path / "installed", tmp_path / "task", tmp_path / "tiny"
    build = tmp_path / "example"
    build.mkdir()
    shown = {fence.title or "headpursuit_example.py": fence.text for fence in fences(GUIDE)[:2]}
    for name, text in shown.items():
        assert text.strip() == (EXAMPLE / name).read_text().strip()
        (build / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(build)], check=True)
    installed(target, "bad_package", "rankers", wrong="not_there:at_all")
    folder.mkdir()
    tiny_study.declare_task(folder)
    declared = folder / "tiny-qa.yaml"
    declared.write_text(
        f"{declared.read_text()}metric: begins-right\nneutral: [w11 w12 w13 w14]\n"
        "settings: {max_new_tokens: 4, baselines: false}\n"
    )
    rude = folder / "rude.yaml"
    rude.write_text(f"{declared.read_text()}scorer: capitals\n".replace("begins-right", "toxicity"))
    made = tiny.word_model()
    made.network.save_pretrained(model)
    made.tokenizer.save_pretrained(model)
    small = ("--device", "cpu", "--n-draws", "2")
    study = ("study", str(declared), str(model), *small, "--ranker", "write-size", "--heads", "2", "--controls", "1")
    other = ("--other-concept", str(folder / "shapes.txt"))
    compared = ("rankers", str(declared), str(model), *small, "--rankers", "write-size", "--heads", "1")
    commands = [
        [*study, *other, "-o", str(tmp_path / "study")],
        [*compared, "-o", str(tmp_path / "rankers")],
        ["study", str(rude), str(model), "--ranker", "nonsense", "-o", str(tmp_path / "none")],
    ]
    path = os.pathsep.join([str(target), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)],
        env={**os.environ, "PYTHONPATH": path, "HEADPURSUIT_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    studied, ranked, refused = map(json.loads, run.stdout.splitlines())
    assert studied[0] == 0, studied
    result = json.loads((tmp_path / "study" / "study.json").read_text())
    assert result["metric"] == "begins-right"
    assert "answers that begin with an accepted one" in studied[1]
    assert json.loads((tmp_path / "study" / "ranking.json").read_text())["ranker"] == "write-size"
    assert "mean length of what the head writes" in (tmp_path / "study" / "report.html").read_text()
    assert ranked[0] == 0, ranked
    assert "write-size" in ranked[1]
    assert refused[0] == 2
    assert "there is no ranker 'nonsense'; there is specificity" in refused[2]
    assert "write-size" in refused[2]
    assert studied[2].count("note: the ranker 'wrong' of the package bad_package cannot be used: No module") == 1
