"""Encoder-decoders that see: opened whole with their processors; heads of every kind certified, captured, rescaled."""

import pytest
import tiny_readers
import torch
from tiny_readers import ALONE, SOME_FAMILIES
from tiny_vision import drawing

from headpursuit.analysis import capture, diagnose, rank, read_prompts
from headpursuit.concepts import Concept
from headpursuit.heads import Edit
from headpursuit.media import ImagePrompt
from headpursuit.models import answer, batches, export, load, logit_changes, read_mixed, rescale, verify_export
from headpursuit.models.text import read_logits
from headpursuit.settings import CaptureConfig, RankConfig


@pytest.fixture(scope="session")
def models():
    """Shared ones, which tests leave as they are."""
    return tiny_readers.shared


@pytest.fixture(scope="module")
def folder_of(models, tmp_path_factory):
    def save(family):
        folder = tmp_path_factory.mktemp(family) / "m"
        models(family).network.save_pretrained(folder)
        models(family).processor.save_pretrained(folder)
        return str(folder)

    return save


def pages(model):
    """Prompts about three pictures; one of them has the beginning of its answer, or another question."""
    texts = ("", "w5 w6", "") if model.encoder_sense else ("w5", "w6 w7 w8", "w5")
    shapes = ((40, 30), (40, 30), (30, 60))
    return [ImagePrompt(text, drawing(i, shape)) for i, (text, shape) in enumerate(zip(texts, shapes, strict=True))]


def next_logits(model, edit=None, prompts=None):
    """Of the next token of one prompt: (vocab,)."""
    (batch,) = batches(model, prompts or pages(model)[:1], 1)
    with torch.no_grad(), rescale(model, edit or {}):
        return read_logits(model, batch)[0, -1]


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_heads_of_decoder_cross_attention_and_encoder_are_certified(family, models):
    anatomy, certificate = models(family).anatomy, models(family).certificate
    assert {site.kind for site in anatomy.sites} == {"self", "cross"}
    assert certificate.image and not certificate.sound and certificate.firing == 3
    assert bool(anatomy.encoder) == (certificate.n_encoder_heads > 0)
    assert models(family).reads == (("images",) if family in ALONE else ("text", "images"))


@pytest.mark.parametrize("family", ALONE)
def test_encoder_heads_of_what_sees_are_rescaled(family, models):
    model = models(family)
    assert model.certificate.n_encoder_heads >= 6
    change = next_logits(model, {f"E{model.anatomy.encoder[-1].layer}H1": -2}) - next_logits(model)
    assert change.abs().max() > 1e-4


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_batches_hold_answers_that_begin_alike_and_are_read_as_alone(family, models):
    model = models(family)
    prompts = pages(model)
    found = {}
    for batch in batches(model, prompts, 3):
        for number, row in zip(batch.indices, read_logits(model, batch)[:, -1], strict=True):
            found[number] = row
    for number, prompt in enumerate(prompts):
        torch.testing.assert_close(found[number], next_logits(model, prompts=[prompt]), rtol=1e-4, atol=1e-5)
    assert (found[0] - found[2]).abs().max() > 1e-4


@pytest.mark.parametrize(("family", "start"), [("trocr", [2, 5, 6]), ("donut", [5, 6])])
def test_a_text_begins_the_answer_and_names_donuts_task(family, start, models):
    (batch,) = batches(models(family), ImagePrompt("w5 w6", drawing()), 1)
    assert batch.input_ids.tolist() == [start]


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_mixed_values_of_answers_are_those_at_the_projection(family, models):
    model = models(family)
    site, prompt = model.anatomy.sites[3], pages(model)[1]
    (batch,) = read_mixed(model, prompt, "generated", max_new_tokens=4)
    seen = []
    hook = model.network.get_submodule(site.path).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    try:
        answer(model, prompt, max_new_tokens=5)
    finally:
        hook.remove()
    expected = torch.cat(seen[1:], dim=1)[0].unflatten(-1, (site.n_heads, site.d_head))
    torch.testing.assert_close(batch.mixed()[site.name].float(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_a_saved_model_is_loaded_whole_and_answers_as_before(family, folder_of, models):
    model, again = models(family), load(folder_of(family), device="cpu")
    assert type(again.network) is type(model.network)
    assert again.sees_images and again.has_encoder and not again.hears and not again.file_flags
    assert answer(again, pages(again), max_new_tokens=4) == answer(model, pages(model), max_new_tokens=4)


@pytest.mark.parametrize("family", ["trocr", "florence2"])
def test_heads_are_ranked_with_their_kind(family, models):
    model = models(family)
    captured = capture(model, pages(model), CaptureConfig(positions="generated", max_new_tokens=6))
    ranking = rank(model, captured, Concept("some", ("w5", "w6", "w7")), RankConfig(n_draws=4))
    assert {head.kind for head in ranking.by_head()} == {"self", "cross"}
    assert len(ranking.by_head()) == model.certificate.n_heads


def test_the_effect_of_an_encoder_s_head_is_all_indirect(models):
    model = models("pix2struct")
    total = next_logits(model, {"E1H1": -2}) - next_logits(model)
    ((found,),) = logit_changes(model, [Edit({"E1H1": -2})], pages(model)[:1])
    torch.testing.assert_close(found.total[0], total, rtol=1e-3, atol=1e-5)
    assert not found.direct.any()


@pytest.mark.parametrize(("family", "form"), [("trocr", "weights"), ("pix2struct", "weights"), ("trocr", "lora")])
def test_exports_do_what_the_edit_does(family, form, folder_of, tmp_path):
    model = load(folder_of(family), device="cpu")
    made = export(model, Edit({"L1H0": -1, "L2XH3": 2, "E1H1": 0}), tmp_path / "e", form)
    assert made.difference.passed
    assert verify_export(tmp_path / "e").passed


@pytest.mark.parametrize("family", ["trocr", "florence2"])
def test_doctor_says_how_images_are_read(family, models):
    said = dict(diagnose(models(family)).lines())
    assert ("its encoder sees, prompts are images" in said["vision"]) == (family == "trocr")
    assert "by its encoder, so that no position" in said["vision"] or family == "trocr"
    assert ("images a second" in said["capture"]) == (family == "trocr")


def test_tables_name_images_without_a_text(tmp_path, models):
    drawing().save(tmp_path / "a.png")
    (tmp_path / "p.csv").write_text("image_path,label\na.png,x\n")
    (prompt,) = read_prompts(tmp_path / "p.csv")
    assert prompt == ImagePrompt("", tmp_path / "a.png")
    assert answer(models("trocr"), [prompt], max_new_tokens=2)


@pytest.mark.parametrize(
    ("family", "prompt", "chat", "reason"),
    [
        ("trocr", "w5", False, "prompt 1: it is text, but tiny-trocr sees; give images \\(image_path\\)"),
        ("trocr", ImagePrompt("w5", drawing()), True, "prompt 1: it is an image, which no chat template can write"),
        ("florence2", ImagePrompt("<image> w5", drawing()), False, "<image>, is written before every text anyway"),
        ("florence2", ImagePrompt("", drawing()), False, "prompt 1: the text is empty"),
    ],
)
def test_prompts_that_cannot_be_read_are_named(family, prompt, chat, reason, models):
    with pytest.raises(ValueError, match=reason):
        answer(models(family), [prompt], chat=chat)


def test_positions_of_images_are_refused_where_they_enter_by_the_encoder(models):
    with pytest.raises(ValueError, match="by its encoder, so that no position of its answer is an image's"):
        next(read_mixed(models("florence2"), pages(models("florence2")), "image"))
