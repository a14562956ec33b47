"""The notebooks are committed with their outputs, and what they claim comes out again."""

import base64
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture
def tool(monkeypatch):
    """tools/run_notebooks.py."""
    pytest.importorskip("nbclient", reason="the extra notebooks is not installed")
    monkeypatch.syspath_prepend(ROOT / "tools")
    import run_notebooks

    return run_notebooks


def code_cells(path):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == ["heads-that-see", "read-a-head", "switch-a-concept"]


@each_notebook
def test_committed_notebooks_were_run_from_top_to_bottom_without_errors(path):
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert not [output for output in outputs if output.get("name") == "stderr"]


@each_notebook
def test_committed_notebooks_show_pictures_and_are_small(path):
    data = [output.get("data", {}) for cell in code_cells(path) for output in cell["outputs"]]
    pictures = [Image.open(io.BytesIO(base64.b64decode(shown["image/png"]))) for shown in data if "image/png" in shown]
    assert pictures
    # One colour alone is an empty drawing.
    assert all(len(picture.convert("RGB").resize((50, 50)).getcolors(2500)) > 20 for picture in pictures)
    assert path.stat().st_size < 600_000


@each_notebook
def test_committed_notebooks_say_nothing_of_the_machine_they_ran_on(path):
    text = path.read_text(encoding="utf-8")
    assert not [place for place in ("/tmp", "/root", "/home", "site-packages") if place in text]
    assert "iopub" not in text  # where Jupyter keeps the times of a run


@each_notebook
def test_some_claims_of_each_notebook_are_checked_when_it_runs_again(path):
    checked = [cell for cell in code_cells(path) if "stable" in cell["metadata"].get("tags", [])]
    assert len([cell for cell in checked if cell["outputs"]]) == len(checked) >= 3


@each_notebook
def test_links_of_the_text_cells_lead_somewhere(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)#]+)", text)
    assert links
    assert [link for link in links if not (path.parent / link).is_file()] == []


@pytest.mark.notebooks
@each_notebook
def test_a_fresh_run_ends_well_and_claims_the_same(path, tool):
    committed = tool.nbformat.read(path, as_version=4)
    fresh = tool.executed(path)
    for before, after in zip(committed.cells, fresh.cells, strict=True):
        if "stable" in before.metadata.get("tags", []):
            assert tool.printed(after) == tool.printed(before), f"cell {before.id} of {path.name} prints something else"


@pytest.mark.notebooks
def test_a_notebook_that_fails_is_told_and_stays_as_it_was(tmp_path, tool, monkeypatch):
    v4 = tool.nbformat.v4
    path = tmp_path / "broken.ipynb"
    tool.nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    monkeypatch.setattr(tool, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr("sys.argv", ["run_notebooks.py"])
    with pytest.raises(Exception, match="ZeroDivisionError"):
        tool.main()
    assert path.read_bytes() == before


@pytest.mark.notebooks
def test_a_second_run_writes_the_same_bytes(tmp_path, tool, monkeypatch):
    v4 = tool.nbformat.v4
    source = "import sys\nprint('a', flush=True)\nprint('noise', file=sys.stderr, flush=True)\nprint('b')\n6 * 7"
    path = tmp_path / "short.ipynb"
    tool.nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(source, metadata={"tags": ["stable"]})]), path)
    monkeypatch.setattr(tool, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr("sys.argv", ["run_notebooks.py", "short"])
    assert tool.main() == 0
    first = path.read_bytes()
    assert tool.main() == 0
    assert path.read_bytes() == first
    [cell] = tool.nbformat.read(path, as_version=4).cells
    assert tool.printed(cell) == "a\nb\n42"
    assert cell.metadata == {"tags": ["stable"]}


@pytest.mark.notebooks
def test_a_name_that_is_no_notebook_is_refused(tool, monkeypatch):
    monkeypatch.setattr("sys.argv", ["run_notebooks.py", "no-such"])
    with pytest.raises(SystemExit, match=r"there is no notebook no-such\.ipynb"):
        tool.main()
