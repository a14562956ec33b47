from importlib import import_module

import pytest

from headpursuit.report import pages, render
from headpursuit.report.page import Page
from headpursuit.storage import new_folder


@pytest.mark.parametrize("kind", sorted(pages.PAGES))
def test_each_kind_of_folder_has_its_own_page(kind, tmp_path, monkeypatch):
    with new_folder(tmp_path / "out", kind, {}) as folder:
        (folder / "result.json").write_text("{}")
    read = []
    own = import_module(f"headpursuit.report.pages.{pages.PAGES[kind]}")
    assert own.page.__module__ == own.__name__
    monkeypatch.setattr(own, "page", lambda path: read.append(path) or Page("tabs.html.j2", kind, {"pages": {}}))
    written = render(str(tmp_path / "out"))
    assert read == [tmp_path / "out"]
    assert f"<title>{kind}</title>" in written.read_text()


def test_what_is_no_study_is_said(tmp_path):
    with new_folder(tmp_path / "cap", "capture", {}) as folder:
        (folder / "a").write_text("")
    with pytest.raises(ValueError, match="is no study: its manifest.json says 'capture'"):
        render(tmp_path / "cap")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        render(tmp_path / "none")
