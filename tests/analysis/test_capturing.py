"""Captures of many prompts: read window by window, and a fixed number of samples kept."""

from dataclasses import replace

import pytest
import tiny
import torch
from captured import IDS, PROMPTS, assert_close

from headpursuit.analysis import CaptureConfig, capture, read_prompts, recording
from headpursuit.analysis.samples import Reservoir

N_POSITIONS = sum(map(len, IDS))
CONFIG = CaptureConfig("prompt", batch_size=2, samples=10)


@pytest.fixture
def model():
    return tiny.word_model()


@pytest.fixture(params=["list", "file"])
def prompts(request, tmp_path):
    if request.param == "list":
        return PROMPTS
    file = tmp_path / "prompts.txt"
    file.write_text("\n\n".join(PROMPTS))
    return read_prompts(file)


@pytest.mark.parametrize("window", [1, 4, 12])
def test_prompts_read_window_by_window_give_the_same_capture(model, prompts, window, monkeypatch):
    config = CaptureConfig("all", batch_size=3, samples=10, max_new_tokens=3)
    whole = capture(model, PROMPTS, config)
    monkeypatch.setattr("headpursuit.models.capture._WINDOW", window)
    assert_close(capture(model, prompts, config), whole)


def test_values_of_unpadded_prompts_are_the_same_in_every_window(model, monkeypatch):
    config = replace(CONFIG, batch_size=1)
    whole = capture(model, PROMPTS, config)
    monkeypatch.setattr("headpursuit.models.capture._WINDOW", 4)
    for layer, values in capture(model, PROMPTS, config).samples.mixed.items():
        assert torch.equal(values, whole.samples.mixed[layer])


def test_prompts_are_numbered_through_all_windows(model, monkeypatch):
    monkeypatch.setattr("headpursuit.models.capture._WINDOW", 4)
    samples = capture(model, PROMPTS, CaptureConfig("last", batch_size=3)).samples
    assert samples.prompt_of.tolist() == list(range(13))
    assert samples.position_of.tolist() == [len(ids) - 1 for ids in IDS]


def test_a_prompt_too_long_in_a_later_window_is_refused_before_the_model_runs(model, monkeypatch):
    monkeypatch.setattr("headpursuit.models.capture._WINDOW", 4)
    model.anatomy  # noqa: B018 - certified before anyone watches
    prompts = [*PROMPTS[:9], tiny.text_of(range(5, 75)), *PROMPTS[9:]]
    with tiny.watched(model.network, "llama") as seen:
        with pytest.raises(ValueError, match="prompt 10 takes 70 tokens, but the context holds 64"):
            capture(model, prompts, CONFIG)
        assert not any(seen.values())


def test_no_prompts_are_refused_as_such(model):
    with pytest.raises(ValueError, match="there are no prompts"):
        capture(model, [])


@pytest.mark.parametrize("batch_size", [1, 4, 13])
def test_of_more_positions_the_wanted_number_is_kept_in_any_batches(model, batch_size):
    every = capture(model, PROMPTS, CaptureConfig("prompt", samples=N_POSITIONS)).samples
    assert len(every) == N_POSITIONS
    kept = capture(model, PROMPTS, CaptureConfig("prompt", samples=10, batch_size=batch_size)).samples
    chosen = every.keys <= every.keys.sort().values[9]
    assert int(chosen.sum()) == len(kept) == 10
    for name in ("keys", "prompt_of", "position_of"):
        assert torch.equal(getattr(kept, name), getattr(every, name)[chosen])
    for layer, values in kept.mixed.items():
        torch.testing.assert_close(values, every.mixed[layer][chosen], atol=1e-5, rtol=1e-4)


def test_without_samples_none_are_collected(model, monkeypatch):
    monkeypatch.setattr(Reservoir, "receive", None)
    assert capture(model, PROMPTS, CaptureConfig("prompt", samples=0)).samples is None


def test_no_more_rows_are_held_than_samples_are_wanted(model, monkeypatch):
    held = []

    class Watched(Reservoir):
        def receive(self, layer, mixed):
            super().receive(layer, mixed)
            held.append(len(self._mixed[layer]))

    monkeypatch.setattr(recording, "Reservoir", Watched)
    capture(model, PROMPTS, CONFIG)
    assert len(held) == 7 * 3
    assert max(held) == 10
