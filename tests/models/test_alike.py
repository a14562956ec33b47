"""Rows that are alike are computed once, and every answer is what its edit gives alone."""

from importlib import import_module

import by_hand
import pytest
import tiny_translators
import tiny_vision
import transformers as hf
from by_hand import edit, ids
from tiny import language_model, text_of, word_model, word_tokenizer

from headpursuit.heads import Edit, Head
from headpursuit.models import LanguageModel, alike_refusal, answer, answers_under, rescale

under = import_module("headpursuit.models.answers_under")
EDITS = [
    Edit({}),
    Edit({Head(2, 3): 20.0}),
    Edit({Head(2, 3): 20.0, Head(1, 1): -20.0}),
    Edit({Head(0, 1): 20.0, Head(1, 2): -20.0, Head(2, 3): 20.0}),
    Edit({Head(1, 1): -20.0}),
]
FAMILIES = ["llama", "qwen3", "gpt2", "gpt_neox", "opt", "phi", "falcon_new", "bert", "gemma2"]
PROMPTS = [text_of(ids(9, 1)), text_of(ids(5, 2)), text_of(ids(5, 3)), text_of(ids(1, 4))]


def alone(model, prompts, edits, **options):
    """The answers under each edit by itself."""
    found = []
    for one in edits:
        with rescale(model, one):
            found.append(tuple(answer(model, prompts, **options)))
    return found


def texts(found):
    return [one.texts for one in found]


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_those_of_each_edit_alone(family):
    model = word_model(family)
    assert alike_refusal(model) == ""
    expected = alone(model, PROMPTS, EDITS, max_new_tokens=4)
    assert texts(answers_under(model, PROMPTS, EDITS, max_new_tokens=4)) == expected
    assert len(set(expected)) > 2


@pytest.mark.parametrize("family", ["mistral_window", "lfm2", "jamba"])
def test_windows_and_states_are_kept_by_row(family):
    model = LanguageModel(by_hand.network(family), word_tokenizer(), family)
    edits = [Edit({}), *(edit(family, "all", scale) for scale in (-30.0, 30.0))]
    assert alike_refusal(model) == ""
    expected = alone(model, PROMPTS, edits, max_new_tokens=6)
    assert texts(answers_under(model, PROMPTS, edits, max_new_tokens=6)) == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("family", ["llava", "qwen2_vl"])
def test_questions_about_pictures(family):
    model = tiny_vision.shared(family)
    heads = model.anatomy.sites[-1].heads
    edits = [Edit({}), Edit.uniform(heads, -30.0), Edit.uniform(heads, -30.0, "image"), Edit.uniform(heads, 30.0)]
    prompts = tiny_vision.two_prompts(model)
    expected = alone(model, prompts, edits, max_new_tokens=3)
    assert texts(answers_under(model, prompts, edits, max_new_tokens=3)) == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("scope", ["prompt", "generated", (0, -1, 10)], ids=str)
def test_scopes_are_followed(scope):
    model = word_model()
    edits = [Edit({}), Edit(EDITS[3]), Edit(EDITS[3], scope), Edit(EDITS[2], scope)]
    expected = alone(model, PROMPTS, edits, max_new_tokens=4)
    assert texts(answers_under(model, PROMPTS, edits, max_new_tokens=4)) == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("batch_size", [1, 7, 10, 64])
def test_batches_of_any_size_and_passes_without_a_cache(batch_size):
    model = word_model()
    expected = alone(model, PROMPTS, EDITS, max_new_tokens=4)
    told = []
    found = answers_under(
        model, PROMPTS, EDITS, max_new_tokens=4, batch_size=batch_size, progress=lambda *at: told.append(at)
    )
    assert texts(found) == expected
    assert told[-1] == (20, 20)
    assert [one.n_forwards for one in found] == [0, 16, 16, 16, 16]  # four prompts, each with four new tokens
    model.network.config.use_cache = False
    assert texts(answers_under(model, PROMPTS, EDITS, max_new_tokens=4)) == expected


@pytest.mark.parametrize("length", [2, 3, 4])
def test_as_many_kinds_of_rows_as_tokens_are_told_apart(length):
    model, prompts = word_model(), [text_of(ids(length, 1))]
    edits = [Edit({Head(0, n): 20.0}) for n in range(length)]
    edits += [Edit({Head(0, n): 20.0, Head(1, 1): -20.0}) for n in range(2)]
    assert texts(answers_under(model, prompts, edits, max_new_tokens=3)) == alone(
        model, prompts, edits, max_new_tokens=3
    )


