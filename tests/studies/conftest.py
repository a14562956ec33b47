"""What tests of studies share."""

import pytest
import tiny
from tiny_study import NEUTRAL, declare_task, tiny_config

from headpursuit.studies import study
from headpursuit.studies.tasks import declared, load_task


@pytest.fixture(scope="module")
def short_neutral_text():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(declared, "neutral_texts", lambda: NEUTRAL)
        yield


@pytest.fixture(scope="module")
def words(tmp_path_factory, short_neutral_text):  # noqa: ARG001
    folder = tmp_path_factory.mktemp("words")
    declare_task(folder)
    return folder


@pytest.fixture(scope="module")
def task(words):
    return load_task(str(words / "tiny-qa.yaml"))


@pytest.fixture
def config(words):
    return tiny_config(words)


@pytest.fixture(scope="module")
def model():
    return tiny.word_model()


@pytest.fixture(scope="module")
def finished(model, words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "study"
    return study(model, tiny_config(words), folder), folder
