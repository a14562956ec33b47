"""Encoder-decoders that read text or hear: opened whole; heads of every kind certified, rescaled, captured."""

import numpy as np
import peft
import pytest
import tiny
import tiny_translators as translators
import torch

from headpursuit.analysis import capture, rank
from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head
from headpursuit.media import AudioPrompt, Sound
from headpursuit.models import answer, batches, export, load, logit_changes, read_mixed, rescale, snippet, verify_export
from headpursuit.models.text import read_logits
from headpursuit.settings import CaptureConfig, RankConfig

FAMILIES = tuple(translators.NETWORKS)
TEXTS = ["w9 w20 w33", "w5 w6 w7 w8 w9 w10", "w77"]
CLASSES = {
    "t5": "T5ForConditionalGeneration",
    "bart": "BartForConditionalGeneration",
    "marian": "MarianMTModel",
    "whisper": "WhisperForConditionalGeneration",
}


def sound(number=0, seconds=0.5):
    """Noise unlike any other."""
    return AudioPrompt(Sound(np.random.default_rng(number).normal(0, 0.1, int(16000 * seconds)), 16000))


def prompts_for(family):
    return [sound(i) for i in range(3)] if family == "whisper" else TEXTS


@pytest.fixture(scope="module")
def models():
    found = {}
    return lambda family: found.setdefault(family, translators.model(family))


@pytest.fixture(scope="module")
def folder_of(models, tmp_path_factory):
    def save(family):
        folder = tmp_path_factory.mktemp(family) / "m"
        model = models(family)
        model.network.save_pretrained(folder)
        (model.processor or model.tokenizer).save_pretrained(folder)
        return folder

    return save


@pytest.mark.parametrize("family", FAMILIES)
def test_load_opens_the_encoder_too(family, folder_of):
    loaded = load(str(folder_of(family)), device="cpu")
    assert type(loaded.network).__name__ == CLASSES[family]
    assert loaded.has_encoder
    assert loaded.hears == (family == "whisper")
    assert not loaded.sees_images
    assert not loaded.file_flags


@pytest.mark.parametrize("family", FAMILIES)
def test_heads_of_decoder_cross_attention_and_encoder_are_certified(family, models):
    anatomy, certificate = models(family).anatomy, models(family).certificate
    assert [site.name for site in anatomy.sites] == ["L0", "L0X", "L1", "L1X", "L2", "L2X"]
    assert [site.name for site in anatomy.encoder] == ["E0", "E1", "E2"]
    assert (certificate.n_heads, certificate.n_encoder_heads) == (24, 12 if family == "t5" else 6)
    assert certificate.identity
    assert certificate.isolation
    assert certificate.firing == 3
    assert anatomy.site_of(Head(1, 0, "encoder")).path.startswith(("encoder.", "model.encoder."))


def next_logits(model, edit=None, prompts=None):
    (batch,) = batches(model, prompts or prompts_for("whisper" if model.hears else "t5")[:1], 1)
    with rescale(model, edit or {}), torch.no_grad():
        return read_logits(model, batch)[0, -1]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("head", ["L1H3", "L1XH3", "E1H1"])
def test_an_edit_is_what_scaling_the_columns_does(family, head, models):
    model, base = models(family), next_logits(models(family))
    edited = next_logits(model, {head: -2.0})
    assert not torch.allclose(edited, base, atol=1e-5)
    site, index = model.anatomy.site_of(Head.parse(head)), Head.parse(head).index
    columns = model.network.get_submodule(site.path).weight.data[:, site.slice_of(index)]
    columns *= -2.0
    try:
        torch.testing.assert_close(next_logits(model), edited, rtol=1e-4, atol=1e-5)
    finally:
        columns /= -2.0
    assert torch.equal(next_logits(model), base)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_edit_of_the_encoder_acts_in_generate(family, models):
    model = models(family)
    prompts = prompts_for(family)
    base = answer(model, prompts, max_new_tokens=8)
    with rescale(model, Edit.uniform([head for site in model.anatomy.encoder for head in site.heads], -3)) as applied:
        answer(model, prompts, max_new_tokens=8, batch_size=1)
    assert applied.calls == {"E0": 3, "E1": 3, "E2": 3}  # once for each answer
    assert answer(model, prompts, max_new_tokens=8) == base


def test_heads_of_the_encoder_take_no_other_scope_than_all(models):
    with (
        pytest.raises(ValueError, match="E0H1 is in the encoder, which reads its whole source before"),
        rescale(models("t5"), Edit({"E0H1": 0}, "prompt")),
    ):
        pass


