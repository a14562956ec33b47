"""The command that a result prints reaches the program as the settings of that result, whatever they are."""

import json
import shlex
from dataclasses import fields, is_dataclass, replace
from typing import Literal, get_args, get_origin, get_type_hints

import planted_words
import pytest
import yaml
from cases import BEGINNINGS, EDIT, WRITTEN
from typed import run

from headpursuit.analysis import RankConfig
from headpursuit.cli import running
from headpursuit.records import to_record
from headpursuit.registry import NAMES, experiment
from headpursuit.settings import config_of, typed, values_of, written
from headpursuit.studies import StudyConfig
from headpursuit.studies.kernel import command_line

TOGETHER = [
    {"heads", "scale", "ranker", "by", "among", "shortlists"},
    {"sweep", "ranking.score", "by", "among", "oracle"},
    {"sweep", "heads", "scale", "ranker", "doses", "also", "oracle"},
]
"""Of these settings, those of one group refuse those of the other beside them."""

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The quick ones where libyaml is there."""


def other_than(kind, value, name):
    """A value of a field's type that is not its default."""
    if name in WRITTEN:
        return typed(kind, WRITTEN[name], name)
    if get_origin(kind) is Literal:
        return next(word for word in get_args(kind) if word != value)
    kind = next((each for each in get_args(kind) if each is not type(None)), kind)
    if kind is bool:
        return not value
    if kind is int:
        return (value or 0) + 3
    if kind is float:
        return value - 1 if value < 0 else value + 0.05
    assert kind is str, f"{name} is {kind}: write a value for it"
    return f"another {name}"


def variations(config, fixed):
    """Each setting alone off its default, then all of them that can stand beside each other."""
    own = changes_of(config, fixed)
    ranking = {f"ranking.{name}": value for name, value in changes_of(getattr(config, "ranking", None), fixed).items()}
    own |= {name: value for name, value in ranking.items() if name != "ranking.seed"}
    for name in own:
        yield name, changed(config, {name: own[name]})
    for group in TOGETHER:
        yield "all", changed(config, {name: value for name, value in own.items() if name not in group})


def changes_of(config, fixed):
    if not is_dataclass(config):
        return {}
    hints = get_type_hints(type(config))
    plain = [f.name for f in fields(config) if f.name not in fixed and not is_dataclass(getattr(config, f.name))]
    return {name: other_than(hints[name], getattr(config, name), name) for name in plain}


def changed(config, changes):
    """The seed of a ranking is that of all else."""
    own = {name: value for name, value in changes.items() if "." not in name}
    if {"heads", "scale"} & set(own) and hasattr(config, "sweep"):
        own["sweep"] = False  # which chooses them
    if {"by", "among"} & set(own) and hasattr(config, "by"):
        own |= {"by": "effect", "sweep": False}  # without which it would do nothing
    if {"system", "template_args", "date"} & set(own) and hasattr(config, "chat"):
        own["chat"] = True  # without which they would do nothing
    inside = {name.removeprefix("ranking."): value for name, value in changes.items() if "." in name}
    if isinstance(getattr(config, "ranking", None), RankConfig):
        inside |= {"seed": own["seed"]} if "seed" in own else {}
        own["ranking"] = replace(config.ranking, **inside)
    return replace(config, **own)


CASES = [
    pytest.param(name, config, id=f"{name}-{i}-{what}")
    for name, beginnings in BEGINNINGS.items()
    for i, (usual, fixed) in enumerate(beginnings)
    for what, config in [("nothing", usual), *variations(usual, fixed)]
]


def test_every_experiment_is_tried():
    assert set(BEGINNINGS) == set(NAMES.values())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where the commands are typed: beside what they read."""
    place = tmp_path_factory.mktemp("a place")
    planted_words.captured_of(planted_words.planted_model()).save(place / "cap")
    (place / "the results").mkdir()
    (place / "the results" / "edit.json").write_text(json.dumps(EDIT))
    return place


@pytest.mark.parametrize(("name", "config"), CASES)
def test_the_command_is_accepted_and_asks_for_the_same(name, config, place, monkeypatch):
    asked = []
    monkeypatch.setattr(running, "run_experiment", lambda *given, **_: asked.append(given))
    monkeypatch.chdir(place)
    (place / "the results" / "config.json").write_text(json.dumps(to_record(config)))
    words = shlex.split(experiment(name).command(config, place / "the results"))
    typed = run(*words[1:])
    assert typed.exit_code == 0, typed.output
    found, again, output = asked[0]
    assert (found.name, again) == (experiment(name).name, config)
    assert output.name in ("the results", "the results-again")


@pytest.mark.parametrize(("name", "config"), CASES)
def test_a_file_and_python_ask_for_the_same(name, config, tmp_path):
    """Settings as a YAML file has them, as lists or as text with commas, and as Python has them."""
    apart = {"tasks"} if name == "transfer" else {"task"} if hasattr(config, "sweep") else set()
    values = {each: value for each, value in values_of(config).items() if each not in apart}
    fixed = {each: getattr(config, each) for each in apart}
    plain = {each: list(value) if isinstance(value, tuple) else value for each, value in values.items()}
    as_text = {each: written(value) if isinstance(value, tuple) else value for each, value in values.items()}
    for content in (plain, as_text):
        text = yaml.dump({each.replace("_", "-"): value for each, value in content.items()}, Dumper=DUMPER)
        read = yaml.load(text, LOADER)
        assert config_of(type(config), fixed | read) == config
    assert config_of(type(config), fixed | values) == config
    if "task" in apart:
        file = tmp_path / "mine.yaml"
        file.write_text(yaml.dump({"task": config.task, "settings": plain}, Dumper=DUMPER))
        assert StudyConfig(str(file)) == config


def test_the_seed_is_said_also_where_it_is_the_default(tmp_path):
    words = shlex.split(command_line("study", StudyConfig("months", "some/model"), tmp_path / "months"))
    assert words[words.index("--seed") + 1] == "0"
    assert words[-2:] == ["-o", "months"]


def test_a_command_that_reads_its_folder_writes_beside_it(tmp_path):
    line = command_line("study", StudyConfig("months", "some/model"), tmp_path / "months", again=True)
    assert shlex.split(line)[-2:] == ["-o", "months-again"]
