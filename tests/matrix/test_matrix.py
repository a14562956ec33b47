"""A tiny random model of every class that transformers lists for generating text: certified, or refused."""

import matrix
import pytest
import transformers
import zoo
from packaging.version import Version

from headpursuit.models import FLAGS

pytestmark = pytest.mark.matrix

EXPECTED_FLAGS = {
    "bitnet": "joint_norm",
    "kosmos-2": "joint_norm",
    "gemma2": "post_norm",
    "gemma3_text": "post_norm",
    "olmo2": "post_norm",
    "glm4": "post_norm",
    "granite": "multiplier",
    "granitemoe": "multiplier",
    "minicpm3": "multiplier",
    "falcon_h1": "multiplier",
    "mllama": "multiplier",
    "qwen3_next": "gated",
    "diffllama": "gated",
    "bert": "post_ln",
    "bart": "post_ln",
    "openai-gpt": "post_ln",
    "cohere": "parallel",
    "gptj": "parallel",
    "gpt_neox": "parallel",
    "phi": "parallel",
    "doge": "scaled_stream",
    "gemma4_text": "post_norm scaled_stream",
    "deepseek_v4": "gated not_a_direct_write",
    "zamba": "not_a_direct_write shared_weights",
    "hrm_text": "gated looped shared_weights",
    **dict.fromkeys(
        ["llama", "mistral", "qwen2", "qwen3", "gpt2", "opt", "bloom", "deepseek_v3", "gpt_oss", "jamba"], ""
    ),
    **dict.fromkeys(["t5", "whisper", "llava", "qwen2_vl", "mixtral", "starcoder2", "stablelm", "smollm3", "lfm2"], ""),
}
"""From the sources of the families, not from what is measured here."""

EXPECTED_HEADS = {
    "llama": "16 heads: layers 0-3 with 4 heads of width 24",
    "diffllama": "8 heads: layers 0-3 with 2 heads of width 48",
    "deepseek_v3": "16 heads: layers 0-3 with 4 heads of width 20",
    "gemma4_text": "16 heads: layers 0, 2 with 4 heads of width 24, layers 1, 3 with 4 heads of width 32",
    "step3p7": "24 heads: layers 0, 2 with 8 heads of width 24, layers 1, 3 with 4 heads of width 24",
    "jamba": "8 heads: layers 1, 3 with 4 heads of width 16",
    "t5": "32 heads: layers 0-3 with 4 heads of width 24, layers 0-3 with 4 cross-attention heads of width 24; "
    "encoder: layers 0-3 with 4 heads of width 24",
}
"""Heads whose number or width the config does not say plainly."""

REFUSED = {
    "mamba": "no softmax attention",
    "rwkv": "no softmax attention",
    "jetmoe": "router chooses",
    "xlnet": "tensor product",
    "reformer": "reversible",
    "prophetnet": "n-gram",
}


@pytest.fixture(scope="module")
def rows():
    transformers.logging.set_verbosity_error()
    return [matrix.examine(job) for job in zoo.jobs()]  # an error here is a crash, and fails every test


def of_type(rows, model_type):
    found = [row for row in rows if row.model_type == model_type]
    if not found:
        pytest.skip(f"this transformers has no {model_type}")
    return found


def test_nearly_every_class_is_certified(rows):
    n_certified = sum(row.is_certified for row in rows)
    assert n_certified > 0.9 * len(rows)
    if Version(transformers.__version__) >= Version("5.23"):
        assert n_certified >= 300


def test_every_refusal_has_a_reason(rows):
    for row in rows:
        assert row.is_certified or len(row.reason) > 20, row


@pytest.mark.parametrize("model_type", REFUSED)
def test_families_without_usable_heads_are_refused(rows, model_type):
    for row in of_type(rows, model_type):
        assert REFUSED[model_type] in row.reason


@pytest.mark.parametrize("model_type", EXPECTED_FLAGS)
def test_flags(rows, model_type):
    for row in of_type(rows, model_type):
        assert " ".join(row.flags) == EXPECTED_FLAGS[model_type], row.class_name


@pytest.mark.parametrize("model_type", EXPECTED_HEADS)
def test_heads(rows, model_type):
    for row in of_type(rows, model_type):
        assert row.heads == EXPECTED_HEADS[model_type]


def test_decoders_of_text_run_once_for_each_generated_token(rows):
    listed = {job.model_type: job.mapping for job in zoo.jobs()}
    silent = [row.model_type for row in rows if row.is_certified and row.firing is None]
    assert [name for name in silent if listed[name] == "CAUSAL_LM" and not name.startswith("musicgen")] == []


def test_every_flag_is_explained(rows):
    assert {flag for row in rows for flag in row.flags} <= set(FLAGS)


def test_the_docs_show_what_is_measured(rows):
    shown = matrix.in_docs()
    if f"transformers {transformers.__version__}:" not in shown:
        pytest.skip("the docs show another version of transformers")
    assert shown == matrix.table(rows), "run `python tests/matrix/matrix.py`"
