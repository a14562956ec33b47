"""The lock beside a folder of results."""

from pathlib import Path

import pytest

from headpursuit.studies.kernel import alone_in


def test_a_lock_that_cannot_be_taken_away_ends_no_run(tmp_path, monkeypatch):
    def kept(*_, **__):
        raise PermissionError("another process uses the file")  # as Windows says of a locked one

    monkeypatch.setattr(Path, "unlink", kept)
    for _ in range(2):
        with alone_in(tmp_path / "out"):
            pass


def test_a_place_is_free_again_after_a_run_that_failed(tmp_path):
    with pytest.raises(KeyboardInterrupt), alone_in(tmp_path / "out"):
        with pytest.raises(FileExistsError, match="out is being filled by another run"), alone_in(tmp_path / "out"):
            pass
        raise KeyboardInterrupt
    with alone_in(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == []
