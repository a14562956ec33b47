"""Vision-language models of sixteen families, with their own processors and real pictures."""

import pytest
import tiny_vision
import torch
import transformers as hf
from tiny_vision import FAMILIES, IMAGE_ID, asking, drawing
from tokenizers.processors import TemplateProcessing

from headpursuit.heads import Edit
from headpursuit.images import ImagePrompt
from headpursuit.models import AnatomyError, LanguageModel, answer, load, log_probabilities, read_mixed, rescale
from headpursuit.models.batches import batches
from headpursuit.models.effects import logit_changes
from headpursuit.models.text import continue_batch, read_logits

IN_THE_TEXT = [family for family in FAMILIES if family != "mllama"]


@pytest.fixture(scope="session")
def models():
    """Models that tests leave as they are, so that each is certified once."""
    kept = {}

    def get(family):
        if family not in kept:
            kept[family] = tiny_vision.vision_model(family)
        return kept[family]

    return get


def prompts(model):
    """Two prompts of other lengths about pictures of other shapes."""
    return [
        asking(model, "w5 {} w6 w7", drawing(0)),
        asking(model, "{} w8 w9 w10 w11 w12", drawing(1, (30, 60))),
    ]


def edit(model, scope="all"):
    """Every head by another scale: a common one would be undone by a norm behind the projection."""
    return Edit({head: (-1) ** i * (1 + i % 3) for i, head in enumerate(model.anatomy.heads)}, scope)


def logits(model, prompt, *edits):
    """Of one prompt alone: (n_tokens, vocab)."""
    batch = batches(model, [prompt], 1)[0]
    return edited(model, batch, *edits)


