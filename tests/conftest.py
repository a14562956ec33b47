import functools
import gc
import os

import examples  # noqa: F401 - the profiles of hypothesis
import jaxtyping
import pytest
import shape_checks
import torch
import typer.testing

shape_checks.install()

# What tests write need not outlive a loss of power, and a disk takes longer over that than most tests over all else.
os.fsync = lambda descriptor: None

# Commands are read once a process; the runner would read all of them again for every line that is typed.
typer.testing._get_command = functools.cache(typer.testing._get_command)

_THREADS = max(1, torch.get_num_threads() // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_collection_finish():
    """What was imported stays: it need not be looked through again for what may go, nor the rest as often as usual."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Tiny tensors are several times slower on many threads, most of all beside other work."""
    torch.set_num_threads(_THREADS if any(map(item.get_closest_marker, ("slow", "real"))) else 1)


@pytest.fixture
def as_users_run_it(monkeypatch):
    """Without the shape and type checks of the test run, which would refuse some wrong arguments first."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(autouse=True)
def _certificates_of_this_run(tmp_path_factory, monkeypatch):
    """Certificates of tiny models do not belong into the user's cache; the workers of a run share theirs."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "certificates"
    monkeypatch.setattr("headpursuit.models.certified.certificates_folder", lambda: folder)


@pytest.fixture(scope="module")
def blank_pictures():
    """Pictures are drawn but saved as empty ones, in a fraction of the time: for tests of what stands around them."""
    from headpursuit.report import pictures

    saved = pictures.saved
    blank = functools.cache(lambda ending: saved(pictures.figure(1.0, 1.0), ending))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "saved", lambda _, ending: blank(ending))
        yield
