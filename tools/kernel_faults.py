"""Deliberate faults in what all experiments stand on, one at a time in a copy: each has to fail a test.

    python tools/kernel_faults.py

Prints the first test that each fault fails. Exit code 1 if the tests pass in spite of one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ["tests/studies/kernel", "tests/test_records.py", "tests/studies/test_study_resuming.py"]
FAULTS = {
    "an unfinished folder is read": (
        "studies/kernel/folder.py",
        "if (folder / _CONFIG).is_file() and not (folder / MANIFEST).is_file():",
        "if False:",
    ),
    "a folder is filled over what is there": ("studies/kernel/folder.py", "if not resume:", "if False:"),
    "a finished folder is gone on with": (
        "studies/kernel/folder.py",
        "        if (folder / MANIFEST).exists():\n            parse_manifest",
        "        if False:\n            parse_manifest",
    ),
    "other settings are gone on with": ("studies/kernel/folder.py", "        if changed:\n", "        if False:\n"),
    "another model is gone on with": ("studies/kernel/folder.py", "    if different:\n", "    if False:\n"),
    "parts are made again": ("studies/kernel/folder.py", "    if not file.exists():\n", "    if True:\n"),
    "a part that is not whole is taken": (
        "studies/kernel/folder.py",
        "    if reason := lacks(found):\n",
        "    if reason := '':\n",
    ),
    "the manifest lists no versions": (
        "studies/kernel/folder.py",
        '{**about, "versions": about.get("versions", versions())}',
        "{**about}",
    ),
    "two runs fill one folder": (
        "studies/kernel/alone.py",
        "processes.first(lambda: stack.enter_context(alone_in(folder)))",
        "pass",
    ),
    "commands leave the seed out": ("studies/kernel/command.py", 'each.name == "seed" or default', "default"),
    "commands write over what they repeat": (
        "studies/kernel/command.py",
        '("-again" if again else "")',
        '""',
    ),
    "switches are not switched off": ("studies/kernel/command.py", "flag if value else", "flag if True else"),
    "unknown fields are dropped": (
        "records.py",
        "        if name not in wanted:\n            raise",
        "        if False:\n            raise",
    ),
    "true counts as a number": ("records.py", " and isinstance(value, bool) == (wanted is bool)", ""),
    "a result of another kind is read": ("storage.py", " or (kind is not None and found != kind)", ""),
    "a result of a newer version is read": ("storage.py", '    if content.get("version") != 1:\n', "    if False:\n"),
    "a file that was changed is read": ("storage.py", "if sha256_of(file) != expected:", "if False:"),
}


def first_failure(path: str, was: str, becomes: str) -> str:
    """The name of the first test that fails with a text of a source file replaced; empty if none does.

    Raises:
        ValueError: If the text does not stand there once.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "src"
        shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        file = copy / "headpursuit" / path
        text = file.read_text(encoding="utf-8")
        if text.count(was) != 1:
            raise ValueError(f"{path} has {was!r} {text.count(was)} times, not once")
        file.write_text(text.replace(was, becomes), encoding="utf-8")
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", *TESTS],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
    failed = [line for line in run.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0].split(" - ")[0] if failed else ""


def main() -> int:
    """Try every fault."""
    unseen = 0
    for name, fault in FAULTS.items():
        failed = first_failure(*fault)
        unseen += not failed
        print(f"{name}: {failed or 'NO TEST FAILS'}", flush=True)
    print(f"{len(FAULTS) - unseen} of {len(FAULTS)} faults fail a test")
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
