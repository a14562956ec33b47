"""An experiment in one process and in two that share it, one thread each.

The demo's thirteen arms on some of its questions, and a screen of all heads, on SmolLM2-135M. Seconds go by on the
clock from the loaded model to the finished folder, so that two cores must be idle.

Run: python benchmarks/processes.py [questions]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from common import report, smollm2

import headpursuit as hp
from headpursuit.processes import launched
from headpursuit.studies.experiments.screen import config as screening
from headpursuit.studies.experiments.screen.experiment import screen
from headpursuit.studies.settings import find_task
from headpursuit.studies.tasks import drawn


def main(n_questions: int) -> None:
    """Both numbers of processes, in turns."""
    seconds: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, 2):
            out = Path(folder) / str(count)
            command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count), __file__]
            threads = os.environ | {"OMP_NUM_THREADS": "1"}
            subprocess.run([sys.executable, *command, str(n_questions), str(out)], check=True, env=threads)
            seconds[count] = json.loads((out / "seconds.json").read_text())
    rows = {f"{name}: work of two processes / of one": seconds[1][name] / seconds[2][name] for name in seconds[1]}
    report("processes", {"questions": n_questions, **rows}, "cpu")


def share(n_questions: int, out: Path) -> None:
    """The experiments, in one of the processes."""
    torch.set_num_threads(1)
    model, processes, seconds = smollm2(), launched(), dict[str, float]()
    study = hp.StudyConfig("countries-qa", "smollm2-135m", heads="2", controls=5, baselines=False)
    task = find_task(study)
    chosen = (*(q for q in task.questions if q.split != "heldout"), *drawn(task.heldout, n_questions // 2, 0))
    for name in ("study", "screen"):
        processes.wait()
        start = time.perf_counter()
        if name == "study":
            hp.study(model, study, out / name, task=replace(task, questions=chosen))
        else:
            config = screening.ScreenConfig(
                "countries-qa", "smollm2-135m", scales=(-1.0,), questions=max(8, n_questions // 4)
            )
            screen(model, config, out / name, task=find_task(config.study, grow=True))
        processes.wait()
        seconds[name] = time.perf_counter() - start
    if processes.rank == 0:
        (out / "seconds.json").write_text(json.dumps(seconds))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        share(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
