"""Encoder-decoders, and all that listens, are opened as what they are, or refused with a reason."""

import matrix
import openings
import pytest
import transformers

from headpursuit.models.checkpoints import UNREAD

pytestmark = pytest.mark.matrix


@pytest.fixture(scope="module")
def rows():
    transformers.logging.set_verbosity_error()
    return openings.openings()


def test_nothing_is_opened_as_another_class(rows):
    assert {row.class_name: row.opened for row in rows if not row.reason and row.class_name not in row.opened} == {}


def test_every_refusal_names_the_family_and_a_reason(rows):
    refused = {row.model_type: row.reason for row in rows if row.reason}
    assert refused == {name: f"{name} cannot be asked: it {UNREAD[name]}" for name in refused}
    assert len(refused) < 0.25 * len(rows)


@pytest.mark.parametrize(
    ("model_type", "reads"),
    [
        ("t5", "text"),
        ("whisper", "sound"),
        ("vision-encoder-decoder", "images"),
        ("florence2", "text, images"),
        ("qwen2_audio", "text, sound"),
        ("phi4_multimodal", "text, images, sound"),
        ("pp_formulanet", "images"),
    ],
)
def test_prompts_are_what_the_encoder_or_the_text_takes(rows, model_type, reads):
    assert {row.reads for row in rows if row.model_type == model_type} <= {reads}


def test_the_docs_show_what_is_opened(rows):
    shown = matrix.in_docs(matrix.OPENINGS)
    if f"transformers {transformers.__version__}:" not in shown:
        pytest.skip("the docs show another version of transformers")
    assert shown == openings.table(rows), "run `python tests/matrix/matrix.py`"
