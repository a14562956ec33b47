"""The page of a transfer, from a result on disk made by hand."""

import re
from dataclasses import replace

import pytest

from headpursuit.report import pictures, render
from headpursuit.report.pages import transfer
from headpursuit.report.parts.matrices import MatrixRow, draw_matrix
from headpursuit.studies.experiments.transfer import (
    Column,
    EffectCell,
    Overlap,
    RankedTask,
    TransferConfig,
    TransferResult,
    TransferTask,
    by_effect,
    by_overlap,
)
from headpursuit.studies.experiments.transfer.isolating import isolations
from headpursuit.studies.experiments.transfer.result import KIND
from headpursuit.studies.experiments.transfer.sentences import shown
from headpursuit.studies.kernel import Table
from headpursuit.studies.results import Estimate

pytestmark = pytest.mark.usefixtures("blank_pictures")

NAMES = ["digits", "counting", "words"]
EFFECTS = {("digits", "digits"): 0.9, ("digits", "counting"): 0.62, ("words", "words"): 0.31, ("words", "digits"): 0.99}
WORDS = {place: "acts" for place in EFFECTS} | {("words", "digits"): "breaks"}


def result():
    cells = tuple(
        EffectCell(
            row,
            column,
            Estimate(value := EFFECTS.get((row, column), 0.02), value - 0.01, value + 0.01),
            (0.01, 0.03),
            0.009,
            Estimate(1 - value, 0.0, 1.0),
            None,
            ("half of the <b>answers</b> are empty",) if (row, column) == ("words", "digits") else (),
            WORDS.get((row, column), "does not act"),
        )
        for row in NAMES
        for column in NAMES
    )
    shared = {("digits", "counting"): ("L1H2",)}
    overlaps = tuple(
        Overlap((a, b), heads := shared.get((a, b), ()), len(heads) / 3, 0.1, 0.04, 0.12, 0.2, 0.3, 0.9, 0.44, 4)
        for a, b in (("digits", "counting"), ("digits", "words"), ("counting", "words"))
    )
    return TransferResult(
        TransferConfig("org/tiny-model", tuple(TransferTask(name, "countries-qa") for name in NAMES)),
        "12 heads",
        "certified",
        "headpursuit transfer org/tiny-model out/config.json -o out-again",
        12,
        tuple(RankedTask(name, "countries-qa", "numbers", 20, 40, ("L1H2", "L2H0")) for name in NAMES),
        overlaps,
        cells,
        tuple(Column(name, 30, "answers", Estimate(0.8, 0.7, 0.9), None, (0.0, 0.04)) for name in NAMES),
        by_effect(NAMES, cells),
        by_overlap(NAMES, overlaps),
        ("Of 3 cases, one <carries> over.", "And more."),
        ("digits: two images were left out.",),
        {"torch": "2"},
    )


@pytest.fixture
def folder(tmp_path):
    found = result()
    KIND.finish(KIND.begin(tmp_path / "out", found.config), found)
    return tmp_path / "out"


def test_the_page_says_everything_and_loads_nothing(folder):
    page = render(folder).read_text(encoding="utf-8")
    text = re.sub(r"<[^>]+>", " ", page)
    for expected in ("Of 3 cases, one &lt;carries&gt; over.", "And more.", "0.62 ★", "0.99 ✕", "0.61 to 0.63"):
        assert expected in text
    assert "random 0.02, p = 0.009" in text
    assert "digits &amp; counting" in text
    assert "half of the &lt;b&gt;answers&lt;/b&gt; are empty" in page
    assert "two images were left out" in text
    assert page.count('src="data:image/svg+xml;base64,') == 2
    assert not re.search(r'(src|href)="(?!data:|#|https://arxiv\.org)', page)
    assert "<script" not in page
    names = {f"{kind}.{ending}" for kind in ("effects", "overlaps") for ending in ("png", "svg")}
    assert {file.name for file in (folder / "figures").iterdir()} == names


def test_what_each_edit_isolates_is_on_the_page(folder):
    digits, counting = result().isolations  # the heads of words break the model
    assert (digits.row, digits.cause, digits.most, digits.loss.value) == ("digits", 0.9, "counting", 0.62)
    assert digits.isolate == pytest.approx((0.38 + 0.98) / 2)
    assert counting.disentangled == pytest.approx((0.02 + 0.98) / 2)
    text = " ".join(re.sub(r"<[^>]+>", " ", render(folder).read_text(encoding="utf-8")).split())
    assert "digits 0.90 0.68 0.79 counting 0.62 0.61 to 0.63" in text
    tables = [part for part in shown(result()) if isinstance(part, Table)]
    assert ("digits", "0.90", "0.68", "0.79", "counting 0.62 (0.61-0.63)") in tables[-1].rows


def test_rows_without_a_score_at_home_or_elsewhere_isolate_nothing():
    def cells(**words):
        found = {
            (cell.row, cell.column): cell
            for cell in result().cells
            if {cell.row, cell.column} <= {"digits", "counting"}
        }
        return [replace(cell, word=words.get(f"{row}_{column}", cell.word)) for (row, column), cell in found.items()]

    assert [each.row for each in isolations(cells())] == ["digits", "counting"]
    assert [each.row for each in isolations(cells(digits_digits="nothing to lose"))] == ["counting"]
    assert [each.row for each in isolations(cells(digits_counting="nothing to lose"))] == ["counting"]
    assert [each.row for each in isolations(cells(counting_digits="breaks"))] == ["digits"]


def test_pictures_follow_the_tree(folder, monkeypatch):
    """Rows and columns stand in the order of its leaves, random heads below."""
    from matplotlib.axes import Axes

    written = {}

    def text(self, x, y, label, **options):
        written[round(y), round(x)] = label
        return original(self, x, y, label, **options)

    def colours(self, x, y, values, **options):
        drawn.append(list(values))
        return mesh(self, x, y, values, **options)

    original, mesh, drawn = Axes.text, Axes.pcolormesh, []
    monkeypatch.setattr(Axes, "text", text)
    monkeypatch.setattr(Axes, "pcolormesh", colours)
    tree = result().effect_tree
    rows = [MatrixRow(name, (0.1, 0.2, 0.3), tuple(f"{name} {other}" for other in NAMES)) for name in NAMES]
    below = MatrixRow("random", (0.0,) * 3, tuple(f"random {other}" for other in NAMES))
    pictures.write(draw_matrix(tree, rows, label="effect", below=(below,)), folder / "picture.svg")
    expected = {(y, x): f"{row} {c}" for y, row in enumerate((*tree.order, "random")) for x, c in enumerate(tree.order)}
    assert written == expected
    places = [NAMES.index(name) for name in tree.order]
    assert places != [0, 1, 2]
    assert drawn[0] == [[(0.1, 0.2, 0.3)[place] for place in places]] * 3 + [[0.0] * 3]
    with pytest.raises(ValueError, match="cannot draw 'picture.gif'"):
        pictures.write(draw_matrix(tree, rows, label="effect"), folder / "picture.gif")


def test_an_unfinished_transfer_has_no_page(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(ValueError, match="unfinished; continue it with `resume=True`"):
        transfer.page(folder)
