import re
from html.parser import HTMLParser

import pytest
from finished_study import ranking, save, study_result

from headpursuit.report import render_tabs

pytestmark = pytest.mark.usefixtures("blank_pictures")


class Frames(HTMLParser):
    """The titles and documents of a page's frames, and how many other tags it has."""

    def __init__(self, html):
        super().__init__()
        self.documents, self.tags = {}, []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "iframe":
            self.documents[dict(attrs)["title"]] = dict(attrs)["srcdoc"]


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    return {name: save(study_result(ranking((4,) * 4), n_controls=1), folder / name) for name in ("one", "two")}


def test_each_study_has_a_tab_with_its_own_page_and_nothing_from_elsewhere(studies, tmp_path):
    file = render_tabs(tmp_path, "Both", {"first & best": studies["one"], "second": studies["two"]})
    assert file == tmp_path / "report.html"
    html = file.read_text(encoding="utf-8")
    frames = Frames(html)
    assert list(frames.documents) == ["first & best", "second"]
    for study, document in zip(studies.values(), frames.documents.values(), strict=True):
        assert document == (study / "report.html").read_text(encoding="utf-8")
    assert "script" not in frames.tags
    assert frames.tags.count("label") == frames.tags.count("input") == 2
    # Nothing is loaded from elsewhere.
    outside = html[: html.index("<iframe")]
    assert "default-src 'none'" in outside
    assert not re.search(r"(src|href)=\"(?!data:)", outside)


def test_without_a_finished_study_there_is_no_page(studies, tmp_path):
    with pytest.raises(FileNotFoundError):
        render_tabs(tmp_path, "Both", {"none": tmp_path / "nowhere", "one": studies["one"]})
    assert not (tmp_path / "report.html").exists()
