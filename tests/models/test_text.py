import pytest
import tiny
import torch
from tokenizers.processors import TemplateProcessing

from headpursuit.models import LanguageModel, answer, log_probabilities
from headpursuit.models.text import batches

IDS = ([250, 251, 4, 9, 8], [100, 101], [33, 44, 55], [5, 7, 9])
PROMPTS = [tiny.text_of(ids) for ids in IDS]


def test_batches_hold_every_prompt_once_beside_others_of_its_length():
    found = batches(tiny.word_model(), PROMPTS, 2)
    assert [batch.indices for batch in found] == [(1, 2), (3, 0)]
    assert found[0].input_ids.tolist() == [[0, 100, 101], [33, 44, 55]]
    assert found[0].attention_mask.tolist() == [[0, 1, 1], [1, 1, 1]]


def test_positions_count_from_each_prompts_first_token():
    assert batches(tiny.word_model(), PROMPTS, 2)[0].position_ids.tolist() == [[0, 0, 1], [0, 1, 2]]


def test_a_tokenizer_without_padding_token_pads_with_its_end_token():
    tokenizer = tiny.word_tokenizer()
    tokenizer.pad_token, tokenizer.eos_token = None, "w9"
    model = LanguageModel(tiny.network("llama"), tokenizer)
    assert batches(model, ["w5 w6", "w7"], 2)[0].input_ids.tolist() == [[9, 7], [5, 6]]


def test_a_plain_prompt_gets_special_tokens_and_a_chat_prompt_only_the_templates():
    model = tiny.word_model()
    model.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="w2 $A", special_tokens=[("w2", 2)])
    model.tokenizer.chat_template = "{% for m in messages %}w3 {{ m.content }} w4{% endfor %}"
    assert batches(model, ["w5"], 1)[0].input_ids.tolist() == [[2, 5]]
    assert batches(model, ["w5"], 1, chat=True)[0].input_ids.tolist() == [[3, 5, 4]]


@pytest.mark.parametrize(
    ("prompts", "options", "reason"),
    [
        ([], {}, "there are no prompts"),
        (["w5", ""], {}, "prompt 2 is empty"),
        (["w5", "w6", " \n"], {}, "prompt 3 is empty"),
        (["w5", tiny.text_of(range(2, 67))], {}, "prompt 2 takes 65 tokens, but the context holds 64"),
        (
            [tiny.text_of(range(2, 62))],
            {"room": 5},
            "prompt 1 takes 60 tokens and 5 new ones, but the context holds 64",
        ),
        (["w5"], {"chat": True}, "the tokenizer of tiny-llama has no chat template; leave `chat` out"),
    ],
)
def test_prompts_that_cannot_be_read_are_named(prompts, options, reason):
    with pytest.raises(ValueError, match=reason):
        batches(tiny.word_model(), prompts, 2, **options)


def test_an_empty_chat_prompt_is_refused_although_the_template_adds_words():
    model = tiny.word_model()
    model.tokenizer.chat_template = "w3 w4"
    with pytest.raises(ValueError, match="prompt 1 is empty"):
        batches(model, [" "], 1, chat=True)


def test_a_batch_size_below_one_is_refused():
    with pytest.raises(ValueError, match="the batch size is 0; it must be at least 1"):
        batches(tiny.word_model(), PROMPTS, 0)


def test_a_prompt_that_just_fits_is_read():
    assert batches(tiny.word_model(), [tiny.text_of(range(2, 61))], 1, room=5)[0].input_ids.shape == (1, 59)


@pytest.mark.parametrize("family", tiny.OUTPUT_PROJECTIONS)
def test_answers_are_greedy_and_in_the_order_of_the_prompts(family):
    model = tiny.word_model(family)
    wanted = [tiny.text_of(tiny.greedy(model.network, ids, 6)) for ids in IDS]
    assert len(set(wanted)) == len(wanted)
    assert answer(model, PROMPTS, max_new_tokens=6, batch_size=2) == wanted
    assert answer(model, PROMPTS, max_new_tokens=6, batch_size=64) == wanted
    assert [answer(model, [prompt], max_new_tokens=6)[0] for prompt in PROMPTS] == wanted


def test_answers_stop_before_their_end_token():
    model = tiny.word_model()
    plain = [tiny.greedy(model.network, ids, 6) for ids in IDS]
    end = plain[0][1]
    cut = [ids[: ids.index(end)] if end in ids else ids for ids in plain]
    assert {len(ids) for ids in cut} == {1, 6}
    model.network.generation_config.eos_token_id = end
    assert answer(model, PROMPTS, max_new_tokens=6) == [tiny.text_of(ids) for ids in cut]


