"""Edits of image positions only, or of all others, on tiny random vision-language models."""

import pytest
import tiny_vision
import torch
from tiny_vision import IMAGE_ID, IN_THE_TEXT, asking, drawing, logits, two_prompts, uneven_edit

from headpursuit.heads import Edit
from headpursuit.media import ImagePrompt
from headpursuit.models import read_mixed, rescale
from headpursuit.models.batches import batches
from headpursuit.models.effects import logit_changes
from headpursuit.models.text import continue_batch


@pytest.fixture(scope="session")
def models():
    """Shared ones, which tests leave as they are."""
    return tiny_vision.shared


@pytest.mark.parametrize("family", [family for family in IN_THE_TEXT if family != "paligemma"])
def test_scope_image_leaves_what_comes_before_the_image(models, family):
    model = models(family)
    prompt = two_prompts(model)[0]
    first = batches(model, [prompt], 1)[0].input_ids[0].tolist().index(IMAGE_ID)
    assert first > 0
    change = (logits(model, prompt, uneven_edit(model, "image")) - logits(model, prompt)).abs().amax(-1)
    assert change[first:].max() > 1e-2
    assert not change[:first].any()


def test_scope_image_reaches_earlier_text_where_the_prompt_is_read_in_both_directions(models):
    model = models("paligemma")
    prompt = two_prompts(model)[0]
    ids = batches(model, [prompt], 1)[0].input_ids[0]
    change = (logits(model, prompt, uneven_edit(model, "image")) - logits(model, prompt)).abs().amax(-1)
    assert (ids[: ids.tolist().index(IMAGE_ID)] != IMAGE_ID).all()
    assert change[0] > 1e-3


@pytest.mark.parametrize("family", IN_THE_TEXT)
def test_scopes_image_and_text_together_are_all(models, family):
    model = models(family)
    prompt = two_prompts(model)[0]
    everywhere = logits(model, prompt, uneven_edit(model))
    assert torch.equal(logits(model, prompt, uneven_edit(model, "image"), uneven_edit(model, "text")), everywhere)
    for scope in ("image", "text"):
        assert not torch.equal(logits(model, prompt, uneven_edit(model, scope)), everywhere)


@pytest.mark.parametrize("family", IN_THE_TEXT)
def test_scope_image_acts_in_the_prefill_of_padded_batches_and_beams_alone(models, family):
    model = models(family)
    pair = two_prompts(model)
    with rescale(model, uneven_edit(model, "image")) as applied:
        alone = [continue_batch(model, batches(model, [prompt], 1)[0], 4).input_ids[0, -4:].tolist() for prompt in pair]
    assert set(applied.calls.values()) == {2}
    with rescale(model, uneven_edit(model, "image")):
        together = {}
        for batch in batches(model, pair, 2):
            answers = continue_batch(model, batch, 4).input_ids[:, -4:].tolist()
            together |= dict(zip(batch.indices, answers, strict=True))
            model.network.generate(**batch.given, max_new_tokens=2, num_beams=2, do_sample=False)
    assert [together[0], together[1]] == alone
    with rescale(model, uneven_edit(model, "text")) as applied:
        continue_batch(model, batches(model, pair[:1], 1)[0], 4)
    assert max(applied.calls.values()) <= 4
    assert min(applied.calls.values()) > 1


@pytest.mark.parametrize("scope", ["image", "text"])
def test_the_direct_part_of_a_prompt_that_ends_with_its_image(models, scope):
    model = tiny_vision.vision_model("llava")
    last = model.anatomy.sites[-1]
    model.network.get_submodule(last.path.replace("self_attn.o_proj", "mlp.down_proj")).weight.data.zero_()
    pair = [asking(model, "w5 w6 {}", drawing()), asking(model, "{} w5", drawing(1))]
    ((changes,),) = logit_changes(model, [Edit.uniform(last.heads, -1.0, scope)], pair)
    assert changes.total.abs().amax(1).gt(1e-3).tolist().count(True) == 1
    torch.testing.assert_close(changes.direct, changes.total, atol=1e-5, rtol=1e-4)


