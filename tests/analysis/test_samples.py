import pytest
import torch
from captured import assert_same_tensors
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from headpursuit.analysis.samples import Reservoir, Samples, keys_of

LAYERS = ("L0", "L3")


def values_of(positions, layer, dtype=torch.float32):
    """Values that say which position and layer they belong to, alike for 2 heads of width 3."""
    rows = [(prompt, position, int(layer[1:])) for prompt, position in positions]
    return torch.tensor(rows, dtype=dtype).reshape(-1, 1, 3).expand(-1, 2, 3)


def admit(reservoir, positions, stream="", dtype=torch.float32):
    prompts, places = [prompt for prompt, _ in positions], [place for _, place in positions]
    reservoir.admit(prompts, places, keys_of(stream, prompts, places))
    for layer in LAYERS:
        reservoir.receive(layer, values_of(positions, layer, dtype))


def collect(batches, capacity, **options):
    reservoir = Reservoir(capacity)
    for batch in batches:
        admit(reservoir, batch, **options)
    return reservoir.samples()


def smallest(positions, capacity):
    """What should stay, by sorting everything at once."""
    keys = keys_of("", [prompt for prompt, _ in positions], [place for _, place in positions]).tolist()
    return sorted(position for _, position in sorted(zip(keys, positions, strict=True))[:capacity])


def kept_positions(samples):
    return list(zip(samples.prompt_of.tolist(), samples.position_of.tolist(), strict=True))


def grid(n_prompts, n_positions):
    return [(prompt, position) for prompt in range(n_prompts) for position in range(n_positions)]


def assert_same(one, other):
    assert_same_tensors(one.to_tensors(), other.to_tensors())


def dealt(positions, deals):
    """Batches of some sizes, each given to one of three processes."""
    parts = [[], [], []]
    for size, process in (*deals, (len(positions), 0)):
        parts[process].append(positions[:size])
        positions = positions[size:]
    return parts


@examples(50)
@given(
    positions=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), min_size=1, unique=True),
    deals=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2))),
    capacity=st.integers(1, 20),
)
def test_what_stays_depends_neither_on_batches_nor_on_their_order_nor_on_processes(positions, deals, capacity):
    parts = [collect(batches, capacity) for batches in dealt(positions, deals)]
    merged = Samples.merge(parts, capacity)
    assert kept_positions(merged) == smallest(positions, capacity)
    for layer in LAYERS:
        assert torch.equal(merged.mixed[layer], values_of(kept_positions(merged), layer))
    assert torch.equal(merged.keys, keys_of("", merged.prompt_of.tolist(), merged.position_of.tolist()))


def test_all_are_kept_in_order_if_there_is_room():
    positions = grid(5, 3)
    samples = collect([positions[9:], positions[:9]], 15)
    assert kept_positions(samples) == positions


def test_never_more_than_the_capacity_is_held():
    reservoir = Reservoir(7)
    for first in range(0, 60, 4):
        admit(reservoir, grid(20, 3)[first : first + 4])
        held = [len(values) for values in reservoir._mixed.values()]
        assert held == [min(7, first + 4)] * len(LAYERS)


def test_every_position_is_as_likely_to_stay_as_any_other():
    positions, n_streams, capacity = grid(300, 5), 200, 150
    counts = torch.zeros(300, 5, dtype=torch.float64)
    for stream in range(n_streams):
        samples = collect([positions[:40], positions[40:]], capacity, stream=str(stream))
        counts[samples.prompt_of, samples.position_of] += 1
    share = capacity / len(positions)
    variance = n_streams * share * (1 - share)
    squares = (counts - n_streams * share).square() / variance
    for chi_square, cells in ((squares.sum(), 1500), *((column.sum(), 300) for column in squares.T)):
        assert abs(chi_square - cells) < 4 * (2 * cells) ** 0.5
    for sums, cells in ((counts.sum(0), 300), (counts.sum(1), 5)):
        assert (sums - cells * n_streams * share).abs().max() < 4.5 * (cells * variance) ** 0.5


def bits(keys):
    return (keys[:, None] >> torch.arange(64)) & 1


@pytest.mark.parametrize("step", [(0, 1), (1, 0), (1, -1), (0, 64)])
def test_neighbours_draw_unrelated_keys(step):
    positions = torch.tensor(grid(100, 50)) + torch.tensor([0, 1])
    here, there = (
        keys_of("", at[:, 0].tolist(), at[:, 1].tolist()) for at in (positions, positions + torch.tensor(step))
    )
    different = (bits(here) != bits(there)).double()
    assert abs(different.sum(1).mean() - 32) < 0.3
    assert (different.mean(0) - 0.5).abs().max() < 0.04
    ranks = torch.stack([here.argsort().argsort(), there.argsort().argsort()]).double()
    assert torch.corrcoef(ranks)[0, 1].abs() < 0.06


def test_no_two_positions_draw_the_same_key():
    positions = grid(2000, 50)
    keys = keys_of("", [prompt for prompt, _ in positions], [place for _, place in positions])
    assert len(keys.unique()) == len(positions)


def test_other_prompts_draw_other_positions():
    positions = grid(40, 5)
    one, other = (set(kept_positions(collect([positions], 50, stream=stream))) for stream in ("one", "other"))
    assert 0 < len(one & other) < 30  # 12.5 are expected
    assert set(kept_positions(collect([positions], 50, stream="one"))) == one


@pytest.mark.parametrize("n_before", [3, 20, 57])
def test_it_goes_on_exactly_from_what_stayed_earlier(n_before):
    positions = grid(20, 3)[::-1]
    before = collect([positions[:n_before]], 10)
    reservoir = Reservoir(10)
    reservoir.restore(Samples.from_tensors(before.to_tensors()))
    assert_same(reservoir.samples(), before)
    admit(reservoir, positions[n_before:])
    assert_same(reservoir.samples(), collect([positions], 10))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_layers_give_samples_in_single_precision(dtype):
    samples = collect([grid(4, 2)[:3], grid(4, 2)[3:]], 5, dtype=dtype)
    for layer in LAYERS:
        assert samples.mixed[layer].dtype == torch.float32
        assert torch.equal(samples.mixed[layer], values_of(kept_positions(samples), layer))


def test_a_batch_without_positions_changes_nothing():
    positions = grid(4, 2)
    assert_same(collect([[], positions, []], 5), collect([positions], 5))
