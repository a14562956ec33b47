"""Heads named without a prompt."""

import planted_words
import pytest
import tiny
import torch

from headpursuit.analysis import Atlas, AtlasConfig, RankConfig, build_atlas, diff_atlases, explain, weights_capture
from headpursuit.concepts import Concept
from headpursuit.pursuit import Signals

CONFIG = AtlasConfig(3, RankConfig(n_draws=60, null="any"))


def test_its_signals_have_the_singular_values_and_directions_of_the_value_output_map():
    model = planted_words.planted_model()
    captured = weights_capture(model)
    assert (captured.n_prompts, captured.samples) == (0, None)
    layer = model.network.model.layers[2]
    for head in (0, 3):
        value = layer.self_attn.v_proj.weight.data[8 * (head // 2) : 8 * (head // 2) + 8]
        write = layer.self_attn.o_proj.weight.data[:, 8 * head : 8 * head + 8]
        together = write @ value * layer.input_layernorm.weight.data
        _, lengths, directions = torch.linalg.svd(together.T)
        rows = Signals.from_moments(captured.moments["L2"], write.T.expand(4, -1, -1)).rows[head]
        expected = directions[:8].T @ lengths[:8].square().diag() @ directions[:8]
        torch.testing.assert_close(rows.T @ rows, expected, atol=1e-4, rtol=1e-3)


def test_the_atlas_of_weights_finds_the_planted_head_and_says_that_nothing_was_read(tmp_path):
    model = planted_words.planted_model()
    others = Concept("few", ("w30", "w31", "w77", "w95"))
    atlas = build_atlas(model, None, CONFIG, [planted_words.CONCEPT, others])
    assert atlas.from_weights
    assert atlas.heads_for("planted") == (planted_words.PLANTED,)
    named = {e.head: e for e in atlas.explanations}[planted_words.PLANTED]
    assert set(named.token_ids) <= set(planted_words.TOKENS)
    assert [e.token_ids for e in explain(model, weights_capture(model), n_atoms=3)] == [
        e.token_ids for e in atlas.explanations
    ]
    atlas.save(tmp_path / "atlas")
    assert Atlas.load(tmp_path / "atlas").from_weights
    read = build_atlas(model, planted_words.captured_of(model), CONFIG, [planted_words.CONCEPT, others])
    assert "no prompt, weights alone" in str(diff_atlases(atlas, read).notes)


def test_where_values_are_no_linear_map_the_directions_are_those_of_the_write_weights():
    model = planted_words.planted_model()
    attention = model.network.model.layers[1].self_attn
    plain = attention.v_proj.forward
    attention.v_proj.forward = lambda x: plain(x).tanh()
    captured = weights_capture(model)
    assert torch.equal(captured.moments["L1"].second[0], torch.eye(8, dtype=torch.float64))
    assert not torch.equal(captured.moments["L0"].second[0], torch.eye(8, dtype=torch.float64))


def test_the_rule_that_reads_samples_has_none():
    with pytest.raises(ValueError, match="the l1 rule needs samples"):
        build_atlas(tiny.word_model(), None, AtlasConfig(3, RankConfig(rule="l1")), [planted_words.CONCEPT])
