"""Decoders that hear through places in their text: opened whole, certified, captured, edited where they hear."""

import pytest
import tiny_hearing
import tiny_vision
import torch
from tiny_hearing import AUDIO_ID, SOME_FAMILIES, asking, sound, two_prompts
from tiny_vision import logits, uneven_edit

from headpursuit.analysis import capture, rank
from headpursuit.concepts import Concept
from headpursuit.heads import Edit
from headpursuit.media import AudioPrompt, ImagePrompt
from headpursuit.models import LanguageModel, answer, batches, export, load, read_mixed, rescale, verify_export
from headpursuit.models.effects import logit_changes
from headpursuit.models.text import continue_batch, read_logits
from headpursuit.settings import CaptureConfig, RankConfig


@pytest.fixture(scope="session")
def models():
    """Shared ones, which tests leave as they are."""
    return tiny_hearing.shared


def saved(model, path, template=None):
    if template:
        model.processor.chat_template = template
    model.network.save_pretrained(path)
    model.processor.save_pretrained(path)
    return str(path)


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_heads_are_certified_with_a_sound_in_the_prompt(models, family):
    certificate = models(family).certificate
    assert (certificate.n_heads, certificate.sound, certificate.image, certificate.firing) == (16, True, False, 3)
    assert models(family).reads == ("text", "sound")


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_a_batch_equals_its_prompts_one_by_one(models, family):
    model = models(family)
    found, mixed = {}, [*two_prompts(model), "w20 w21 w22 w23", "w30"]
    for batch in batches(model, mixed, 2):
        for number, row, mask in zip(batch.indices, read_logits(model, batch), batch.attention_mask, strict=True):
            found[number] = row[mask.bool()]
    for number, prompt in enumerate(mixed):
        torch.testing.assert_close(found[number], logits(model, prompt), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_sounds_matter_and_answers_of_a_batch_are_those_of_single_prompts(models, family):
    model = models(family)
    first, second = two_prompts(model)
    other = AudioPrompt(sound(7), first.text)
    assert (logits(model, first) - logits(model, other)).abs().max() > 1e-3
    mixed = [first, "w20 w21 w22", second, other, "w30"]
    alone = [answer(model, [prompt], max_new_tokens=4)[0] for prompt in mixed]
    assert answer(model, mixed, max_new_tokens=4, batch_size=3) == alone


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_capture_over_audio_positions_counts_exactly_these(models, family):
    model = models(family)
    pair = two_prompts(model)
    wanted = [int((batches(model, [prompt], 1)[0].input_ids == AUDIO_ID).sum()) for prompt in pair]
    assert 1 < wanted[0] < wanted[1]
    found = [
        number for batch in read_mixed(model, [*pair, "w5 w6"], "audio", batch_size=2) for number in batch.prompt_of
    ]
    assert [found.count(number) for number in range(3)] == [*wanted, 0]


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_scope_audio_leaves_what_comes_before_the_sound_and_with_text_is_all(models, family):
    model = models(family)
    prompt = two_prompts(model)[0]
    first = batches(model, [prompt], 1)[0].input_ids[0].tolist().index(AUDIO_ID)
    assert first > 0
    change = (logits(model, prompt, uneven_edit(model, "audio")) - logits(model, prompt)).abs().amax(-1)
    assert change[first:].max() > 1e-2
    assert not change[:first].any()
    everywhere = logits(model, prompt, uneven_edit(model))
    assert torch.equal(logits(model, prompt, uneven_edit(model, "audio"), uneven_edit(model, "text")), everywhere)


def test_scope_audio_acts_in_the_prefill_of_padded_batches_alone(models):
    model = models("qwen2_audio")
    pair = two_prompts(model)
    with rescale(model, uneven_edit(model, "audio")) as applied:
        alone = [continue_batch(model, batches(model, [prompt], 1)[0], 4).input_ids[0, -4:].tolist() for prompt in pair]
    assert set(applied.calls.values()) == {2}
    with rescale(model, uneven_edit(model, "audio")):
        (batch,) = batches(model, pair, 2)
        together = dict(zip(batch.indices, continue_batch(model, batch, 4).input_ids[:, -4:].tolist(), strict=True))
    assert [together[0], together[1]] == alone


def test_audio_positions_are_found_without_a_token_id(models, monkeypatch):
    model = models("qwen2_audio")
    edit, pair = uneven_edit(model, "audio"), two_prompts(model)
    wanted = [logits(model, prompt, edit) for prompt in pair]
    monkeypatch.setattr("headpursuit.models.senses.sense.Sense.token_id", lambda *_: None)
    for prompt, expected in zip(pair, wanted, strict=True):
        assert torch.equal(logits(model, prompt, edit), expected)


def test_positions_of_what_is_not_read_are_refused(models):
    model = models("qwen2_audio")
    with pytest.raises(ValueError, match="reads no images, so that no position is an image's"):
        next(read_mixed(model, two_prompts(model), "image"))
    with pytest.raises(ValueError, match="reads no sound, so that no position is a sound's"):
        logits(tiny_vision.shared("llava"), "w5 w6", uneven_edit(tiny_vision.shared("llava"), "audio"))
    with pytest.raises(ValueError, match="prompt 1 has an image, but tiny-qwen2_audio was loaded without"):
        answer(model, ImagePrompt("w5", tiny_vision.drawing()))


def test_the_direct_part_of_a_prompt_that_ends_with_its_sound():
    model = tiny_hearing.hearing_model("qwen2_audio")
    last = model.anatomy.sites[-1]
    model.network.get_submodule(last.path.replace("self_attn.o_proj", "mlp.down_proj")).weight.data.zero_()
    pair = [asking(model, "w5 w6 {}", sound()), asking(model, "{} w5", sound(1))]
    ((changes,),) = logit_changes(model, [Edit.uniform(last.heads, -1.0, "audio")], pair)
    assert changes.total.abs().amax(1).gt(1e-3).tolist().count(True) == 1
    torch.testing.assert_close(changes.direct, changes.total, atol=1e-5, rtol=1e-4)


_TEMPLATE = (
    "{% for part in messages[0].content %}{% if part.type == 'audio' %}<sound>{% else %}{{ part.text }}{% endif %} "
    "{% endfor %}w51"
)


@pytest.mark.parametrize(
    "family", ["qwen2_audio", *(pytest.param(one, marks=pytest.mark.slow) for one in ("glmasr", "qwen3_asr"))]
)
def test_a_saved_model_is_loaded_with_its_ears_and_asked_in_its_template(family, tmp_path):
    model = tiny_hearing.hearing_model(family)
    again = load(saved(model, tmp_path / "m", _TEMPLATE), device="cpu")
    assert type(again.network) is type(model.network)
    assert type(again.processor) is type(model.processor)
    assert again.hears and not again.sees_images and not again.file_flags
    named, asked = AudioPrompt(sound(), "<sound> w5 w6 w51"), AudioPrompt(sound(), "w5 w6")
    assert torch.equal(logits(again, named), logits(model, named))
    assert answer(again, asked, chat=True, max_new_tokens=3) == answer(model, named, max_new_tokens=3)
    assert answer(again, AudioPrompt(sound()), chat=True, max_new_tokens=3)


def test_heads_are_ranked_and_exported(tmp_path):
    model = load(saved(tiny_hearing.hearing_model("qwen2_audio"), tmp_path / "m"), device="cpu")
    captured = capture(model, two_prompts(model), CaptureConfig(positions="audio"))
    assert captured.n_samples > 10
    ranking = rank(model, captured, Concept("some", ("w5", "w6", "w7")), RankConfig(n_draws=4))
    assert len(ranking.by_head()) == 16
    made = export(model, Edit({"L1H0": -1, "L2H3": 2}), tmp_path / "e", "weights", prompts=["w5 w6", "w7 w8 w9"])
    assert made.difference.passed
    assert verify_export(tmp_path / "e").passed


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("w5 <sound>", "prompt 1 has a place for a sound, <sound>, but no sound; name one \\(audio_path\\)"),
        (AudioPrompt(sound(), "w5"), "prompt 1: the text does not say where its sound goes; write <sound> there"),
        (AudioPrompt(sound(), "<sound> <sound>"), "prompt 1: the text has 2 places for one sound; write <sound> once"),
        (AudioPrompt(sound(0, 3), "<sound>"), "prompt 1: the sound takes 3.0 s, but the model hears 2 s at once"),
    ],
)
def test_prompts_that_cannot_be_heard_are_named(models, prompt, reason):
    with pytest.raises(ValueError, match=reason):
        answer(models("qwen2_audio"), prompt)


def test_a_processor_of_sound_belongs_to_a_transformers_model(models):
    model = models("qwen2_audio")
    assert answer(model.network, two_prompts(model), tokenizer=model.processor, max_new_tokens=2)
    assert LanguageModel(model.network, model.tokenizer).reads == ("text",)