def rows_given(model, prompts, edits, **options):
    """By layer, the rows that each pass gave it."""
    found = {0: [], 1: [], 2: []}
    alike_refusal(model)
    for number, layer in enumerate(model.network.model.layers):
        layer.self_attn.o_proj.register_forward_hook(lambda m, a, out, n=number: found[n].append(len(out)))
    answers_under(model, prompts, edits, **options)
    return found


def test_a_prompt_is_read_once_below_the_first_edited_layer():
    found = rows_given(word_model(), PROMPTS[:1], EDITS, max_new_tokens=4)
    assert [given[0] for given in found.values()] == [2, 3, 5]  # two of the edits are one in the first two layers
    assert all(now >= before for given in found.values() for before, now in zip(given, given[1:], strict=False))
    assert found[0][-1] > found[0][0]  # by now, answers differ


def test_a_row_whose_answer_is_over_is_computed_no_more():
    model = word_model()
    whole = answers_under(model, PROMPTS, EDITS, max_new_tokens=6)
    ends = whole[3].texts[0].split()[1]  # the second word of one answer
    model.network.generation_config.eos_token_id = int(ends[1:])
    model = LanguageModel(model.network, model.tokenizer, "ends")
    expected = alone(model, PROMPTS, EDITS, max_new_tokens=6)
    assert any(len(short.split()) < 6 for short in expected[3])
    found = answers_under(model, PROMPTS, EDITS, max_new_tokens=6)
    assert texts(found) == expected
    read = [min(len(short.split()) + 1, 6) for short in expected[3]]  # the prompt, and every token that goes on
    assert found[3].n_forwards == sum(read)
    found = rows_given(model, PROMPTS[:1], [EDITS[3], EDITS[0]], max_new_tokens=6)
    assert (found[2][0], found[2][-1]) == (2, 1)


def test_a_model_that_puts_heads_before_rows_is_told_and_read_whole():
    model = word_model("bloom")
    assert alike_refusal(model).startswith("its layers do not take fewer rows")
    expected = alone(model, PROMPTS, EDITS, max_new_tokens=4)
    assert texts(answers_under(model, PROMPTS, EDITS, max_new_tokens=4)) == expected


def test_a_model_whose_cache_cannot_be_parted_is_told_and_read_whole(monkeypatch):
    model = language_model()
    monkeypatch.setattr(hf.cache_utils.DynamicLayer, "reorder_cache", lambda *_: None)
    assert alike_refusal(model) != ""
    edits, prompts = EDITS[:3], ["one two", "three"]
    assert texts(answers_under(model, prompts, edits, max_new_tokens=4)) == alone(
        model, prompts, edits, max_new_tokens=4
    )


def test_nothing_is_left_behind():
    model = word_model()
    answers_under(model, PROMPTS, EDITS, max_new_tokens=2)
    modules = list(model.network.modules())
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in modules)


def test_an_error_names_the_prompt_as_it_was_given():
    with pytest.raises(ValueError, match="^prompt 3 is empty"):
        answers_under(word_model(), [*PROMPTS[:2], " "], EDITS, max_new_tokens=2)


@pytest.mark.parametrize("batch_size", [1, 2, 4, 5, 7, 11])
def test_no_batch_has_more_rows_than_were_asked_for(batch_size, monkeypatch):
    model, seen = word_model(), []
    run = under.continue_batch
    monkeypatch.setattr(under, "continue_batch", lambda m, b, *more: seen.append(len(b.indices)) or run(m, b, *more))
    found = answers_under(model, PROMPTS, EDITS, max_new_tokens=2, batch_size=batch_size)
    assert max(seen) == {7: 5, 11: 10}.get(batch_size, batch_size)
    assert sum(seen) == len(PROMPTS) * len(EDITS)
    assert texts(found) == alone(model, PROMPTS, EDITS, max_new_tokens=2)


def test_encoder_decoders_share_nothing_and_answer_alike():
    model = tiny_translators.model("bart")
    edits = [Edit({}), Edit.uniform(model.anatomy.sites[-1].heads, -30.0)]
    expected = alone(model, ["ab ac", "ad"], edits, max_new_tokens=3)
    assert texts(answers_under(model, ["ab ac", "ad"], edits, max_new_tokens=3)) == expected