@pytest.mark.parametrize("family", FAMILIES)
def test_edits_of_rows_are_those_of_each_alone(family, models):
    model, edits = models(family), [{}, {"E1H0": -2, "L1XH2": 3}, {"L0H1": 0}]
    prompts = prompts_for(family) if family == "whisper" else ["w9 w20 w33", "w5 w6 w7", "w8 w9 w11"]
    (batch,) = batches(model, prompts, 3)
    with torch.no_grad():
        with rescale(model, edits):
            together = read_logits(model, batch)
        for row, edit in enumerate(edits):
            with rescale(model, edit):
                assert torch.equal(read_logits(model, batch)[row], together[row])


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_those_of_plain_greedy_decoding(family, models):
    model, prompts = models(family), prompts_for(family)
    (batch,) = batches(model, prompts[:1], 1)
    ids = batch.input_ids
    for _ in range(6):
        with torch.no_grad():
            logits = model.network(**batch.source, decoder_input_ids=ids, use_cache=False).logits
        ids = torch.cat([ids, logits[:, -1:].argmax(-1)], dim=1)
    told = model.tokenizer.decode(ids[0, batch.input_ids.shape[1] :].tolist(), skip_special_tokens=True)
    assert answer(model, prompts[:1], max_new_tokens=6) == [told]
    assert answer(model, prompts, max_new_tokens=6) == [answer(model, [one], max_new_tokens=6)[0] for one in prompts]


@pytest.mark.parametrize("family", translators.READING)
def test_prompts_of_several_lengths_share_a_batch_and_are_read_as_alone(family, models):
    model = models(family)
    assert model.certificate.padding
    (batch,) = batches(model, TEXTS, 8)
    with torch.no_grad():
        together = read_logits(model, batch)
        for row, number in enumerate(batch.indices):
            (alone,) = batches(model, [TEXTS[number]], 1)
            torch.testing.assert_close(together[row], read_logits(model, alone)[0], rtol=1e-4, atol=1e-5)


def test_the_prompt_keeps_its_end_token():
    model = translators.model("t5")
    model.tokenizer.encode = lambda _, add_special_tokens=True: [5, 6, *([3] if add_special_tokens else [])]
    (batch,) = batches(model, ["w5 w6"], 1)
    assert batch.source["input_ids"].tolist() == [[5, 6, 3]]
    assert batch.input_ids.tolist() == [[2]]


def test_a_language_to_translate_into_stands_behind_the_start():
    model = translators.model("bart")
    model.network.generation_config.forced_bos_token_id = 42
    (batch,) = batches(model, ["w5 w6"], 1)
    assert batch.input_ids.tolist() == [[2, 42]]


@pytest.mark.parametrize("family", FAMILIES)
def test_mixed_values_of_answers_are_those_at_the_projection(family, models):
    model, site = models(family), models(family).anatomy.sites[3]
    assert site.name == "L1X"
    (batch,) = read_mixed(model, prompts_for(family)[:1], "generated", max_new_tokens=4)
    seen = []
    hook = model.network.get_submodule(site.path).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    try:
        answer(model, prompts_for(family)[:1], max_new_tokens=5)
    finally:
        hook.remove()
    mixed = batch.mixed()
    assert sorted(mixed) == ["L0", "L0X", "L1", "L1X", "L2", "L2X"]  # the encoder writes into another stream
    expected = torch.cat(seen[1:], dim=1)[0].unflatten(-1, (4, 8))
    torch.testing.assert_close(mixed["L1X"].float(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["t5", "whisper"])
def test_heads_are_ranked_with_their_kind(family, models):
    model = models(family)
    captured = capture(model, prompts_for(family), CaptureConfig(positions="generated", max_new_tokens=6))
    ranking = rank(
        model,
        captured,
        Concept("some", ("ab", "ac", "ad") if model.hears else ("w5", "w6", "w7")),
        RankConfig(n_draws=4),
    )
    assert {head.kind for head in ranking.by_head()} == {"self", "cross"}
    assert len(ranking.by_head()) == 24


@pytest.mark.parametrize(
    ("family", "form"),
    [("t5", "weights"), ("bart", "ia3"), ("bart", "lora"), ("whisper", "weights"), ("whisper", "ia3")],
)
def test_exports_do_what_the_edit_does(family, form, folder_of, tmp_path):
    model = load(str(folder_of(family)), device="cpu")
    edit = Edit({"L1H0": -1, "L2XH3": 2, "E1H1": 0})
    made = export(model, edit, tmp_path / "e", form, prompts=None if model.hears else TEXTS)
    assert made.difference.passed
    assert verify_export(tmp_path / "e").passed


def test_sound_is_refused_by_models_that_read_and_text_by_those_that_hear(models):
    with pytest.raises(ValueError, match="prompt 1 is sound, but tiny-t5 does not hear"):
        answer(models("t5"), sound())
    with pytest.raises(ValueError, match="prompt 2: it is text, but tiny-whisper hears; give sound"):
        answer(models("whisper"), [sound(), "w5"])
    with pytest.raises(ValueError, match="prompt 1: the sound takes 3.0 s, but the model hears 2 s at once; cut it"):
        answer(models("whisper"), sound(seconds=3))


def test_a_model_that_hears_without_what_prepares_sound_is_refused(tmp_path):
    translators.network("whisper").save_pretrained(tmp_path)
    tiny.word_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="whisper listens, but what prepares sound for it is missing; put the file"):
        load(str(tmp_path), device="cpu")


