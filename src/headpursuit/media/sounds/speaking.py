"""Sentences spoken by espeak-ng, where there are no recordings."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from headpursuit.extras import optional
from headpursuit.media.sources import Sound

PROGRAM = "espeak-ng"
RATE = 125
"""Words a minute."""


def speak(text: str, voice: str) -> Sound:
    """A sentence in a voice of espeak-ng, the same every time.

    Args:
        text: What is said.
        voice: Language and variant, such as `en-gb` or `en-us+f3`.

    Raises:
        ExtraMissing: If soundfile is not installed.
        FileNotFoundError: If espeak-ng is not installed.
        ValueError: If it does not know the voice.
    """
    soundfile = optional("soundfile")
    if not shutil.which(PROGRAM):
        raise FileNotFoundError(
            f"sentences are spoken by {PROGRAM}, which is not installed (Debian: apt-get install {PROGRAM}); install "
            "it, or give recordings with what is said in them: `data`"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spoken.wav"
        command = [PROGRAM, "-v", voice, "-s", str(RATE), "-w", str(file), "--", text]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode or not file.is_file():
            said = run.stderr.strip().rpartition("\n")[2] or f"exit code {run.returncode}"
            raise ValueError(f"{PROGRAM} cannot speak in the voice {voice!r}: {said}")
        values, rate = soundfile.read(file, dtype="float32")
    return Sound(values, rate)
