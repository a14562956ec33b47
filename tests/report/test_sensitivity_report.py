import re

import planted_words
import pytest

from headpursuit.analysis import RankConfig
from headpursuit.report import pictures, render
from headpursuit.report.pages.sensitivity import draw_completeness
from headpursuit.studies.experiments.sensitivity import SensitivityConfig, study_sensitivity

pytestmark = pytest.mark.usefixtures("blank_pictures")

CONFIG = SensitivityConfig("planted", "cap", "tiny-planted", ranking=RankConfig(n_draws=3), repeats=2, suggestions=3)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page") / "out"
    model = planted_words.planted_model()
    captured = planted_words.captured_of(model)
    return study_sensitivity(model, captured, CONFIG, folder, concept=planted_words.CONCEPT), folder


def test_the_page_says_what_was_found(finished):
    result, folder = finished
    page = render(folder)
    text = page.read_text()
    assert page == folder / "report.html"
    for expected in (
        result.outcome,
        "50 % of the words",
        "random words only",
        *(s.word for s in result.suggestions),
        "none was added to any list",
        "data:image/svg+xml;base64,",
        "headpursuit sensitivity cap --concept planted",
    ):
        assert expected in text
    assert not re.findall(r'(?:src|href)="https?://(?!arxiv)', text)
    assert {f.name for f in (folder / "figures").iterdir()} == {"completeness.png", "completeness.svg"}
    assert len(re.findall(r'<tr(?: class="edit")?><th scope="row">', text)) == len(result.agreements)


def test_an_unknown_picture_format_is_refused(finished, tmp_path):
    with pytest.raises(ValueError, match="cannot draw 'x.gif'"):
        pictures.write(draw_completeness(finished[0]), tmp_path / "x.gif")
