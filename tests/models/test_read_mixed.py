from collections import defaultdict

import pytest
import tiny
import torch

from headpursuit.models import read_mixed

FAMILIES = tuple(tiny.OUTPUT_PROJECTIONS)
IDS = ([5, 7, 9, 11, 13, 15, 17], [100, 101], [33, 44, 55, 66], [250, 251, 4, 9])
PROMPTS = [tiny.text_of(ids) for ids in IDS]
N_NEW = 5


def collect(model, prompts, positions, **options):
    """Prompt -> layer -> (n_samples, n_heads, d_head), in the order they came."""
    found = defaultdict(lambda: defaultdict(list))
    for batch in read_mixed(model, prompts, positions, **options):
        for layer, mixed in batch.mixed().items():
            for prompt, sample in zip(batch.prompt_of, mixed, strict=True):
                found[prompt][layer].append(sample)
    return {p: {layer: torch.stack(rows) for layer, rows in by.items()} for p, by in found.items()}


def hooks(network):
    return [hook for module in network.modules() for hook in (*module._forward_pre_hooks, *module._forward_hooks)]


def expected(network, family, ids, positions):
    answer = tiny.greedy(network, ids, N_NEW) if positions in ("generated", "all") else []
    part = {"last": slice(-1, None), "generated": slice(len(ids), None)}.get(positions, slice(None))
    return {layer: z[part] for layer, z in tiny.mixed_of(network, family, [*ids, *answer]).items()}


@pytest.mark.parametrize("positions", ["last", "prompt", "generated", "all"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_padded_batch_gives_what_plain_forwards_of_single_prompts_give(family, positions):
    model = tiny.word_model(family)
    found = collect(model, PROMPTS, positions, batch_size=4, max_new_tokens=N_NEW)
    assert sorted(found) == [0, 1, 2, 3]
    for number, ids in enumerate(IDS):
        wanted = expected(model.network, family, ids, positions)
        assert found[number].keys() == wanted.keys()
        for layer in wanted:
            torch.testing.assert_close(found[number][layer], wanted[layer], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_generated_values_are_those_that_hooks_see_while_the_model_answers(family):
    model = tiny.word_model(family)
    with tiny.watched(model.network, family) as seen:
        model.network.generate(torch.tensor([IDS[0]]), max_new_tokens=N_NEW, do_sample=False, pad_token_id=0)
    found = collect(model, PROMPTS[:1], "generated", max_new_tokens=N_NEW)[0]
    for layer, inputs in seen.items():
        decoded = [z for z in inputs if z.shape[1] == 1]
        assert len(decoded) == N_NEW - 1  # the last token is written, but not read any more
        steps = torch.cat(decoded).reshape(N_NEW - 1, 4, 8)
        torch.testing.assert_close(found[layer][:-1], steps, atol=1e-5, rtol=1e-4)


def test_an_answer_that_ends_early_contributes_neither_its_end_nor_padding():
    model = tiny.word_model()
    answers = [tiny.greedy(model.network, ids, N_NEW) for ids in IDS]
    end = answers[0][1]
    lengths = [answer.index(end) if end in answer else N_NEW for answer in answers]
    assert lengths[0] == 1
    assert N_NEW in lengths
    model.network.generation_config.eos_token_id = end
    found = collect(model, PROMPTS, "generated", batch_size=4, max_new_tokens=N_NEW)
    assert [len(found[i]["L0"]) for i in range(4)] == lengths
    whole = tiny.mixed_of(model.network, "llama", [*IDS[0], answers[0][0]])
    torch.testing.assert_close(found[0]["L2"], whole["L2"][-1:], atol=1e-5, rtol=1e-4)


def test_every_one_of_several_end_tokens_ends_an_answer():
    model = tiny.word_model()
    answers = [tiny.greedy(model.network, ids, N_NEW) for ids in IDS[:2]]
    model.network.generation_config.eos_token_id = [answers[0][1], answers[1][1]]
    found = collect(model, PROMPTS[:2], "generated", batch_size=2, max_new_tokens=N_NEW)
    assert [len(found[i]["L0"]) for i in range(2)] == [1, 1]


@pytest.mark.parametrize(
    ("positions", "counts"), [("last", [1, 1, 1, 1]), ("prompt", [7, 2, 4, 4]), ("all", [12, 7, 9, 9])]
)
def test_number_of_samples(positions, counts):
    batches = list(read_mixed(tiny.word_model(), PROMPTS, positions, batch_size=3, max_new_tokens=N_NEW))
    assert [batch.n_prompts for batch in batches] == [3, 1]
    numbers = [number for batch in batches for number in batch.prompt_of]
    assert [numbers.count(i) for i in range(4)] == counts
    assert sum(len(batch.mixed()["L1"]) for batch in batches) == sum(counts)


def test_chat_reads_the_prompt_within_the_template():
    model = tiny.word_model()
    model.tokenizer.chat_template = (
        "w20 {% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %} w21{% endif %}"
    )
    found = collect(model, PROMPTS[:1], "prompt", chat=True)[0]
    wanted = tiny.mixed_of(model.network, "llama", [20, *IDS[0], 21])
    torch.testing.assert_close(found["L1"], wanted["L1"], atol=1e-5, rtol=1e-4)
    assert len(collect(model, PROMPTS[:1], "prompt")[0]["L1"]) == len(IDS[0])


def test_unknown_positions_are_refused_before_the_model_runs(as_users_run_it):
    model = tiny.word_model()
    with tiny.watched(model.network, "llama") as seen:
        with pytest.raises(
            ValueError, match="unknown positions 'first'; choose last, prompt, generated, image, audio, all"
        ):
            next(read_mixed(model, PROMPTS, "first"))
        assert not any(seen.values())


def test_a_prompt_without_room_for_the_answer_is_refused_before_the_model_runs():
    model = tiny.word_model()
    prompts = ["w5", tiny.text_of(range(2, 62))]
    with tiny.watched(model.network, "llama") as seen:
        with pytest.raises(ValueError, match="prompt 2 takes 60 tokens and 5 new ones, but the context holds 64"):
            next(read_mixed(model, prompts, "generated", max_new_tokens=N_NEW))
        assert not any(seen.values())
    assert len(collect(model, prompts, "last")) == 2


@pytest.mark.parametrize("positions", ["last", "all"])
def test_hooks_are_gone_afterwards(positions):
    model = tiny.word_model()
    collect(model, PROMPTS, positions)
    assert not hooks(model.network)


def test_hooks_are_gone_after_an_error():
    model = tiny.word_model()
    model.anatomy  # noqa: B018 - certified before the network breaks

    def fail(*_):
        raise RuntimeError("in the middle")

    model.network.model.layers[2].mlp.forward = fail
    with pytest.raises(RuntimeError, match="in the middle"):
        next(read_mixed(model, PROMPTS, "last")).mixed()
    assert not hooks(model.network)
