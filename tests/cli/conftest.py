"""What tests of commands share."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _blank_pictures(blank_pictures):
    """No command is tried for how its pictures look."""
