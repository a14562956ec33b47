"""One edit for each prompt of a batch: every row is what it is in the same batch under its edit alone."""

import by_hand
import pytest
import tiny
import torch
from by_hand import edit, generate, ids, shared

from headpursuit.heads import Edit, Head
from headpursuit.models import rescale

EDITS = [Edit({Head(1, 2): -1.0, Head(1, 0): 0.0}), Edit({}), Edit({Head(0, 1): 20.0, Head(1, 2): 3.0})]
ROWS = torch.tensor([ids(9, 1), ids(9, 2), ids(9, 3)])
PROMPTS = [ids(9, 1), ids(5, 2), ids(7, 3), ids(1, 4)]
SCOPES = ["all", "prompt", "generated", (0, -1, 10)]
WAYS = {
    "cache": {},
    "no_cache": dict(use_cache=False),
    "static": dict(cache_implementation="static"),
    "chunks": dict(prefill_chunk_size=4),
}


def each_alone(network, edits, run):
    """The row of every edit in a run of the whole batch under it alone."""
    found = []
    for row, one in enumerate(edits):
        with rescale(network, one):
            found.append(run()[row])
    return found


@pytest.mark.parametrize("family", [*tiny.CONFIGS, *tiny.FLAGGED])
def test_each_row_is_bit_equal_to_its_edit_alone(family):
    network = tiny.network(family)
    expected = each_alone(network, EDITS, lambda: network(ROWS).logits)
    with rescale(network, EDITS):
        found = network(ROWS).logits
    assert all(torch.equal(row, alone) for row, alone in zip(found, expected, strict=True))
    assert (found[0] - network(ROWS).logits[0]).abs().max() > 1e-3
    assert torch.equal(found[1], network(ROWS).logits[1])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "lfm2"])
def test_generate_follows_the_scope_of_each_row(family, way):
    network, edits = shared(family), [edit(family, scope) for scope in SCOPES]
    if family == "lfm2" and way in ("static", "chunks"):
        pytest.skip("a convolution's state is not read in chunks")

    def logits():
        return generate(network, PROMPTS, **WAYS[way])[1]

    expected = each_alone(network, edits, logits)
    with rescale(network, edits):
        found = logits()
    assert all(torch.equal(row, alone) for row, alone in zip(found, expected, strict=True))
    assert not torch.equal(found, logits())


@pytest.mark.parametrize("n_returned", [1, 3])
def test_all_beams_of_a_prompt_have_its_edit(n_returned):
    network, edits = shared("llama"), [edit("llama", scope) for scope in ("all", "prompt", (0, -1, 10))]
    options = dict(num_beams=3, num_return_sequences=n_returned, output_scores=True)

    def texts():
        return generate(network, PROMPTS[:3], **options)[0].unflatten(0, (3, n_returned))

    expected = each_alone(network, edits, texts)
    with rescale(network, edits):
        found = texts()
    assert all(torch.equal(row, alone) for row, alone in zip(found, expected, strict=True))
    assert not torch.equal(found, texts())


def test_decoding_by_hand_with_a_prompt_length():
    network, edits = shared("llama"), [edit("llama", scope) for scope in SCOPES]
    rows = torch.tensor([ids(9, n) for n in range(4)])
    expected = []
    for row, one in enumerate(edits):
        with rescale(network, one, prompt_length=6):
            expected.append(network(rows).logits[row])
    with rescale(network, edits, prompt_length=6):
        found = network(rows).logits
    assert all(torch.equal(row, alone) for row, alone in zip(found, expected, strict=True))


def test_row_edits_nest_in_others():
    network, outer = shared("llama"), Edit({Head(1, 2): -2.0})
    expected = []
    for row, one in enumerate(EDITS):
        with rescale(network, outer), rescale(network, one):
            expected.append(network(ROWS).logits[row])
    with rescale(network, outer), rescale(network, EDITS):
        found = network(ROWS).logits
    assert all(torch.equal(row, alone) for row, alone in zip(found, expected, strict=True))


def test_each_edit_counts_its_own_passes():
    network = shared("llama")
    edits = [Edit({Head(1, 2): 0.0}), Edit({}), Edit({Head(0, 1): 0.0, Head(1, 0): 0.0}, "prompt")]
    with rescale(network, edits) as applied:
        generate(network, PROMPTS[:3])
    assert [one.calls for one in applied] == [{"L1": by_hand.N_NEW}, {}, {"L0": 1, "L1": 1}]
    assert [one.n_forwards for one in applied] == [by_hand.N_NEW, 0, 1]


@pytest.mark.parametrize("scope", ["all", "prompt"])
def test_another_number_of_rows_is_refused(scope):
    network = by_hand.network("llama")
    edits = [Edit(one, scope) for one in EDITS]
    with rescale(network, edits):
        with pytest.raises(ValueError, match="there are 3 edits and 2 rows; give one edit for each prompt"):
            network(ROWS[:2])
        with pytest.raises(ValueError, match="there are 3 edits and 6 rows; give one edit for each prompt"):
            network(ROWS.repeat(2, 1))
        with pytest.raises(ValueError, match="there are 3 edits and 12 rows, 2 for each prompt; give one edit"):
            generate(network, [ids()] * 6, num_beams=2)
        assert network(ROWS).logits.shape[0] == 3
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_no_edits_and_an_unknown_head_are_refused():
    network = by_hand.network("llama")
    with pytest.raises(ValueError, match="the list of edits is empty; give one for each prompt"), rescale(network, []):
        pass
    with pytest.raises(ValueError, match="L7H0 does not exist"), rescale(network, [{}, {"L7H0": 0}]):
        pass
    assert not any(module._forward_pre_hooks for module in network.modules())