def test_progress_counts_prompts():
    done = []
    answer(tiny.word_model(), PROMPTS, max_new_tokens=1, batch_size=3, progress=lambda *step: done.append(step))
    assert done == [(3, 4), (4, 4)]


@pytest.mark.parametrize("family", tiny.OUTPUT_PROJECTIONS)
def test_log_probabilities_equal_cross_entropy_of_single_texts(family):
    model = tiny.word_model(family)
    texts = sorted(IDS, key=len)
    found = list(log_probabilities(model, [tiny.text_of(ids) for ids in texts], batch_size=3))
    assert [len(tokens) for _, tokens in found] == [1 + 2 + 2, 4]
    losses = torch.cat([-p.gather(1, tokens[:, None])[:, 0] for p, tokens in found])
    wanted = []
    for ids in texts:
        row = torch.tensor([ids])
        logits = model.network(row).logits[0, :-1]
        wanted.append(torch.nn.functional.cross_entropy(logits, row[0, 1:], reduction="none"))
    torch.testing.assert_close(losses, torch.cat(wanted), atol=1e-4, rtol=1e-4)


def test_log_probabilities_sum_to_one():
    for p, _ in log_probabilities(tiny.word_model(), PROMPTS):
        torch.testing.assert_close(p.exp().sum(1), torch.ones(len(p)))


def test_an_end_token_that_the_tokenizer_appends_is_left_out():
    model = tiny.word_model()
    model.tokenizer.add_special_tokens({"bos_token": "w3", "eos_token": "w4"})
    model.tokenizer._tokenizer.post_processor = TemplateProcessing("w3 $A w4", special_tokens=[("w3", 3), ("w4", 4)])
    ids = batches(model, [tiny.text_of([7, 8])], 1)[0].input_ids[0].tolist()
    assert model.tokenizer.encode(tiny.text_of([7, 8])) == [3, 7, 8, 4]
    assert ids == [3, 7, 8]


def test_a_token_the_model_does_not_embed_is_named():
    model = tiny.word_model()
    model.network.resize_token_embeddings(50)
    with pytest.raises(ValueError, match="prompt 2 has token 60, but the model embeds 50 tokens"):
        batches(model, [tiny.text_of([7]), tiny.text_of([60])], 2)


def test_a_padding_token_the_model_does_not_embed_does_no_harm():
    model = tiny.word_model()
    alone = answer(model, PROMPTS, max_new_tokens=3, batch_size=1)
    model.tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    assert model.tokenizer.pad_token_id >= model.network.get_input_embeddings().weight.shape[0]
    assert answer(model, PROMPTS, max_new_tokens=3, batch_size=4) == alone


def test_answers_are_plainly_greedy_whatever_the_checkpoint_asks_for():
    model = tiny.word_model()
    plain = answer(model, PROMPTS, max_new_tokens=6)
    asked = model.network.generation_config
    asked.repetition_penalty, asked.do_sample, asked.temperature, asked.min_new_tokens = 5.0, True, 9.0, 3
    assert answer(model, PROMPTS, max_new_tokens=6) == plain
    assert model.network.generation_config is asked


@pytest.mark.parametrize(("family", "lengths"), [("llama", [[2, 3, 4]]), ("bart", [[2], [3, 3], [4]])])
def test_prompts_of_other_lengths_share_a_batch_only_where_padding_changes_nothing(family, lengths):
    model = tiny.word_model(family)
    prompts = [tiny.text_of(range(5, 5 + n)) for n in (4, 2, 3)] + (
        [tiny.text_of([9, 8, 7])] if family == "bart" else []
    )
    found = [batch.attention_mask.sum(1).tolist() for batch in batches(model, prompts, 4)]
    assert found == lengths
    assert model.certificate.padding == (family == "llama")


def test_where_padding_changes_what_is_written_answers_are_those_of_single_prompts():
    model = tiny.word_model("bart")
    prompts = [tiny.text_of(range(5, 5 + n)) for n in (7, 2, 3)]
    together = answer(model, prompts, max_new_tokens=4)
    assert together == [answer(model, [prompt], max_new_tokens=4)[0] for prompt in prompts]
    assert together == [tiny.text_of(tiny.greedy(model.network, range(5, 5 + n), 4)) for n in (7, 2, 3)]
