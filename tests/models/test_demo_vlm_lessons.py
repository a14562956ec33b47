import numpy as np
import pytest
import tiny
import torch
from torch.nn import functional as F

from headpursuit.images.rendered.scenes import COLOURS, KINDS, SIZES, Scene, Thing, random_scene
from headpursuit.images.rendered.wording import exchanges
from headpursuit.models.demo_vlm.lessons import NOTHING, UNLABELLED, pictures, stream
from headpursuit.models.demo_vlm.looking import Naming, features
from headpursuit.models.demo_vlm.parts import PATCHES, assemble
from headpursuit.models.demo_vlm.talking import answer_loss, dialogues

IMAGE_ID = 299


@pytest.fixture(scope="module")
def network():
    language_model = tiny.network("llama").requires_grad_(False)
    language_model.config.max_position_embeddings = 4096
    torch.manual_seed(0)
    return assemble(language_model, IMAGE_ID).eval()


@pytest.fixture(scope="module")
def tokenizer():
    return tiny.tokenizer()


@pytest.fixture(scope="module")
def shown():
    rng = np.random.default_rng(0)
    scenes = [random_scene(rng, "selection") for _ in range(3)]
    return pictures(scenes, [exchanges(scene, rng)[:n] for scene, n in zip(scenes, (3, 2, 4), strict=True)])


def plain_losses(network, tokenizer, pixels, exchange):
    """Cross-entropy of each token of one answer, read by the whole model in the ordinary way."""

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False)

    asked = encode(f"{exchange.question}<|im_end|>\n<|im_start|>assistant\n")
    answer = encode(f"{exchange.answer}<|im_end|>")
    ids = [*encode("<|im_start|>user\n"), *[IMAGE_ID] * PATCHES, *encode("\n"), *asked, *answer]
    values = ((pixels.float() / 255 - 0.75) / 0.3).permute(2, 0, 1)[None]
    logits = network(input_ids=torch.tensor([ids]), pixel_values=values).logits[0]
    start = len(ids) - len(answer)
    return F.cross_entropy(logits[start - 1 : -1], torch.tensor(answer), reduction="none")


@torch.no_grad()
def test_exchanges_side_by_side_cost_what_they_cost_alone(network, tokenizer, shown):
    _, projected = features(network, shown.pixels)
    found, _ = answer_loss(network, projected, dialogues(shown.talk, tokenizer))
    alone = [
        plain_losses(network, tokenizer, pixels, exchange)
        for pixels, talk in zip(shown.pixels, shown.talk, strict=True)
        for exchange in talk
    ]
    torch.testing.assert_close(found, torch.cat(alone).mean(), rtol=1e-5, atol=1e-6)


def test_only_tower_and_projector_learn(network, tokenizer, shown):
    _, projected = features(network, shown.pixels)
    answer_loss(network, projected, dialogues(shown.talk, tokenizer))[0].backward()
    learning = {name.split(".")[1] for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    assert learning == {"vision_tower", "multi_modal_projector"}
    network.zero_grad()


def test_patches_are_labelled_with_the_thing_around_them():
    star, two = Thing("star", "red", "large", "top left"), Thing("two", "blue", "small", "bottom right", 2)
    found = pictures([Scene((star, two), 1)], [[]])
    kinds = found.kind[0].reshape(4, 4)
    assert (kinds[:2, :2] == KINDS.index("star")).all()
    assert (kinds[2:, 2:] == KINDS.index("two")).all()
    assert (kinds[:2, 2:] == NOTHING).all()
    assert (found.colour[0].reshape(4, 4)[2:, :2] == UNLABELLED).all()
    assert found.count.tolist() == [1]


def test_a_thing_in_the_centre_owns_the_middle_patches():
    found = pictures([Scene((Thing("star", "red", "large", "centre"),), 1)], [[]])
    owned = found.kind[0].reshape(4, 4) != NOTHING
    assert owned[1:3, 1:3].all()
    assert owned.sum() == 4


def test_naming_is_right_where_a_projection_is_the_words_embedding(shown):
    words = tiny.tokenizer([f" {word}" for word in (*KINDS, "nothing", *COLOURS, *SIZES)])
    config = tiny.hf.LlamaConfig(**{**tiny.GROUPED, "vocab_size": len(words)})
    network = assemble(tiny.hf.LlamaForCausalLM(config), IMAGE_ID)
    naming = Naming(network, words)
    projected = torch.zeros(3, PATCHES, network.config.text_config.hidden_size)
    known = shown.kind < NOTHING
    projected[known] = naming.kinds[shown.kind[known]]
    _, right = naming(torch.zeros(3, PATCHES, 192), projected, shown)
    assert right["kinds"] == 1
    _, wrong = naming(torch.zeros(3, PATCHES, 192), -projected, shown)
    assert wrong["kinds"] == 0


def test_the_same_seed_gives_the_same_lessons_and_another_seed_others():
    (one,), (again,), (other,) = (list(stream(1, 4, 2, seed)) for seed in (5, 5, 6))
    assert torch.equal(one.pixels, again.pixels)
    assert one.talk == again.talk
    assert not torch.equal(one.pixels, other.pixels)
