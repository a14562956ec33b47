"""The encoder's part of a batch, and what cross-attention makes of it: done once, and the same as in whole passes."""

import pytest
import tiny_translators as translators
import torch

from headpursuit.heads import Edit, Head
from headpursuit.media import Passage
from headpursuit.models import answers_under, encodings_kept, neutral_text
from headpursuit.models.batches import batches
from headpursuit.models.encoding import crossed, encoded

N_NEW = 6
ROOM = 1 << 30
SENTENCES = ["w5 w6 w7", "w9 w2 w4", "w20 w21 w3", "w8 w8"]


@pytest.fixture(scope="module", params=translators.READING)
def reading(request):
    return translators.model(request.param)


@pytest.fixture
def projected(reading):
    """Names of the modules of the decoder's cross-attention that make keys, each time that one runs."""
    ran, handles = [], []
    for name, module in reading.network.named_modules():
        if ("encoder_attn" in name and name.endswith("k_proj")) or name.endswith("EncDecAttention.k"):
            handles.append(module.register_forward_hook(lambda *_, name=name: ran.append(name)))
    yield ran
    for handle in handles:
        handle.remove()


EDITS = [Edit({}), Edit({Head.parse("L1XH3"): -3.0}), Edit({Head.parse("L2H1"): 0.0}), Edit({Head.parse("L0XH0"): 2.0})]


def test_keys_of_cross_attention_are_made_once_and_answers_stay(reading, projected):
    plain = answers_under(reading, SENTENCES, EDITS, max_new_tokens=N_NEW, batch_size=8)
    projected.clear()
    with encodings_kept(reading, ROOM):
        for _ in range(2):
            assert answers_under(reading, SENTENCES, EDITS, max_new_tokens=N_NEW, batch_size=8) == plain
    assert len(projected) == 2 * 3  # two batches of two sentences, three layers, and nothing the second time


def test_likelihoods_are_bit_equal_and_passes_make_no_keys(reading, projected):
    passages = [Passage(text, f"w{i} w30 w31") for i, text in enumerate(SENTENCES)]
    plain = neutral_text(reading, passages)
    expected = [plain.under(edit) for edit in EDITS]
    with encodings_kept(reading, ROOM):
        ahead = neutral_text(reading, passages)
        projected.clear()
        for edit, of_edit in zip(EDITS, expected, strict=True):
            assert all(map(torch.equal, ahead.under(edit), of_edit))
    assert not projected


def test_an_edit_of_the_encoder_is_read_whole(reading, projected):
    passages = [Passage(text, "w30 w31") for text in SENTENCES]
    edit = Edit({Head.parse("E1H1"): -3.0})
    expected = neutral_text(reading, passages).under(edit)
    with encodings_kept(reading, ROOM):
        ahead = neutral_text(reading, passages)
        projected.clear()
        assert all(map(torch.equal, ahead.under(edit), expected))
    assert projected
    assert float(expected[0].max()) > 0


def test_what_lasts_holds_only_what_there_is_room_for(reading):
    batch = batches(reading, SENTENCES, 4)[0]
    with encodings_kept(reading, 1):
        ready = encoded(reading, batch)
        assert len(crossed(reading, ready).crossed) == 4
        assert not crossed(reading, ready, lasting=True).crossed
    assert not crossed(reading, encoded(reading, batch)).crossed