def test_images_that_enter_by_cross_attention_have_no_positions(models):
    model = models("mllama")
    reason = "images enter MllamaForConditionalGeneration by cross-attention.*its heads like L1XH3 are where they enter"
    with pytest.raises(ValueError, match=reason), rescale(model, uneven_edit(model, "image")):
        pass
    with pytest.raises(ValueError, match=reason):
        next(read_mixed(model, two_prompts(model), "image"))
    cross = [head for head in model.anatomy.heads if head.kind == "cross"]
    change = logits(model, two_prompts(model)[0], Edit.uniform(cross, 0.0)) - logits(model, two_prompts(model)[0])
    assert change.abs().max() > 1e-3
    assert torch.equal(logits(model, "w5 w6", Edit.uniform(cross, 0.0)), logits(model, "w5 w6"))


def test_a_text_model_has_no_image_positions():
    import tiny

    model = tiny.word_model()
    with (
        pytest.raises(ValueError, match="LlamaForCausalLM reads no images"),
        rescale(model, uneven_edit(model, "image")),
    ):
        pass
    with pytest.raises(ValueError, match="prompt 2 has an image, but tiny-llama was loaded without an image processor"):
        batches(model, ["w5", ImagePrompt("w5", drawing())], 1)


def test_image_positions_are_found_without_a_token_id(models, monkeypatch):
    model = models("llava")
    pair = two_prompts(model)
    edits = uneven_edit(model, "image")
    wanted = [logits(model, prompt, edits) for prompt in pair]
    monkeypatch.setattr("headpursuit.models.senses.sense.Sense.token_id", lambda *_: None)
    for prompt, expected in zip(pair, wanted, strict=True):
        assert torch.equal(logits(model, prompt, edits), expected)
    assert [len(batch.prompt_of) for batch in read_mixed(model, pair, "image", batch_size=1)] == [4, 4]


def test_image_positions_that_nothing_tells_are_refused(models, monkeypatch):
    model = models("chameleon")
    monkeypatch.setattr("headpursuit.models.senses.sense.Sense.token_id", lambda *_: None)
    with pytest.raises(ValueError, match="config names no image token"):
        logits(model, two_prompts(model)[0], uneven_edit(model, "image"))


def test_a_forward_pass_of_embeddings_alone_cannot_be_followed(models):
    model = models("llava")
    batch = batches(model, two_prompts(model)[:1], 1)[0]
    embedded = model.network.get_input_embeddings()(batch.input_ids)
    with rescale(model, uneven_edit(model, "image")), pytest.raises(ValueError, match="positions cannot be told"):
        model.network(inputs_embeds=embedded)


def test_images_by_hand_in_chunks_over_a_cache(models):
    model = models("llava")
    batch = batches(model, two_prompts(model)[:1], 1)[0]
    with rescale(model, uneven_edit(model, "image")) as applied:
        whole = model.network(**batch.given, use_cache=True)
        step = model.network(torch.tensor([[5]]), past_key_values=whole.past_key_values)
    assert set(applied.calls.values()) == {1}
    text = batches(model, ["w5"], 1)[0]
    with rescale(model, uneven_edit(model, "image")) as applied:
        model.network(**text.given)
    assert set(applied.calls.values()) == {0}
    assert step.logits.shape[1] == 1


@pytest.mark.parametrize("way", [{"cache_implementation": "static"}, {"prefill_chunk_size": 3}])
@pytest.mark.parametrize("scope", ["image", "text"])
@pytest.mark.parametrize("family", ["llava", "qwen3_vl"])
def test_static_caches_and_chunks_make_no_difference(models, family, scope, way):
    model = models(family)
    batch = batches(model, two_prompts(model)[:1], 1)[0]

    def generated(**options):
        asked = dict(max_new_tokens=4, do_sample=False, output_logits=True, return_dict_in_generate=True)
        return torch.stack(model.network.generate(**batch.given, **asked, **options).logits)

    plain = generated()
    with rescale(model, uneven_edit(model, scope)):
        expected, found = generated(), generated(**way)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
    assert (found - plain).abs().max() > 1e-3