def test_a_ranking_can_be_of_one_kind_of_heads(models, as_users_run_it):
    model = models("bart")
    captured = capture(model, TEXTS, CaptureConfig(positions="generated", max_new_tokens=6))
    ranking = rank(model, captured, Concept("some", ("w5", "w6", "w7")), RankConfig(n_draws=4))
    crossing = ranking.of_kind("cross")
    assert crossing.entries == tuple(entry for entry in ranking.entries if entry.head.kind == "cross")
    assert len(crossing.top("100%")) == 12
    with pytest.raises(ValueError, match="write into a stream that no unembedding reads, so that no token explains"):
        ranking.of_kind("encoder")
    with pytest.raises(ValueError, match="no heads of kind 'up'; choose self or cross"):
        ranking.of_kind("up")


@pytest.mark.parametrize("family", ["t5", "whisper"])
def test_the_effect_of_an_encoder_s_head_is_all_indirect(family, models):
    model, prompts = models(family), prompts_for("t5" if family == "t5" else "whisper")[:2]
    base = torch.stack([next_logits(model, prompts=[one]) for one in prompts])
    edited = torch.stack([next_logits(model, {"E1H1": -2}, [one]) for one in prompts])
    found = [
        change for changes in logit_changes(model, [Edit({"E1H1": -2})], prompts, batch_size=1) for change in changes
    ]
    order = [number for batch in batches(model, prompts, 1) for number in batch.indices]
    total = torch.cat([change.total for change in found])
    torch.testing.assert_close(total, (edited - base)[order], rtol=1e-3, atol=1e-5)
    assert total.abs().max() > 1e-3
    assert all(not change.direct.any() for change in found)
    ((crossing,),) = logit_changes(model, [Edit({"L2XH1": -2})], prompts[:1])
    assert crossing.direct.any()


def whisper_that_knows(**settings):
    """A Whisper whose generation config has languages and tasks."""
    model = translators.model("whisper")
    known = dict(
        lang_to_id={"<|de|>": 50, "<|en|>": 51}, task_to_id={"transcribe": 60, "translate": 61}, is_multilingual=True
    )
    for name, value in (known | {"no_timestamps_token_id": 70} | settings).items():
        setattr(model.network.generation_config, name, value)
    return model


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({"language": "en", "task": "transcribe"}, [2, 51, 60, 70]),
        ({"language": "<|de|>", "task": "translate"}, [2, 50, 61, 70]),
        ({"language": "de"}, [2, 50, 60, 70]),
        ({"language": "German"}, [2, 50, 60, 70]),
        ({"is_multilingual": False}, [2, 70]),
    ],
)
def test_whisper_begins_with_language_and_task(settings, start):
    (batch,) = batches(whisper_that_knows(**settings), [sound(0), sound(1)], 2)
    assert batch.input_ids.tolist() == [start, start]


def test_a_whisper_that_is_told_no_language_hears_which_one_it_is():
    model = whisper_that_knows(task="transcribe")
    (batch,) = batches(model, [sound(0), sound(1)], 2)
    likelier = []
    for i in batch.indices:
        (alone,) = batches(model, [sound(i)], 1)
        with torch.no_grad():
            logits = model.network(**alone.source, decoder_input_ids=torch.tensor([[2]])).logits[0, -1]
        likelier.append(50 if logits[50] > logits[51] else 51)
    assert batch.input_ids[:, 1].tolist() == likelier


def test_a_language_or_task_that_a_model_lacks_is_named():
    with pytest.raises(ValueError, match="the model lacks the language 'xx' of its generation config; it has de, en"):
        batches(whisper_that_knows(language="xx"), [sound()], 1)[0]
    with pytest.raises(ValueError, match="it has none"):
        batches(whisper_that_knows(language="en", lang_to_id={}), [sound()], 1)[0]
    with pytest.raises(ValueError, match="the model lacks the task 'sing' of its generation config; it has transcribe"):
        batches(whisper_that_knows(language="en", task="sing"), [sound()], 1)[0]


def test_code_for_transformers_answers_as_the_live_edit_does(folder_of):
    model, edit = load(str(folder_of("t5")), device="cpu"), Edit({"L1XH0": -2, "E0H1": 3})
    found = {}
    exec(snippet(model, edit, "transformers").replace("The capital of Kenya is", TEXTS[0]), found)
    given = model.tokenizer(TEXTS[0], return_tensors="pt")
    with rescale(model, edit):
        assert torch.equal(model.network.generate(**given), found["ids"])
    with pytest.raises(ValueError, match="nnsight is given a text to continue, and this is an encoder-decoder"):
        snippet(model, edit, "nnsight")


@pytest.mark.parametrize("family", ["bart", "whisper"])
def test_peft_puts_an_adapter_on_what_reads_or_hears(family, folder_of, tmp_path):
    model, edit = load(str(folder_of(family)), device="cpu"), Edit({"L1XH0": -2, "E0H1": 3})
    (batch,) = batches(model, prompts_for(family)[:1], 1)
    export(model, edit, tmp_path / "e", "lora")
    expected = next_logits(model, edit, prompts_for(family)[:1])
    adapted = peft.PeftModel.from_pretrained(model.network, tmp_path / "e")
    with torch.no_grad():
        found = adapted(**batch.given, use_cache=False).logits[0, -1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
