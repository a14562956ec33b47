"""Vision-language models of sixteen families, with their own processors and real pictures."""

import pytest
import tiny_vision
import torch
import transformers as hf
from tiny_vision import FAMILIES, IMAGE_ID, IN_THE_TEXT, asking, drawing, logits, two_prompts, uneven_edit
from tokenizers.processors import TemplateProcessing

from headpursuit.heads import Edit
from headpursuit.media import ImagePrompt
from headpursuit.models import AnatomyError, LanguageModel, answer, load, log_probabilities, read_mixed, rescale
from headpursuit.models.batches import batches
from headpursuit.models.text import continue_batch, read_logits


@pytest.fixture(scope="session")
def models():
    """Shared ones, which tests leave as they are."""
    return tiny_vision.shared


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
    found, mixed = {}, [*two_prompts(model), *texts]
    for batch in batches(model, mixed, 2):
        for number, row, mask in zip(batch.indices, read_logits(model, batch), batch.attention_mask, strict=True):
            found[number] = row[mask.bool()]
    for number, prompt in enumerate(mixed):
        torch.testing.assert_close(found[number], logits(model, prompt), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_pictures_matter_and_answers_of_a_batch_are_those_of_single_prompts(models, family):
    model = models(family)
    first, second = two_prompts(model)
    other = ImagePrompt(first.text, drawing(2))
    assert (logits(model, first) - logits(model, other)).abs().max() > 1e-3
    mixed = [first, "w20 w21 w22", second, other, "w30"]
    alone = [answer(model, [prompt], max_new_tokens=4)[0] for prompt in mixed]
    assert len(set(alone)) > 2
    assert answer(model, mixed, max_new_tokens=4, batch_size=3) == alone


@pytest.mark.parametrize("family", FAMILIES)
def test_edits_change_the_output_and_scale_one_does_not(models, family):
    model = models(family)
    prompt = two_prompts(model)[0]
    plain = logits(model, prompt)
    assert torch.equal(logits(model, prompt, Edit.uniform(model.anatomy.heads, 1.0)), plain)
    assert (logits(model, prompt, uneven_edit(model)) - plain).abs().max() > 1e-2


@pytest.mark.parametrize("family", IN_THE_TEXT)
def test_capture_over_image_positions_counts_exactly_these(models, family):
    model = models(family)
    pair = two_prompts(model)
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
    prompt = two_prompts(model)[1]
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory, models):
    return saved(models("llava"), tmp_path_factory.mktemp("vision") / "llava")


def saved(model, path):
    model.network.save_pretrained(path)
    model.processor.save_pretrained(path)
    return path


@pytest.mark.parametrize(
    "family",
    [
        *("llava", "gemma3", "idefics3", "mllama"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("llava_next", "paligemma", "chameleon", "janus")),
    ],
)
def test_a_saved_model_is_loaded_with_its_processor(models, family, tmp_path):
    model = models(family)
    again = load(str(saved(model, tmp_path / "m")), device="cpu")
    assert type(again.network) is type(model.network)
    assert type(again.processor) is type(model.processor)
    assert again.tokenizer is again.processor.tokenizer
    assert again.sees_images
    prompt = two_prompts(model)[0]
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
    (batch,) = batches(model, two_prompts(model), 2)
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
        (None, "w5", True, "the tokenizer of tiny-llava has no chat template; leave `chat` out"),
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
            "the chat template cannot write a text .*leave `chat` out",
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
            batches(model, [two_prompts(model)[0], asking(model, "{} w5", tmp_path / name)], 2)


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
    (found,) = log_probabilities(model, two_prompts(model)[:1])
    assert len(found[1]) == batches(model, two_prompts(model)[:1], 1)[0].input_ids.shape[1] - 1
