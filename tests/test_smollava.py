"""The demo vision-language model, on its real trained weights."""

import pytest
import torch
from evaluate_demo_vlm import accuracies

from headpursuit.heads import Edit
from headpursuit.media import ImagePrompt, load_images
from headpursuit.models import DEMO_VLM, EMBEDDED, answer, load, rescale

pytestmark = pytest.mark.real

TEXTS = ["The Eiffel Tower is located in the country of", "Two plus two is", "My favourite colour is"]


@pytest.fixture(scope="module")
def model():
    return load(DEMO_VLM)


@torch.no_grad()
def test_without_an_image_it_is_smollm2_bit_by_bit(model):
    alone = load(EMBEDDED)
    for text in TEXTS:
        ids = alone.tokenizer(text, return_tensors="pt").input_ids
        assert torch.equal(model.tokenizer(text, return_tensors="pt").input_ids, ids)
        assert torch.equal(model.network(input_ids=ids).logits, alone.network(ids).logits)
    assert answer(model, TEXTS, chat=True) == answer(alone, TEXTS, chat=True)


def test_it_reads_heldout_digits_and_their_colours(model):
    found = accuracies(model, load_images("digits", limit=60))
    assert found["label"][1] == found["colour"][1] == 60
    assert found["label"][0] >= 0.95
    assert found["colour"][0] >= 0.98


def test_it_counts_what_heldout_scenes_show(model):
    found = accuracies(model, load_images("scenes", limit=30))
    assert found["count"][1] == 30
    assert found["count"][0] >= 0.9


def test_its_heads_are_certified_and_carry_the_answer(model):
    assert model.anatomy.n_heads == 270
    picture = load_images("digits", limit=1).of("heldout")[0].image
    prompt = [ImagePrompt("Which digit is in the image?", picture)]
    base = answer(model, prompt, chat=True)
    with rescale(model, Edit.uniform(model.anatomy.heads, 0, "image")):
        assert answer(model, prompt, chat=True) != base
    assert answer(model, prompt, chat=True) == base
