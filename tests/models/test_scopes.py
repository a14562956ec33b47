import by_hand
import pytest
import torch
import transformers as hf
from by_hand import N_NEW, SCOPES, check, edit, generate, ids, shared
from packaging.version import Version

from headpursuit.models import rescale

OLD = Version(hf.__version__) < Version("5.5")
WAYS = {
    "cache": {},
    "no_cache": dict(use_cache=False),
    "static": dict(cache_implementation="static"),
    "chunks": dict(prefill_chunk_size=4),
    "static_chunks": dict(prefill_chunk_size=4, cache_implementation="static"),
}


def slow(family):
    """What batches of several prompts, one of them without padding, try on every run too."""
    return pytest.param(family, marks=pytest.mark.slow)


def skip_if_unedited_models_fail(family, way):
    """Chunks into static caches and sliding windows are wrong in transformers 5.0 itself."""
    if OLD and (way == "static_chunks" or (family, way) == ("mistral_window", "chunks")):
        pytest.skip(f"transformers {hf.__version__} generates otherwise in chunks")


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", ["llama", *map(slow, ["gpt2", "opt"]), "mistral_window"])
def test_generate_equals_the_edit_by_hand(family, way, scope):
    skip_if_unedited_models_fail(family, way)
    network, prompt = shared(family), ids()
    with rescale(network, edit(family, scope)):
        found = generate(network, [prompt], **WAYS[way])
    check(network, family, [edit(family, scope)], [prompt], found)


@pytest.mark.parametrize("scope", ["prompt", "generated", (0, -1, 10)], ids=str)
@pytest.mark.parametrize("way", ["cache", "no_cache"])
@pytest.mark.parametrize("family", ["lfm2", "jamba"])
def test_generate_of_hybrids_equals_the_edit_by_hand(family, way, scope):
    network, prompt = shared(family), ids()
    with rescale(network, edit(family, scope)):
        found = generate(network, [prompt], **WAYS[way])
    check(network, family, [edit(family, scope)], [prompt], found)


def test_the_oracle_tells_scopes_apart():
    network = shared("llama")
    logits = [by_hand.answer(network, "llama", [edit("llama", scope)], ids(), N_NEW)[1] for scope in SCOPES]
    for i, one in enumerate(logits):
        assert all((one - other).abs().max() > 1e-2 for other in logits[:i])


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", ["llama", "gpt2", "opt"])
def test_left_padded_batch_equals_one_by_one(family, way, scope):
    skip_if_unedited_models_fail(family, way)
    network, prompts = shared(family), [ids(9, 1), ids(5, 2), ids(1, 3)]
    with rescale(network, edit(family, scope)):
        found = generate(network, prompts, **WAYS[way])
    check(network, family, [edit(family, scope)], prompts, found)


def test_padding_is_told_from_the_pad_token_without_a_mask():
    network, prompts = shared("llama"), [ids(9, 1), ids(5, 2)]
    scope = (0, -2)
    with rescale(network, edit("llama", scope)):
        found = generate(network, prompts, attention_mask=None)
    check(network, "llama", [edit("llama", scope)], prompts, found)


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize("n_returned", [1, 3])
def test_beams_equal_beams_of_a_model_edited_by_hand(n_returned, scope):
    network, prompts = shared("llama"), [ids(9, 1), ids(6, 2)]
    beams = dict(num_beams=3, num_return_sequences=n_returned, output_scores=True)
    with rescale(network, edit("llama", scope)):
        found = generate(network, prompts, **beams)[0]
        static = generate(network, prompts, **beams, cache_implementation="static")[0]
    model = by_hand.edited(network, "llama", [edit("llama", scope)], [(0, 9), (3, 6)])
    expected = generate(model, prompts, **beams, use_cache=False)[0]
    assert torch.equal(found, expected)
    assert torch.equal(static, expected)


def test_an_edited_prompt_persists_in_the_cache():
    """The generated tokens' own heads are left alone, but they attend to keys of the edited prompt."""
    network, prompt = shared("llama"), ids()
    base = generate(network, [prompt])[1]
    with rescale(network, edit("llama", "prompt")) as applied:
        found = generate(network, [prompt])[1]
    assert applied.n_forwards == 1
    assert all((found[0, step] - base[0, step]).abs().max() > 1e-2 for step in range(N_NEW))


def test_nested_scopes_multiply_where_they_overlap():
    network, prompts = shared("llama"), [ids(9, 1), ids(6, 2)]
    outer, inner = edit("llama", "prompt", -3.0), edit("llama", (0, -1, 10), 5.0)
    with rescale(network, outer):
        with rescale(network, inner):
            found = generate(network, prompts)
        only_outer = generate(network, prompts)
    check(network, "llama", [outer, inner], prompts, found)
    check(network, "llama", [outer], prompts, only_outer)


def test_a_forward_without_a_position_in_scope_is_bit_equal_and_not_counted():
    network, rows = by_hand.network("llama"), torch.tensor([ids(), ids(seed=1)])
    before = network(rows).logits
    for scope in ("generated", (9,), (-10,)):
        with rescale(network, edit("llama", scope)) as applied:
            assert torch.equal(network(rows).logits, before)
        assert applied.calls == {"L0": 0, "L1": 0, "L2": 0}


def test_tokens_before_the_scope_are_bit_equal():
    network, rows = by_hand.network("llama"), torch.tensor([ids(), ids(seed=1)])
    before = network(rows).logits
    with rescale(network, edit("llama", (6,))):
        during = network(rows).logits
    assert torch.equal(during[:, :6], before[:, :6])
    assert not torch.isclose(during[:, 6:], before[:, 6:]).all(-1).any()


@pytest.mark.parametrize(
    ("scope", "options", "count"),
    [
        ("all", {}, 5),
        ("prompt", {}, 1),
        ("generated", {}, 4),
        ((-1,), {}, 1),
        ((0, 10), {}, 2),
        ("prompt", dict(prefill_chunk_size=4), 3),
        ((-1,), dict(prefill_chunk_size=4), 1),
        ("prompt", dict(use_cache=False), 5),
        ("generated", dict(use_cache=False), 4),
    ],
    ids=str,
)
def test_the_counter_counts_forwards_with_an_edited_position(scope, options, count):
    network = shared("llama")
    with rescale(network, edit("llama", scope)) as applied:
        generate(network, [ids(), ids(seed=1)], **options)
    assert applied.calls == {"L0": count, "L1": count, "L2": count}
