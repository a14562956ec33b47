"""Replays stay within the memory that they are allowed, and give the same whatever they keep."""

from pathlib import Path

import pytest
import torch
from tiny import CONFIGS, FLAGGED, text_of, word_model

import headpursuit as hp
from headpursuit.models import Continuation, likelihoods, neutral_text, replay
from headpursuit.models.batches import batches
from headpursuit.models.replay_memory import every_within, free_memory, layer_sizes

ASKED = [Continuation(text_of([5, 6, 7]), ((20,), (21,))), Continuation(text_of([8, 9]), ((22,),))]


@pytest.mark.parametrize("family", [*CONFIGS, *FLAGGED])
def test_no_more_is_kept_than_fits_and_as_much_as_does(family):
    model = word_model(family)
    read = list(batches(model, [text_of([5, 6, 7, 8]), text_of([9, 10])], 8))
    n_layers, each = layer_sizes(model, read)
    assert n_layers == 3 and each >= read[0].input_ids.numel() * 32 * 4
    for most, every in ((3 * each, 1), (3 * each - 1, 2), (each, 2), (each - 1, 0), (0, 0)):
        assert every_within(n_layers, each, most) == every
        kept = sum(replay(model, batch, every=every).n_bytes for batch in read)
        assert kept <= most


def test_likelihoods_within_little_memory_are_the_same():
    model, edit = word_model(), hp.Edit({"L2H0": -1})
    whole = likelihoods(model, ASKED)
    assert whole.every == 1
    for memory, every in ((whole.n_bytes, 1), (whole.n_bytes // 3, 2), (0, 0)):
        found = likelihoods(model, ASKED, memory=memory)
        assert (found.every, found.n_bytes <= memory) == (every, True)
        assert torch.equal(found.under(edit).log_probability, whole.under(edit).log_probability)


def test_neutral_text_within_little_memory_is_the_same():
    model, edit = word_model(), hp.Edit({"L2H0": -1})
    texts = [text_of([5, 6, 7]), text_of([8, 9])]
    whole, without = neutral_text(model, texts), neutral_text(model, texts, memory=0)
    assert (whole.every, without.every) == (1, 0) and without.n_bytes < whole.n_bytes
    assert all(torch.equal(*values) for values in zip(whole.under(edit), without.under(edit), strict=True))


def test_free_memory_is_what_the_machine_says(monkeypatch):
    assert 2**20 < free_memory(torch.device("cpu")) < 2**50
    monkeypatch.setattr(Path, "read_text", lambda *_: "MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    assert free_memory(torch.device("cpu")) == 2 * 2**20
    monkeypatch.setattr(Path, "read_text", lambda *_: "nothing of the kind")
    assert free_memory(torch.device("cpu")) == 4 * 2**30
