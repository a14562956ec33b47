"""Importing the package draws in no optional library, and drawing asks for no window system."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import headpursuit, headpursuit.cli.exporting, headpursuit.models, headpursuit.report
print(sorted({"matplotlib", "peft", "gradio"} & set(sys.modules)))

from finished_study import ranking
headpursuit.report.heatmap(ranking((2, 2)), sys.argv[1])
print(sorted({"matplotlib.pyplot", "matplotlib.backends.backend_agg"} & set(sys.modules)))
"""


@pytest.mark.engines
def test_importing_draws_in_no_optional_library_and_drawing_no_window_system(tmp_path):
    command, environment = [sys.executable, "-c", PROGRAM, tmp_path / "map.png"], {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.stdout.splitlines(), done.stderr) == (["[]", "['matplotlib.backends.backend_agg']"], "")
    assert (tmp_path / "map.png").is_file()


HELPS = """
import sys
from typer.main import get_command
from headpursuit.cli.app import app

def ask(group, *names):
    try:
        app([*names, "--help"])
    except SystemExit:
        pass
    assert not {"torch", "transformers", "scipy"} & set(sys.modules), names
    for name, command in getattr(group, "commands", {}).items():
        ask(command, *names, name)

ask(get_command(app))
"""


def test_no_command_waits_for_torch_to_say_its_options():
    command, environment = [sys.executable, "-c", HELPS], {"PYTHONPATH": ":".join(sys.path), "COLUMNS": "120"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("Usage: ") >= 30
