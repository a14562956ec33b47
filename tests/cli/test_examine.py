import json

import pytest
import tiny
from typer.testing import CliRunner

from headpursuit.cli.app import app


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = tiny.word_model("gpt_neox")
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def prompts(tmp_path):
    file = tmp_path / "p.txt"
    file.write_text("w5 w9 w20\nw7 w8\n")
    return file


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_doctor_says_what_a_model_is(saved):
    result = run("doctor", saved)
    assert result.exit_code == 0
    for expected in (
        "network: GPTNeoXForCausalLM, float32 on cpu",
        "anatomy: 12 heads: layers 0-2 with 4 heads of width 8",
        "flag parallel: 3 of 3 attentions",
        "300 tokens",
        "apart from the embedding",
        "behind LayerNorm",
        "logits unchanged",
        "tokens a second",
        "transformers",
    ):
        assert expected in result.stdout


def test_doctor_as_json(saved):
    found = json.loads(run("doctor", saved, "--json").stdout)
    assert found["certificate"]["firing"] == 3
    assert found["certificate"]["flags"] == {"parallel": 3}
    assert found["estimate"]["sample_bytes"] == 3 * 32 * 4


def test_doctor_says_why_a_model_cannot_be_used(tmp_path):
    import transformers as hf

    config = hf.MambaConfig(vocab_size=300, hidden_size=32, num_hidden_layers=2, state_size=4)
    hf.MambaForCausalLM(config).save_pretrained(tmp_path / "mamba")
    tiny.word_tokenizer().save_pretrained(tmp_path / "mamba")
    result = run("doctor", tmp_path / "mamba")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "no attention heads were seen in a forward pass of MambaForCausalLM" in result.stderr


def test_effects_of_an_edit(saved, prompts, tmp_path):
    (tmp_path / "e.json").write_text('{"L2H1": -3, "L0H0": 0}')
    (tmp_path / "words.txt").write_text("w50\nw51\n")
    words = ("effects", saved, "--prompts", prompts, "--edit", tmp_path / "e.json")
    result = run(*words, "--concept", tmp_path / "words.txt")
    assert result.exit_code == 0
    assert "effect on the token after 2 prompts" in result.stdout
    found = json.loads(run(*words, "--json").stdout)
    assert [effect["heads"] for effect in found["effects"]] == ["together", "L0H0", "L2H1"]
    assert found["effects"][2]["direct_share"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"L9H0": 0}', "L9H0 does not exist"),
        ('{"L1H0": 0, ', "not valid JSON"),
        ('{"scales": {"L1H0": 0}, "scope": "generated"}', "acts on generated tokens only"),
        ('{"scales": {"L1H0": 0}, "scope": "some"}', "unknown scope 'some'"),
    ],
)
def test_bad_edits_end_in_one_line(content, reason, saved, prompts, tmp_path, as_users_run_it):
    (tmp_path / "e.json").write_text(content)
    result = run("effects", saved, "--prompts", prompts, "--edit", tmp_path / "e.json")
    assert result.exit_code == 2
    assert reason in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
