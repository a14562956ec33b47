import pytest

from headpursuit.report import anything, render_anything
from headpursuit.storage import new_folder


@pytest.mark.parametrize("kind", sorted(anything._PAGES))
def test_each_kind_of_folder_has_its_own_page(kind, tmp_path, monkeypatch):
    with new_folder(tmp_path / "out", kind, {}) as folder:
        (folder / "result.json").write_text("{}")
    drawn = []

    def page(name):
        return lambda path: drawn.append((name, path)) or path

    monkeypatch.setattr(anything, "_PAGES", {name: page(name) for name in anything._PAGES})
    render_anything(str(tmp_path / "out"))
    assert drawn == [(kind, tmp_path / "out")]


def test_what_is_no_study_is_said(tmp_path):
    with new_folder(tmp_path / "cap", "capture", {}) as folder:
        (folder / "a").write_text("")
    with pytest.raises(ValueError, match="is no study: its manifest.json says 'capture'"):
        render_anything(tmp_path / "cap")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        render_anything(tmp_path / "none")
