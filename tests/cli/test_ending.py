"""Commands that are told to end: what they were writing is not left behind."""

import signal
import subprocess
import sys

WRITES = """
import os, signal, sys
from pathlib import Path

from headpursuit.cli import app
from headpursuit.storage import new_folder


def writes():
    with new_folder(Path(sys.argv[1]), "capture", {}) as folder:
        (folder / "large").write_bytes(bytes(1000))
        os.kill(os.getpid(), signal.SIGTERM)


app.app = writes
app.main()
"""


def test_a_command_that_is_told_to_end_leaves_nothing_half_written(tmp_path):
    out = tmp_path / "out"
    ended = subprocess.run([sys.executable, "-c", WRITES, out], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []
