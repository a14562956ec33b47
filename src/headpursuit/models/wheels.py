"""Wheels of the Python package index, fetched with the user's own pip; nothing of them is installed or run."""

import subprocess
import sys
from pathlib import Path


def fetch_wheel(package: str, folder: Path) -> Path:
    """Download the wheel of `package` (`name==version`) into `folder`, where no other wheel lies.

    Raises:
        OSError: If this Python has no pip, or the package index does not give the package.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run([*command, "--dest", str(folder), package], capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if "No module named pip" in done.stderr:
        raise OSError(
            f"{package} is fetched with pip, which this Python does not have; "
            "add it with `python -m ensurepip` (or `uv pip install pip`)"
        )
    if done.returncode != 0 or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        reason = lines[-1] if lines else "no reason given"
        raise OSError(f"pip could not fetch {package}: {reason}; connect to a package index once")
    return wheels[0]
