import numpy as np
import pytest
import tiny
import torch
from demo_vlm import talking
from demo_vlm.lessons import WORDS, pictures, stream
from demo_vlm.looking import Naming, features
from demo_vlm.talking import answer_loss, dialogues
from torch.nn import functional as F

from headpursuit.media.images.rendered.scenes import Scene, Thing, random_scene
from headpursuit.media.images.rendered.wording import COUNT_WORDS, exchanges
from headpursuit.models.demo_vlm.parts import PATCHES, assemble

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


def plain_losses(network, tokenizer, pixels, exchange, scored=None):
    """Cross-entropy of each token of one answer, read by the whole model in the ordinary way."""

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False)

    asked = encode(f"{exchange.question}<|im_end|>\n<|im_start|>assistant\n")
    answer = encode(f"{exchange.answer}<|im_end|>")
    ids = [*encode("<|im_start|>user\n"), *[IMAGE_ID] * PATCHES, *encode("\n"), *asked, *answer]
    values = ((pixels.float() / 255 - 0.75) / 0.3).permute(2, 0, 1)[None]
    logits = network(input_ids=torch.tensor([ids]), pixel_values=values).logits[0]
    if scored is not None:
        logits[:, [i for i in range(logits.shape[1]) if i not in scored]] = -torch.inf
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


@torch.no_grad()
def test_only_common_tokens_and_the_answers_own_are_scored(network, tokenizer, shown, monkeypatch):
    monkeypatch.setattr(talking, "_COMMON", 5)
    _, projected = features(network, shown.pixels)
    said = dialogues(shown.talk, tokenizer)
    scored = {*range(5), *said.ids[said.answered].tolist()}
    assert len(scored) < network.lm_head.weight.shape[0]
    alone = [
        plain_losses(network, tokenizer, pixels, exchange, scored)
        for pixels, talk in zip(shown.pixels, shown.talk, strict=True)
        for exchange in talk
    ]
    found, _ = answer_loss(network, projected, said)
    torch.testing.assert_close(found, torch.cat(alone).mean(), rtol=1e-5, atol=1e-6)


def test_only_tower_and_projector_learn(network, tokenizer, shown):
    _, projected = features(network, shown.pixels)
    answer_loss(network, projected, dialogues(shown.talk, tokenizer))[0].backward()
    learning = {name.split(".")[1] for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    assert learning == {"vision_tower", "multi_modal_projector"}
    network.zero_grad()


def said(scene):
    (words,) = pictures([scene], [[]]).words
    return [[WORDS[i] for i in row] for row in words.reshape(4, 4)]


def test_patches_say_what_is_around_them():
    star, two = Thing("star", "red", "large", "top left"), Thing("two", "blue", "small", "bottom right", 2)
    assert said(Scene((star, two), 1)) == [
        ["red", "star", "nothing", "nothing"],
        ["large", "star", "nothing", "nothing"],
        ["nothing", "nothing", "blue", "two"],
        ["nothing", "nothing", "small", "two"],
    ]


def test_a_thing_in_the_centre_owns_the_middle_patches():
    rows = said(Scene((Thing("star", "red", "large", "centre"),), 1))
    assert [row[1:3] for row in rows[1:3]] == [["red", "star"], ["large", "star"]]
    assert sum(row.count("nothing") for row in rows) == 12


def test_things_are_counted(shown):
    assert [COUNT_WORDS[n + 1] for n in shown.count.tolist()] == [talk[1].key for talk in shown.talk]


def test_naming_is_right_where_a_projection_is_the_words_embedding(shown):
    words = tiny.tokenizer([f" {word}" for word in WORDS])
    config = tiny.hf.LlamaConfig(**{**tiny.GROUPED, "vocab_size": len(words)})
    naming = Naming(assemble(tiny.hf.LlamaForCausalLM(config), IMAGE_ID), words)
    projected = naming.length * naming.words[shown.words]
    loss, right = naming(torch.zeros(3, PATCHES, 192), projected, shown)
    assert right["words"] == right["digits"] == 1
    worse, wrong = naming(torch.zeros(3, PATCHES, 192), -projected, shown)
    assert wrong["words"] == 0
    assert worse > loss
    assert naming(torch.zeros(3, PATCHES, 192), 2 * projected, shown)[0] > loss


def test_digits_can_weigh_more(network, shown):
    words = tiny.tokenizer([f" {word}" for word in WORDS])
    config = tiny.hf.LlamaConfig(**{**tiny.GROUPED, "vocab_size": len(words)})
    network = assemble(tiny.hf.LlamaForCausalLM(config), IMAGE_ID)
    torch.manual_seed(1)
    even = Naming(network, words)
    torch.manual_seed(1)
    closer = Naming(network, words, digits=4.0)
    closer.count.load_state_dict(even.count.state_dict())
    wrong_digits = torch.where((shown.words < 10)[..., None], -1, 1) * even.length * even.words[shown.words]
    seen = torch.zeros(3, PATCHES, 192)
    assert closer(seen, wrong_digits, shown)[0] > 1.5 * even(seen, wrong_digits, shown)[0]


def test_the_same_seed_gives_the_same_lessons_and_another_seed_others():
    (one,), (again,), (other,) = (list(stream(1, 4, 2, seed)) for seed in (5, 5, 6))
    assert torch.equal(one.pixels, again.pixels)
    assert one.talk == again.talk
    assert [len(talk) for talk in one.talk] == [4, 4]
    assert len(one.pixels) == 4
    assert not torch.equal(one.pixels, other.pixels)


def test_names_may_move_but_only_their_direction_counts(network, shown):
    words = tiny.tokenizer([f" {word}" for word in WORDS])
    config = tiny.hf.LlamaConfig(**{**tiny.GROUPED, "vocab_size": len(words)})
    network = assemble(tiny.hf.LlamaForCausalLM(config), IMAGE_ID)
    assert not Naming(network, words).words.requires_grad
    naming = Naming(network, words, fixed=False)
    seen, projected = features(network, shown.pixels)
    before, _ = naming(seen, projected, shown)
    before.backward()
    assert naming.words.grad.any()
    naming.words.data *= 2
    torch.testing.assert_close(naming(seen, projected, shown)[0], before)
