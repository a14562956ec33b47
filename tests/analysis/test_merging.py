from dataclasses import replace

import captured
import pytest
import tiny
import torch
from captured import assert_close_moments, assert_same
from typer.testing import CliRunner

from headpursuit.analysis import Capture, CaptureConfig, capture, merge
from headpursuit.cli.app import app
from headpursuit.models import LanguageModel

IDS, PROMPTS = captured.IDS[:11], captured.PROMPTS[:11]
N_POSITIONS = sum(map(len, IDS))
CONFIG = CaptureConfig("prompt", batch_size=3)
FEW = replace(CONFIG, samples=12)


@pytest.fixture(scope="module")
def model():
    return tiny.word_model()


@pytest.fixture(scope="module")
def whole(model):
    return capture(model, PROMPTS, CONFIG)


def parts(model, *cuts, config=CONFIG):
    edges = [0, *cuts, len(PROMPTS)]
    return [capture(model, PROMPTS[a:b], config) for a, b in zip(edges, edges[1:], strict=False)]


@pytest.mark.parametrize("cuts", [(5,), (1, 2, 10)])
def test_captures_of_parts_merge_into_the_capture_of_the_whole(model, whole, cuts):
    merged = merge(parts(model, *cuts))
    assert_close_moments(merged, whole)
    assert (merged.n_prompts, merged.n_samples) == (11, N_POSITIONS)
    assert (merged.identity, merged.config, merged.versions) == (whole.identity, whole.config, whole.versions)
    assert merged.samples.prompt_of.tolist() == [i for i, ids in enumerate(IDS) for _ in ids]
    assert torch.equal(merged.samples.position_of, whole.samples.position_of)
    for layer, values in merged.samples.mixed.items():
        torch.testing.assert_close(values, whole.samples.mixed[layer], atol=1e-5, rtol=1e-4)


def places(samples):
    return list(zip(samples.prompt_of.tolist(), samples.position_of.tolist(), strict=True))


def test_of_more_samples_than_wanted_those_with_the_smallest_keys_stay(model, whole):
    halves = parts(model, 6, config=FEW)
    merged = merge(halves).samples
    smallest = torch.cat([half.samples.keys for half in halves]).sort().values[:12]
    assert torch.equal(merged.keys.sort().values, smallest)
    rows = [places(whole.samples).index(place) for place in places(merged)]
    assert rows == sorted(rows)
    assert rows[0] < halves[0].n_samples <= rows[-1]
    for layer, values in merged.mixed.items():
        torch.testing.assert_close(values, whole.samples.mixed[layer][rows], atol=1e-5, rtol=1e-4)


def test_a_merge_of_one_is_itself(model):
    [one] = parts(model, config=FEW)
    assert_same(merge([one]), one)


def test_merging_a_merge_is_merging_all(model):
    first, second, third = parts(model, 3, 7, config=FEW)
    assert_same(merge([merge([first, second]), third]), merge([first, second, third]))


def test_captures_without_samples_merge_into_one_without(model, whole):
    merged = merge(parts(model, 5, config=replace(CONFIG, samples=0)))
    assert merged.samples is None
    assert_close_moments(merged, whole)


def test_captures_in_other_batches_and_of_a_model_that_moved_merge(model, whole):
    first, second = parts(model, 5)
    other = capture(model, PROMPTS[5:], replace(CONFIG, batch_size=1))
    moved = replace(other, identity=replace(other.identity, model="/elsewhere", revision="abc"))
    merged = merge([first, moved])
    assert_close_moments(merged, whole)
    assert (merged.identity, merged.config) == (first.identity, first.config)


def test_nothing_to_merge_is_refused():
    with pytest.raises(ValueError, match="there are no captures; give"):
        merge([])


def in_half_precision(model):
    return LanguageModel(tiny.network("llama").bfloat16(), model.tokenizer, model.name)


def with_other_heads(model):
    network = tiny.network("llama")
    network.model.layers[1].self_attn.o_proj.weight.data += 1
    return LanguageModel(network, model.tokenizer, "tuned")


