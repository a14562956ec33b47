"""The static pictures: right cells, blanks, formats, and nothing of the user's settings touched."""

import math
import re
from dataclasses import replace

import matplotlib
import pytest
from finished_study import ranking, save, study_result

import headpursuit as hp
from headpursuit.heads import Head
from headpursuit.report import heatmap, pictures, render
from headpursuit.report.heatmap import grid


def test_the_grid_has_each_head_in_its_cell_and_blanks_elsewhere():
    ranked = ranking((4, 2, 6))
    laid_out = grid(ranked, "explained")
    assert [len(row) for row in laid_out.values] == [6, 6, 6]
    assert [sum(math.isnan(v) for v in row) for row in laid_out.values] == [2, 4, 0]
    for entry in ranked.entries:
        assert laid_out.values[entry.head.layer][entry.head.index] == entry.explained
    assert laid_out.limit == max(entry.explained for entry in ranked.entries)


def test_scores_that_can_be_negative_have_zero_in_the_middle_of_the_colours():
    ranked = ranking((4, 4))
    assert grid(ranked, "specificity").diverging
    assert grid(ranked, "specificity").limit == max(abs(entry.specificity) for entry in ranked.entries)
    assert not grid(ranked, "explained").diverging


def test_one_enormous_z_does_not_bleach_the_others():
    ranked = ranking((16,) * 12)
    entries = (replace(ranked.entries[0], z=1e30), *ranked.entries[1:])
    assert grid(replace(ranked, entries=entries), "z").limit < 100


@pytest.mark.parametrize("counts", [(4, 2, 6), (1,), (64,) * 80], ids=["uneven", "one head", "80 x 64"])
@pytest.mark.parametrize("ending", ["png", "svg"])
def test_models_of_every_size_are_drawn(counts, ending, tmp_path):
    path = heatmap(ranking(counts), tmp_path / f"map.{ending}")
    assert path.stat().st_size > 5_000
    assert path.stat().st_size < 1_000_000


def test_outlined_heads_are_named_beside_the_map(tmp_path, drawn_text):
    ranked = ranking((4, 2, 6))
    heatmap(ranked, tmp_path / "map.svg", heads=(Head(2, 5), Head(1, 0)))
    listed = next(text for text in drawn_text if text.startswith("outlined"))
    score = {str(entry.head): entry.specificity for entry in ranked.entries}
    assert re.findall(r"L\d+H\d+", listed) == sorted(["L2H5", "L1H0"], key=lambda name: -score[name])


def test_the_map_says_how_many_heads_are_found(tmp_path, drawn_text):
    ranked = ranking((4, 2, 6))
    found = tuple(replace(e, p=0.01, q=0.04 if i < 3 else 0.4) for i, e in enumerate(ranked.entries))
    heatmap(replace(ranked, entries=found), tmp_path / "map.svg")
    assert any(text.endswith("q ≤ 0.05:\n3 of 12") for text in drawn_text)


def test_by_default_the_score_of_the_ranking_is_drawn_and_its_best_heads_are_outlined(tmp_path, drawn_text):
    ranked = ranking((8,) * 5, score="explained")
    heatmap(ranked, tmp_path / "map.svg")
    assert "explained fraction of the head's energy" in drawn_text
    listed = next(text for text in drawn_text if text.startswith("outlined"))
    assert re.findall(r"L\d+H\d+", listed) == [str(head) for head in ranked.top(4)]


def test_names_are_not_read_as_formulas(tmp_path, drawn_text):
    heatmap(ranking((2, 2), concept=r"$\notamacro$"), tmp_path / "map.svg")
    assert r"$\notamacro$: heads of smollm2-135m" in drawn_text


@pytest.fixture
def drawn_text(monkeypatch):
    """Every text that reaches a picture."""
    from matplotlib.text import Text

    texts = []
    draw = Text.draw

    def spy(self, *args, **kwargs):
        if self.get_visible() and self.get_text():
            texts.append(self.get_text())
        return draw(self, *args, **kwargs)

    monkeypatch.setattr(Text, "draw", spy)
    return texts


def test_wrong_requests_are_refused_before_anything_is_written(tmp_path):
    ranked = ranking((2, 2))
    with pytest.raises(ValueError, match=r"ending must be one of \.png, \.svg, \.pdf"):
        heatmap(ranked, tmp_path / "map.bmp")
    with pytest.raises(ValueError, match="unknown score 'loudness'"):
        grid(ranked, "loudness")
    with pytest.raises(ValueError, match="L7H0 cannot be outlined"):
        heatmap(ranked, tmp_path / "map.png", heads=(Head(7, 0),))
    with pytest.raises(ValueError, match="has no heads to draw"):
        heatmap(replace(ranked, entries=()), tmp_path / "map.png")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        heatmap(ranking((2, 2)), tmp_path / "missing" / "map.png")
    assert list(tmp_path.iterdir()) == []


def test_the_users_settings_neither_change_nor_matter(tmp_path):
    ranked, result = ranking((3, 3)), study_result(n_controls=1)
    first = [heatmap(ranked, tmp_path / f"a.{ending}").read_bytes() for ending in ("png", "svg")]
    with matplotlib.rc_context({"font.size": 30, "xtick.labelsize": 30, "axes.labelcolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert [heatmap(ranked, tmp_path / f"b.{ending}").read_bytes() for ending in ("png", "svg")] == first
        pictures.write(hp.draw_arms(result), tmp_path / "arms.png")
        assert dict(matplotlib.rcParams) == before


def test_figures_for_notebooks_are_the_pictures_that_are_written(tmp_path):
    ranked, result = ranking((3, 3)), study_result(n_controls=1)
    for figure, path in (
        (hp.draw_heatmap(ranked, heads=(Head(1, 0),)), heatmap(ranked, tmp_path / "map.png", heads=(Head(1, 0),))),
        (hp.draw_arms(result), render(save(result, tmp_path / "study")).parent / "figures" / "arms.png"),
    ):
        pictures.write(figure, tmp_path / "shown.png")
        assert (tmp_path / "shown.png").read_bytes() == path.read_bytes()
