import pytest
from hub_server import point_at, running

from headpursuit.analysis import RankConfig, RankedHead, Ranking, SavedEdit
from headpursuit.heads import Head
from headpursuit.storage import new_folder


@pytest.fixture
def hub(monkeypatch, tmp_path_factory):
    with running() as hub:
        point_at(hub, monkeypatch, tmp_path_factory.mktemp("home"))
        yield hub


@pytest.fixture
def ranking():
    entries = tuple(
        RankedHead(Head(layer, 1), 0.5 - layer / 100, 0.4 - layer / 100, 3.0, 0.01, 0.04) for layer in range(12)
    )
    return Ranking("hues", entries, RankConfig(), "acme/tiny", "abc123", "5a" * 32, (" red", " blue"), ("off-white",))


@pytest.fixture
def ranked(ranking, tmp_path):
    """The folder that `rank` writes."""
    with new_folder(tmp_path / "ranked", "ranking", {"concept": "hues", "model": "acme/tiny"}) as folder:
        ranking.save(folder / "ranking.json")
        (folder / "heatmap.png").write_bytes(b"\x89PNG")
    return tmp_path / "ranked"


@pytest.fixture
def edited(ranking, tmp_path):
    """The file that `edit` writes."""
    SavedEdit.of(ranking, 2, -1.5).save(tmp_path / "e.json")
    return tmp_path / "e.json"
