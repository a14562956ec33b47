"""Two processes of `torchrun` that share experiments. The script runs once; one process runs the same."""

import importlib.util
import json
import os
import pickle
import subprocess
import sys

import causal_task
import pytest
import tiny
import tiny_study
import torch.distributed as dist

from headpursuit.models import load
from headpursuit.processes import ONE, Processes, interleaved

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(
        not (dist.is_available() and dist.is_gloo_available()),
        reason="this torch has no gloo to run two processes on a CPU",
    ),
]

SCRIPT = '''
"""Every experiment in small."""

import os
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import headpursuit as hp
from headpursuit.models import load
from headpursuit.processes import launched
from headpursuit.studies.experiments.screen.config import ScreenConfig
from headpursuit.studies.experiments.screen.experiment import screen
from headpursuit.studies.steps import arms
from headpursuit.studies.steps.arms import ArmRunner

RUN, ASK, ASKED = ArmRunner.run, arms.answers_under, []


def counting(model, prompts, *rest, **settings):
    ASKED.append(len(prompts))
    return ASK(model, prompts, *rest, **settings)


def stopping(self, name, *rest):
    if name == "random-1":
        raise InterruptedError
    return RUN(self, name, *rest)


def experiments(model, asked, out):
    arms.answers_under = counting
    config, task = pickle.loads(asked.read_bytes())
    usual = replace(config, heads="1%", scale=-1.0)
    hp.study(model, replace(usual, by="effect", scales=(-1.0, 0.0), damage=0.5), out / "effect", task=task)
    hp.study(model, replace(usual, sweep=True), out / "sweep", task=task)
    screen(model, ScreenConfig("tiny", "tiny", scales=(-1.0,), questions=8), out / "screen", task=task)
    ArmRunner.run = stopping
    try:
        hp.study(model, config, out / "resumed", task=task)
    except InterruptedError:
        pass
    ArmRunner.run = RUN
    hp.study(model, config, out / "resumed", task=task, resume=True)
    return sum(ASKED)


if __name__ == "__main__":
    saved, asked, out = map(Path, sys.argv[1:])
    processes, said = launched(), {}
    said["n_asked"] = experiments(load(str(saved), device="cpu"), asked, out)

    def say(number):
        if number == 1 and processes.rank == 1:
            raise ValueError("process 1 cannot")
        return number

    try:
        processes.dealt(range(3), say)
    except ValueError as error:
        said["broken"] = str(error)
    said["dealt"] = processes.dealt("abc", str.upper)
    said["few"] = processes.dealt("a", str.upper)
    said["first"] = processes.first(lambda: processes.rank)
    try:
        screen(load(str(saved), device="cpu"), ScreenConfig("tiny", "tiny", seed=processes.rank), out / "differing")
    except ValueError as error:
        said["differing"] = str(error)
    (out / f"said-{processes.rank}").write_bytes(pickle.dumps(said))
'''
FOLDERS = ("effect", "sweep", "screen", "resumed")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Where two processes wrote, and where one did."""
    folder = tmp_path_factory.mktemp("processes")
    saved, asked, script = folder / "model", folder / "asked", folder / "script.py"
    tiny.word_model().network.save_pretrained(saved)
    tiny.word_tokenizer().save_pretrained(saved)
    tiny_study.declare_task(folder)
    asked.write_bytes(pickle.dumps((tiny_study.tiny_config(folder), causal_task.task_of())))
    script.write_text(SCRIPT)
    for out in ("two", "one"):
        (folder / out).mkdir()
    done = subprocess.run(
        (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
        + (script, saved, asked, folder / "two"),
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    spec = importlib.util.spec_from_file_location("script", script)
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    n_asked = alone.experiments(load(str(saved), device="cpu"), asked, folder / "one")
    said = [pickle.loads((folder / "two" / f"said-{rank}").read_bytes()) for rank in (0, 1)]
    return folder / "two", folder / "one", said, n_asked


def contents(folder, other):
    """Every file by its path, without the name of the folder that it was made in."""
    files = {path.relative_to(folder): path.read_text() for path in folder.rglob("*.json")}
    return {str(path): json.loads(text.replace(str(folder), str(other))) for path, text in files.items()}


def rounded(content):
    """The content with nine digits of every number."""
    if isinstance(content, dict):
        return {name: rounded(value) for name, value in content.items()}
    if isinstance(content, list):
        return [rounded(value) for value in content]
    return float(f"{content:.9g}") if isinstance(content, float) else content


@pytest.mark.parametrize("name", FOLDERS)
def test_two_processes_come_to_what_one_does_file_by_file(outcome, name):
    two, one = (folder / name for folder in outcome[:2])
    mine, others = contents(two, one), contents(one, one)
    for made in (mine, others):
        made.pop("manifest.json")
        made.pop("capture/manifest.json")  # moments are added up in another order
    assert mine.keys() == others.keys()
    for path, content in others.items():
        # Rankings, which results hold too, come from those moments.
        to_the_digit = path.startswith(("arms/", "finalists/", "sweep/", "heads/", "screen/", "grown"))
        assert (mine[path] == content) if to_the_digit else (rounded(mine[path]) == rounded(content)), path


def test_one_folder_is_filled_and_nothing_is_left_beside_it(outcome):
    two, *_ = outcome
    assert sorted(path.name for path in two.iterdir()) == sorted([*FOLDERS, "said-0", "said-1"])


def test_every_process_gets_the_whole_and_any_error(outcome):
    for said in outcome[2]:
        assert said["differing"].startswith(("process 1 of 2 has other settings than", "process 0 of 2 has other"))
        assert {name: value for name, value in said.items() if name not in ("differing", "n_asked")} == {
            "broken": "process 1 cannot",
            "dealt": ["A", "B", "C"],
            "few": ["A"],
            "first": 0,
        }


def test_each_process_asks_its_share(outcome):
    _, _, said, n_asked = outcome
    first, second = (each["n_asked"] for each in said)
    assert first + second == n_asked and 0.4 < first / n_asked < 0.6


@pytest.mark.parametrize("n_items", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shares_are_put_together_in_their_order(n_items, count):
    items = range(n_items)
    assert interleaved([items[index::count] for index in range(count)]) == list(items)


def test_one_process_waits_for_nobody():
    assert (ONE.dealt("ab", str.upper), ONE.agreed(1), ONE.gathered(1), ONE.first(dict)) == (["A", "B"], 1, [1], {})
    assert ONE.saves and not Processes(1).saves and Processes(1, 1, 2).saves
    ONE.wait()
