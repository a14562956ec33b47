"""The lock beside a folder of results."""

from contextlib import contextmanager
from importlib import import_module

import pytest
from huggingface_hub.utils import WeakFileLock

from headpursuit.studies.kernel import alone_in

module = import_module("headpursuit.studies.kernel.alone")


def test_the_lock_is_there_as_long_as_it_is_held(tmp_path, monkeypatch):
    there = []

    @contextmanager
    def watched(lock, **options):
        with WeakFileLock(lock, **options):
            yield
            there.append(lock.exists())

    monkeypatch.setattr(module, "WeakFileLock", watched)
    with alone_in(tmp_path / "out"):
        pass
    assert there == [True]


def test_a_place_is_free_again_after_a_run_that_failed(tmp_path):
    with pytest.raises(KeyboardInterrupt), alone_in(tmp_path / "out"):
        with pytest.raises(FileExistsError, match="out is being filled by another run"), alone_in(tmp_path / "out"):
            pass
        raise KeyboardInterrupt
    with alone_in(tmp_path / "out"):
        pass
