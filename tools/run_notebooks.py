"""Runs the notebooks in docs/notebooks again and writes them back with their outputs and pictures.

    pip install -e '.[notebooks]'
    python tools/run_notebooks.py                     # all; one to two minutes each on two cores
    python tools/run_notebooks.py switch-a-concept    # only these

Each runs in an empty folder that is thrown away. Times, progress bars and versions are left out of what is written, so
a run that changes nothing makes no difference. The text cells speak of figures of the output: read them again where
an output has changed. A notebook that fails stays as it was. `make notebooks` tests what is committed: cells tagged
`stable` must print the same again.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parents[1] / "docs" / "notebooks"

_SECONDS_PER_CELL = 1200


def main() -> int:
    """Run the notebooks named on the command line, or all."""
    parser = argparse.ArgumentParser(description="Run notebooks again, in place.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="without .ipynb; all by default")
    names = parser.parse_args().names
    paths = [NOTEBOOKS / f"{name.removesuffix('.ipynb')}.ipynb" for name in names] or sorted(NOTEBOOKS.glob("*.ipynb"))
    for missing in (path for path in paths if not path.is_file()):
        sys.exit(f"there is no notebook {missing.name} in {NOTEBOOKS}")
    for path in paths:
        began = time.monotonic()
        notebook = executed(path)
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.monotonic() - began:.0f} s, {path.stat().st_size / 1000:.0f} kB")
    return 0


def executed(path: Path) -> NotebookNode:
    """The notebook with the outputs of a fresh run; the file stays as it is.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=_SECONDS_PER_CELL, resources={"metadata": {"path": folder}})
        # As many threads everywhere: sums in another order round otherwise, and move points of pictures by a shade.
        client.execute(env=os.environ | {"OMP_NUM_THREADS": "2"})
    return tidied(notebook)


def tidied(notebook: NotebookNode) -> NotebookNode:
    """Without what differs from run to run: times, versions, progress bars, and what goes to stderr."""
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _joined(output for output in cell.outputs if not _passes(output))
    return notebook


def printed(cell: NotebookNode) -> str:
    """The text that a code cell shows, pictures aside."""
    texts = []
    for output in cell.outputs:
        data = output.get("data", {})
        if output.output_type == "stream":
            texts.append(output.text)
        elif "image/png" not in data:
            texts.append(data.get("text/markdown") or data.get("text/plain", ""))
    return "".join(texts)


def _passes(output: NotebookNode) -> bool:
    is_bar = "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    return is_bar or (output.output_type == "stream" and output.name == "stderr")


def _joined(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Prints in a row as one output: how they arrive depends on the machine's pace."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and joined and joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


if __name__ == "__main__":
    sys.exit(main())
