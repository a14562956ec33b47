"""The explorer's page on a free port of this machine, in front of a tiny model."""

import sys
from contextlib import contextmanager
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

from headpursuit import explore
from headpursuit.explore.serving import serve

NEUTRAL = "w11 w12 w13 w14 w90 w91 w92"


@contextmanager
def served(bench, folder):
    _load_unchecked("headpursuit.explore.handlers")
    blocks = serve(bench, folder / "cap", folder / "studies", origin="for tests")
    try:
        yield blocks.local_url
    finally:
        blocks.close(verbose=False)


def _load_unchecked(name):
    """Without the checks of the test run: Gradio looks whether a function is a generator, and a checked one is not."""
    if name not in sys.modules:
        module = module_from_spec(PathFinder.find_spec(name, explore.__path__))
        sys.modules[name] = module
        module.__spec__.loader.exec_module(module)
