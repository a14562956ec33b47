import json

import pytest
import tiny
import torch
from captured import assert_same, assert_same_moments

from headpursuit.analysis import Capture, CaptureConfig, capture
from headpursuit.models import unembedding
from headpursuit.storage import read_json, sha256_of

IDS = ([5, 7, 9, 11], [100, 101], [33, 44, 55])
PROMPTS = [tiny.text_of(ids) for ids in IDS]


@pytest.fixture
def model():
    return tiny.word_model()


def hooked(model):
    """Every prompt's values in plain forwards: site -> (n_samples, n_heads, d_head)."""
    single = [tiny.mixed_of(model.network, "llama", ids) for ids in IDS]
    return {site: torch.cat([z[site] for z in single]) for site in ("L0", "L1", "L2")}


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_moments_are_those_of_the_hooked_values(model, batch_size):
    captured = capture(model, PROMPTS, CaptureConfig("prompt", batch_size=batch_size))
    for layer, z in hooked(model).items():
        moments = captured.moments[layer]
        z = z.double()
        torch.testing.assert_close(moments.second, torch.einsum("nha,nhb->hab", z, z), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(moments.total, z.sum(0), atol=1e-5, rtol=1e-5)
        assert moments.count == 9
    assert captured.n_samples == 9
    assert captured.n_prompts == 3


def test_samples_are_kept_with_their_prompts(model):
    captured = capture(model, PROMPTS, CaptureConfig("last"))
    single = [tiny.mixed_of(model.network, "llama", ids) for ids in IDS]
    for layer, kept in captured.samples.mixed.items():
        wanted = torch.stack([z[layer][-1] for z in single])
        torch.testing.assert_close(kept, wanted, atol=1e-5, rtol=1e-4)
    assert captured.samples.prompt_of.tolist() == [0, 1, 2]
    assert captured.samples.position_of.tolist() == [3, 1, 2]


def test_samples_can_be_left_out(model):
    with_samples, without = (capture(model, PROMPTS, CaptureConfig("prompt", samples=kept)) for kept in (1000, 0))
    assert without.samples is None
    assert_same_moments(without, with_samples)


def test_a_half_precision_network_gives_samples_in_single_precision(model):
    model.network.to(torch.bfloat16)
    captured = capture(model, PROMPTS[:1], CaptureConfig("last"))
    seen = tiny.mixed_of(model.network, "llama", IDS[0])
    for layer, kept in captured.samples.mixed.items():
        assert kept.dtype == torch.float32
        assert torch.equal(kept[0], seen[layer][-1].float())
        assert captured.moments[layer].second.dtype == torch.float64
        z = seen[layer][-1].double()
        torch.testing.assert_close(captured.moments[layer].second, z[:, :, None] * z[:, None], atol=1e-6, rtol=1e-6)


def test_a_capture_says_what_it_was_made_of(model):
    captured = capture(model, PROMPTS)
    assert captured.config == CaptureConfig()
    assert captured.identity.model == "tiny-llama"
    assert captured.identity.unembedding_sha256 == unembedding(model).sha256
    assert {"python", "torch", "transformers", "headpursuit"} == captured.versions.keys()


def test_progress_counts_prompts(model):
    done = []
    capture(model, PROMPTS, CaptureConfig(batch_size=2), progress=lambda *step: done.append(step))
    assert done == [(2, 3), (3, 3)]


@pytest.mark.parametrize("samples", [1000, 4, 0])
def test_a_saved_capture_comes_back_equal(model, tmp_path, samples):
    captured = capture(model, PROMPTS, CaptureConfig("prompt", samples=samples))
    captured.save(tmp_path / "cap")
    back = Capture.load(tmp_path / "cap")
    assert_same(back, captured)
    assert (back.samples is None) is (samples == 0)
    assert [path.name for path in tmp_path.iterdir()] == ["cap"]


def test_an_output_that_exists_is_refused_before_writing_and_left_alone(model, tmp_path, monkeypatch):
    (tmp_path / "cap").mkdir()
    (tmp_path / "cap" / "notes.txt").write_text("mine")
    monkeypatch.setattr("headpursuit.storage.tempfile", None)
    with pytest.raises(FileExistsError, match="cap exists already; choose another output or remove it first"):
        capture(model, PROMPTS).save(tmp_path / "cap")
    assert [path.name for path in tmp_path.rglob("*")] == ["cap", "notes.txt"]


def test_saving_that_fails_leaves_nothing(model, tmp_path, monkeypatch):
    captured = capture(model, PROMPTS)
    monkeypatch.setattr("headpursuit.storage.sha256_of", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        captured.save(tmp_path / "cap")
    assert list(tmp_path.iterdir()) == []


def truncate(folder):
    file = folder / "samples.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def change_a_number(folder):
    file = folder / "moments.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def edit_manifest(**changes):
    def edit(folder):
        file = folder / "manifest.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return edit


def no_tensors(folder):
    """With a checksum that agrees."""
    (folder / "moments.safetensors").write_bytes(b"no tensors")
    manifest = read_json(folder / "manifest.json")
    manifest["files"]["moments.safetensors"] = sha256_of(folder / "moments.safetensors")
    (folder / "manifest.json").write_text(json.dumps(manifest))


def cut_manifest(folder):
    file = folder / "manifest.json"
    file.write_text(file.read_text()[:-10])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (truncate, "cap is damaged: samples.safetensors does not match its checksum"),
        (change_a_number, "cap is damaged: moments.safetensors does not match its checksum"),
        (lambda folder: (folder / "samples.safetensors").unlink(), "cap is incomplete: samples.safetensors is missing"),
        (edit_manifest(kind="study"), "cap is no capture: its manifest.json says 'study'"),
        (edit_manifest(version=2), "cap was written by another version of headpursuit .format 2"),
        (no_tensors, "cap is no capture that this version can read .*header"),
        (cut_manifest, "manifest.json is not valid JSON .* is it truncated"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "cap is no capture: its manifest.json says None"),
    ],
)
def test_a_damaged_or_foreign_folder_is_refused_by_name(model, tmp_path, damage, reason):
    capture(model, PROMPTS).save(tmp_path / "cap")
    damage(tmp_path / "cap")
    with pytest.raises(ValueError, match=reason):
        Capture.load(tmp_path / "cap")


def test_a_folder_that_is_missing_or_no_capture_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .*cap; expected a capture"):
        Capture.load(tmp_path / "cap")
    with pytest.raises(FileNotFoundError, match="is no capture: it has no manifest.json"):
        Capture.load(tmp_path)


def test_a_head_with_undefined_values_is_named(model):
    model.anatomy  # noqa: B018 - certified before the network breaks

    def spoil(_, __, output):
        output[..., 8:] = torch.inf  # the second of two key-value heads: heads 2 and 3
        return output

    model.network.model.layers[1].self_attn.v_proj.register_forward_hook(spoil)
    with pytest.raises(ValueError, match="head L1H2 wrote infinite or undefined values; try dtype float32"):
        capture(model, PROMPTS)


def test_nothing_to_capture_is_refused(model):
    ends = [tiny.greedy(model.network, ids, 1)[0] for ids in IDS]
    model.network.generation_config.eos_token_id = ends
    with pytest.raises(ValueError, match="nothing was captured: the model's answers are empty"):
        capture(model, PROMPTS, CaptureConfig("generated"))