@pytest.mark.parametrize(
    ("change", "config", "difference"),
    [
        (
            lambda _: tiny.word_model(seed=1),
            CONFIG,
            "its model .tiny-llama. differs from the first one's .tiny-llama. in the unembedding; merge captures",
        ),
        (
            with_other_heads,
            CONFIG,
            "its model .tuned. differs from the first one's .tiny-llama. in the output projections; merge captures",
        ),
        (in_half_precision, CONFIG, "dtype is bfloat16 .tiny-llama., but float32"),
        (lambda model: model, replace(CONFIG, positions="last"), "positions is last .*, but prompt"),
        (lambda model: model, replace(CONFIG, samples=5), "samples is 5 .*, but 1000"),
        (lambda model: model, replace(CONFIG, samples=0), "samples is 0 .*, but 1000"),
    ],
)
def test_captures_of_other_models_or_settings_are_refused_with_the_difference(model, change, config, difference):
    other = capture(change(model), PROMPTS[5:], config)
    with pytest.raises(ValueError, match=f"^capture 3 cannot be merged with the first: {difference}"):
        merge([*parts(model, 5), other])


def test_the_length_of_answers_matters_only_where_answers_were_captured(model):
    for positions in ("prompt", "generated"):
        config = replace(CONFIG, positions=positions, max_new_tokens=4)
        one, other = (capture(model, PROMPTS[:2], replace(config, max_new_tokens=n)) for n in (4, 3))
        if positions == "prompt":
            assert merge([one, other]).n_prompts == 4
        else:
            with pytest.raises(ValueError, match="max_new_tokens is 3 .*, but 4"):
                merge([one, other])


@pytest.fixture
def folders(model, tmp_path):
    for name, part in zip(("one", "other"), parts(model, 5, config=FEW), strict=True):
        part.save(tmp_path / name)
    return tmp_path / "one", tmp_path / "other"


def run_merge(*folders, output):
    return CliRunner().invoke(app, ["merge", *map(str, folders), "-o", str(output)])


def test_the_command_writes_what_merge_returns(folders, tmp_path):
    result = run_merge(*folders, output=tmp_path / "all")
    assert result.exit_code == 0, result.output
    assert f"merged 2 captures, {N_POSITIONS} positions of 11 prompts: {tmp_path}/all" in result.stdout
    assert_same(Capture.load(tmp_path / "all"), merge([Capture.load(folder) for folder in folders]))


def assert_refused(result, text):
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert line.startswith("headpursuit: ")
    assert text in line


def test_the_command_refuses_an_output_that_exists_before_it_reads(folders, tmp_path):
    before = (folders[0] / "manifest.json").read_bytes()
    assert_refused(run_merge(tmp_path / "none", output=folders[0]), "one exists already; choose another output")
    assert (folders[0] / "manifest.json").read_bytes() == before


def flip_a_byte(folder):
    file = folder / "moments.safetensors"
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (flip_a_byte, "other is damaged: moments.safetensors does not match its checksum"),
        (lambda folder: (folder / "manifest.json").unlink(), "other is no capture: it has no manifest.json"),
    ],
)
def test_the_command_refuses_a_damaged_input_by_name_and_writes_nothing(folders, tmp_path, damage, text):
    damage(folders[1])
    assert_refused(run_merge(*folders, output=tmp_path / "all"), text)
    assert {file.name for file in tmp_path.iterdir()} == {"one", "other"}


def test_the_command_refuses_captures_that_do_not_match(model, folders, tmp_path):
    capture(model, PROMPTS, CaptureConfig("last", samples=12)).save(tmp_path / "last")
    result = run_merge(*folders, tmp_path / "last", output=tmp_path / "all")
    assert_refused(result, "capture 3 cannot be merged with the first: positions is last")
    assert not (tmp_path / "all").exists()


def test_a_capture_named_twice_is_refused(folders, tmp_path):
    one, _ = folders
    result = run_merge(one, one, output=tmp_path / "all")
    assert result.exit_code == 2
    assert "named twice" in result.output
    assert not (tmp_path / "all").exists()