def edited(model, batch, *edits):
    if edits:
        with rescale(model, edits[0]):
            return edited(model, batch, *edits[1:])
    return read_logits(model, batch)[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_heads_are_certified_with_an_image_in_the_prompt(models, family):
    certificate = models(family).certificate
    assert (certificate.n_heads, certificate.image, certificate.firing) == (16, True, 3)
    assert certificate.padding == (family != "emu3")  # pads pictures without saying so to its encoder
    assert any(site.kind == "cross" for site in models(family).anatomy.sites) == (family == "mllama")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_equals_its_prompts_one_by_one(models, family):
    model = models(family)
    # A text without an image, which PaliGemma is not made for, it reads otherwise in a padded batch.
    texts = [] if family == "paligemma" else ["w20 w21 w22 w23", "w30"]
    found, mixed = {}, [*prompts(model), *texts]
    for batch in batches(model, mixed, 2):
        for number, row, mask in zip(batch.indices, read_logits(model, batch), batch.attention_mask, strict=True):
            found[number] = row[mask.bool()]
    for number, prompt in enumerate(mixed):
        torch.testing.assert_close(found[number], logits(model, prompt), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_pictures_matter_and_answers_of_a_batch_are_those_of_single_prompts(models, family):
    model = models(family)
    first, second = prompts(model)
    other = ImagePrompt(first.text, drawing(2))
    assert (logits(model, first) - logits(model, other)).abs().max() > 1e-3
    mixed = [first, "w20 w21 w22", second, other, "w30"]
    alone = [answer(model, [prompt], max_new_tokens=4)[0] for prompt in mixed]
    assert len(set(alone)) > 2
    assert answer(model, mixed, max_new_tokens=4, batch_size=3) == alone


@pytest.mark.parametrize("family", FAMILIES)
def test_edits_change_the_output_and_scale_one_does_not(models, family):
    model = models(family)
    prompt = prompts(model)[0]
    plain = logits(model, prompt)
    assert torch.equal(logits(model, prompt, Edit.uniform(model.anatomy.heads, 1.0)), plain)
    assert (logits(model, prompt, edit(model)) - plain).abs().max() > 1e-2


@pytest.mark.parametrize("family", [family for family in IN_THE_TEXT if family != "paligemma"])
def test_scope_image_leaves_what_comes_before_the_image(models, family):
    model = models(family)
    prompt = prompts(model)[0]
    first = batches(model, [prompt], 1)[0].input_ids[0].tolist().index(IMAGE_ID)
    assert first > 0
    change = (logits(model, prompt, edit(model, "image")) - logits(model, prompt)).abs().amax(-1)
    assert change[first:].max() > 1e-2
    assert not change[:first].any()


def test_scope_image_reaches_earlier_text_where_the_prompt_is_read_in_both_directions(models):
    model = models("paligemma")
    prompt = prompts(model)[0]
    ids = batches(model, [prompt], 1)[0].input_ids[0]
    change = (logits(model, prompt, edit(model, "image")) - logits(model, prompt)).abs().amax(-1)
    assert (ids[: ids.tolist().index(IMAGE_ID)] != IMAGE_ID).all()
    assert change[0] > 1e-3


@pytest.mark.parametrize("family", IN_THE_TEXT)
def test_scopes_image_and_text_together_are_all(models, family):
    model = models(family)
    prompt = prompts(model)[0]
    everywhere = logits(model, prompt, edit(model))
    assert torch.equal(logits(model, prompt, edit(model, "image"), edit(model, "text")), everywhere)
    for scope in ("image", "text"):
        assert not torch.equal(logits(model, prompt, edit(model, scope)), everywhere)


@pytest.mark.parametrize("family", IN_THE_TEXT)
def test_scope_image_acts_in_the_prefill_of_padded_batches_and_beams_alone(models, family):
    model = models(family)
    pair = prompts(model)
    with rescale(model, edit(model, "image")) as applied:
        alone = [continue_batch(model, batches(model, [prompt], 1)[0], 4).input_ids[0, -4:].tolist() for prompt in pair]
    assert set(applied.calls.values()) == {2}
    with rescale(model, edit(model, "image")):
        together = {}
        for batch in batches(model, pair, 2):
            answers = continue_batch(model, batch, 4).input_ids[:, -4:].tolist()
            together |= dict(zip(batch.indices, answers, strict=True))
            model.network.generate(**batch.given, max_new_tokens=2, num_beams=2, do_sample=False)
    assert [together[0], together[1]] == alone
    with rescale(model, edit(model, "text")) as applied:
        continue_batch(model, batches(model, pair[:1], 1)[0], 4)
    assert max(applied.calls.values()) <= 4
    assert min(applied.calls.values()) > 1


@pytest.mark.parametrize("family", IN_THE_TEXT)
def test_capture_over_image_positions_counts_exactly_these(models, family):
    model = models(family)
    pair = prompts(model)
    wanted = [int((batches(model, [prompt], 1)[0].input_ids == IMAGE_ID).sum()) for prompt in pair]
    assert min(wanted) > 0
    found = [
        number for batch in read_mixed(model, [*pair, "w5 w6"], "image", batch_size=2) for number in batch.prompt_of
    ]
    assert [found.count(number) for number in range(3)] == [*wanted, 0]
    assert sum(len(batch.mixed()["L2"]) for batch in read_mixed(model, pair, "image")) == sum(wanted)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_read_again_is_what_hooks_see_while_the_model_answers(models, family):
    model = models(family)
    prompt = prompts(model)[1]
    site = model.anatomy.sites[-1]
    steps = []
    module = model.network.get_submodule(site.path)
    hook = module.register_forward_pre_hook(lambda _, args: steps.append(args[0].clone()))
    full = continue_batch(model, batches(model, [prompt], 1)[0], 4)
    hook.remove()
    decoded = torch.cat(steps[1:], dim=1)[0]
    again = []
    hook = module.register_forward_pre_hook(lambda _, args: again.append(args[0].clone()))
    for batch in read_mixed(model, [prompt], "generated", max_new_tokens=4):
        batch.read(lambda *_: None)
    hook.remove()
    n = int(full.attention_mask[0, -4:-1].sum())
    assert n > 0
    torch.testing.assert_close(again[-1][0, -4:][:n], decoded[:n], atol=1e-5, rtol=1e-4)


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
    with pytest.raises(ValueError, match=reason), rescale(model, edit(model, "image")):
        pass
    with pytest.raises(ValueError, match=reason):
        next(read_mixed(model, prompts(model), "image"))
    cross = [head for head in model.anatomy.heads if head.kind == "cross"]
    change = logits(model, prompts(model)[0], Edit.uniform(cross, 0.0)) - logits(model, prompts(model)[0])
    assert change.abs().max() > 1e-3
    assert torch.equal(logits(model, "w5 w6", Edit.uniform(cross, 0.0)), logits(model, "w5 w6"))


def test_a_text_model_has_no_image_positions():
    import tiny

    model = tiny.word_model()
    with pytest.raises(ValueError, match="LlamaForCausalLM reads no images"), rescale(model, edit(model, "image")):
        pass
    with pytest.raises(ValueError, match="prompt 2 has an image, but tiny-llama was loaded without an image processor"):
        batches(model, ["w5", ImagePrompt("w5", drawing())], 1)


def test_image_positions_are_found_without_a_token_id(models, monkeypatch):
    model = models("llava")
    pair = prompts(model)
    edits = edit(model, "image")
    wanted = [logits(model, prompt, edits) for prompt in pair]
    monkeypatch.setattr("headpursuit.models.image_positions.image_token_id", lambda _: None)
    for prompt, expected in zip(pair, wanted, strict=True):
        assert torch.equal(logits(model, prompt, edits), expected)
    assert [len(batch.prompt_of) for batch in read_mixed(model, pair, "image", batch_size=1)] == [4, 4]


def test_image_positions_that_nothing_tells_are_refused(models, monkeypatch):
    model = models("chameleon")
    monkeypatch.setattr("headpursuit.models.image_positions.image_token_id", lambda _: None)
    with pytest.raises(ValueError, match="config names no image token"):
        logits(model, prompts(model)[0], edit(model, "image"))


def test_a_forward_pass_of_embeddings_alone_cannot_be_followed(models):
    model = models("llava")
    batch = batches(model, prompts(model)[:1], 1)[0]
    embedded = model.network.get_input_embeddings()(batch.input_ids)
    with rescale(model, edit(model, "image")), pytest.raises(ValueError, match="positions cannot be told"):
        model.network(inputs_embeds=embedded)


def test_images_by_hand_in_chunks_over_a_cache(models):
    model = models("llava")
    batch = batches(model, prompts(model)[:1], 1)[0]
    with rescale(model, edit(model, "image")) as applied:
        whole = model.network(**batch.given, use_cache=True)
        step = model.network(torch.tensor([[5]]), past_key_values=whole.past_key_values)
    assert set(applied.calls.values()) == {1}
    text = batches(model, ["w5"], 1)[0]
    with rescale(model, edit(model, "image")) as applied:
        model.network(**text.given)
    assert set(applied.calls.values()) == {0}
    assert step.logits.shape[1] == 1


# Loading, templates, and what cannot be read.


@pytest.fixture(scope="module")
def folder(tmp_path_factory, models):
    return saved(models("llava"), tmp_path_factory.mktemp("vision") / "llava")


def saved(model, path):
    model.network.save_pretrained(path)
    model.processor.save_pretrained(path)
    return path


@pytest.mark.parametrize(
    "family", ["llava", "llava_next", "gemma3", "paligemma", "idefics3", "mllama", "chameleon", "janus"]
)
def test_a_saved_model_is_loaded_with_its_processor(models, family, tmp_path):
    model = models(family)
    again = load(str(saved(model, tmp_path / "m")), device="cpu")
    assert type(again.network) is type(model.network)
    assert type(again.processor) is type(model.processor)
    assert again.tokenizer is again.processor.tokenizer
    assert again.sees_images
    prompt = prompts(model)[0]
    assert torch.equal(logits(again, prompt), logits(model, prompt))
    assert load(str(tmp_path / "m"), weights=False).sees_images


def test_a_text_model_of_a_family_with_vision_is_a_text_model(tmp_path):
    config = hf.Gemma3TextConfig(
        vocab_size=288, hidden_size=32, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2,
        intermediate_size=48, head_dim=8, pad_token_id=0,
    )  # fmt: skip
    hf.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    tiny_vision.tokenizer().save_pretrained(tmp_path)
    model = load(str(tmp_path), device="cpu")
    assert not model.sees_images
    assert answer(model, ["w5 w6"], max_new_tokens=2)


def test_a_vision_model_without_its_processor_is_refused_in_one_line(folder, tmp_path, models):
    models("llava").network.save_pretrained(tmp_path)
    tiny_vision.tokenizer().save_pretrained(tmp_path)
    reason = "cannot load .*: llava is a vision-language model, but its image processor is missing; put the files"
    with pytest.raises(ValueError, match=reason) as refused:
        load(str(tmp_path), device="cpu")
    assert "\n" not in str(refused.value)


def test_another_models_processor_is_refused_when_heads_are_looked_for(models):
    words = tiny_vision.tokenizer()
    other = tiny_vision.PROCESSORS["llava"](words)
    other.num_additional_image_tokens = 3
    model = LanguageModel(tiny_vision.network("llava"), words, processor=other)
    with pytest.raises(AnatomyError, match="cannot read a probe.*do its processor and its weights belong together"):
        model.anatomy  # noqa: B018


TEMPLATE = (
    "{% for m in messages %}w50 {% for part in m.content %}{% if part.type == 'image' %}<image>{% else %}"
    "{{ part.text }}{% endif %} {% endfor %}{% endfor %}{% if add_generation_prompt %}w51{% endif %}"
)
TEXT_ALONE = "{% for part in messages[0].content %}{{ part.text }}{% endfor %}"


def with_template(model, template):
    words = tiny_vision.tokenizer()
    processor = tiny_vision.PROCESSORS["llava"](words)
    processor.chat_template = template
    return LanguageModel(model.network, words, "tiny-llava", processor=processor)


def test_a_chat_begins_with_one_special_token_whoever_adds_it(models):
    """As processors do it: the template of LLaVA 1.5 leaves it to the tokenizer, that of Gemma 3 writes it."""
    for template in (TEMPLATE, "<s> " + TEMPLATE):
        model = with_template(models("llava"), template)
        first = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
        model.tokenizer.backend_tokenizer.post_processor = first
        found = batches(model, [ImagePrompt("w5 w6", drawing()), "w7"], 1, chat=True)
        assert found[0].input_ids.tolist() == [[1, 50, 7, 51]]
        assert found[1].input_ids.tolist() == [[1, 50, *[IMAGE_ID] * 4, 5, 6, 51]]


def test_a_processor_with_a_tokenizer_of_its_own_pads_on_the_left(models):
    apart = tiny_vision.tokenizer()
    apart.padding_side = "right"
    model = LanguageModel(
        models("llava").network, tiny_vision.tokenizer(), processor=tiny_vision.PROCESSORS["llava"](apart)
    )
    (batch,) = batches(model, prompts(model), 2)
    assert batch.attention_mask[:, -1].all()
    assert not batch.attention_mask.all()


def test_what_was_certified_with_text_alone_is_certified_anew_with_an_image():
    network, words = tiny_vision.network("mllama"), tiny_vision.tokenizer()
    with rescale(network, Edit({})):
        pass
    model = LanguageModel(network, words, processor=tiny_vision.PROCESSORS["mllama"](words))
    assert model.certificate.image
    assert any(site.kind == "cross" for site in model.anatomy.sites)
    with rescale(network, Edit.uniform(model.anatomy.heads, 0.0)):
        pass


def test_a_chat_puts_the_image_before_the_question(models):
    model = with_template(models("llava"), TEMPLATE)
    found = batches(model, [ImagePrompt("w5 w6", drawing()), "w7"], 1, chat=True)
    assert found[0].input_ids.tolist() == [[50, 7, 51]]
    assert found[1].input_ids.tolist() == [[50, *[IMAGE_ID] * 4, 5, 6, 51]]


@pytest.mark.parametrize(
    ("template", "text", "chat", "reason"),
    [
        (None, "w5 w6", False, "prompt 2: the text does not say where its image goes; write <image> there, or use"),
        (None, "w5 <image> w6 <image>", False, "prompt 2: the text has 2 places for one image; write <image> once"),
        (None, " <image> ", False, "prompt 2: the text is empty but for <image>"),
        (None, "w5", True, "the tokenizer of tiny-llava has no chat template; leave --chat out"),
        (
            TEXT_ALONE,
            "w5",
            True,
            "prompt 2: the chat template puts no image into the text",
        ),
        (
            "{{ 'w5' + messages[0].content }}",
            "w5",
            True,
            "the chat template cannot write a text .*leave --chat out",
        ),
    ],
)
def test_texts_that_do_not_say_where_the_image_goes_are_refused(models, template, text, chat, reason):
    model = with_template(models("llava"), template)
    with pytest.raises(ValueError, match=reason):
        batches(model, ["w5", ImagePrompt(text, drawing())], 2, chat=chat)


def test_a_place_without_an_image_is_refused(models):
    reason = "prompt 2 has a place for an image, <image>, but no image; name one"
    with pytest.raises(ValueError, match=reason):
        batches(models("llava"), ["w5", "<image> w6"], 2)


def test_missing_and_broken_files_are_found_before_the_model_runs(models, tmp_path):
    model = models("llava")
    (tmp_path / "broken.png").write_text("no picture")
    for name, kind in (("gone.png", FileNotFoundError), ("broken.png", ValueError)):
        with pytest.raises(kind, match=f"prompt 2: .*{name}"):
            batches(model, [prompts(model)[0], asking(model, "{} w5", tmp_path / name)], 2)


def test_pictures_are_opened_when_their_batch_is_taken(models, tmp_path):
    model = models("llava")
    drawing().save(tmp_path / "a.png")
    found = batches(model, [asking(model, "{} w5", tmp_path / "a.png")] * 2, 1)
    assert len(found) == 2
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    with pytest.raises(ValueError, match="prompt 1: .*a.png"):
        found[0]


def test_a_prompt_with_an_image_that_does_not_fit_is_refused(models):
    model = models("llava")
    long = asking(model, "{} " + " w5" * 600, drawing())
    with pytest.raises(ValueError, match="prompt 1 takes 604 tokens, but the context holds"):
        batches(model, [long], 1)[0]


def test_texts_with_images_have_likelihoods(models):
    model = models("llava")
    (found,) = log_probabilities(model, prompts(model)[:1])
    assert len(found[1]) == batches(model, prompts(model)[:1], 1)[0].input_ids.shape[1] - 1
