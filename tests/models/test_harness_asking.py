import logging

import pytest
import tiny
import torch
import tqdm
from harness_data import N_ITEMS, keep_short, task_folder, word_model

from headpursuit.heads import Edit
from headpursuit.models import Chat, answer, ask_harness, harness_tasks, rescale

pytest.importorskip("lm_eval", reason="needs the extra lm-eval")

EDIT = Edit({"L0H0": 0.7, "L2H1": 0.5})


@pytest.fixture(scope="module")
def model():
    return word_model()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return task_folder(tmp_path_factory.mktemp("lm-eval") / "tasks")


@pytest.fixture(scope="module", autouse=True)
def short(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        keep_short(patch, tmp_path_factory.mktemp("datasets"))
        yield


@pytest.fixture(scope="module")
def everything(folder):
    return harness_tasks(["tiny_both", "tiny_read"], folder)


def by_name(found):
    return {(figure.task, figure.metric): figure for figure in found.figures}


def stock(network_folder, task_folder):
    """What lm-eval itself finds for a checkpoint."""
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks import TaskManager

    found = simple_evaluate(
        model="hf",
        model_args={"pretrained": str(network_folder), "dtype": "float32"},
        device="cpu",
        batch_size=8,
        tasks=["tiny_both", "tiny_read"],
        task_manager=TaskManager(include_path=str(task_folder)),
        bootstrap_iters=1000,
    )
    return found["results"]


@pytest.mark.parametrize("edit", [Edit({}), EDIT], ids=["base", "edit"])
def test_figures_are_those_of_lm_eval_on_the_same_weights(edit, model, everything, folder, tmp_path):
    found = by_name(ask_harness(model, everything, edit))
    network = tiny.network("llama")
    for head, scale in edit.items():
        columns = slice(8 * head.index, 8 * head.index + 8)
        network.model.layers[head.layer].self_attn.o_proj.weight.data[:, columns] *= scale
    network.save_pretrained(tmp_path / "weights")
    model.tokenizer.save_pretrained(tmp_path / "weights")
    expected = stock(tmp_path / "weights", folder)
    assert set(found) == {
        ("tiny_both", "acc"),
        ("tiny_choose", "acc"),
        ("tiny_choose", "acc_norm"),
        ("tiny_finish", "exact_match"),
        ("tiny_read", "word_perplexity"),
        ("tiny_read", "bits_per_byte"),
    }
    for (task, metric), figure in found.items():
        assert figure.value == pytest.approx(expected[task][f"{metric},none"], rel=1e-5)
        stderr = expected[task][f"{metric}_stderr,none"]
        assert figure.stderr == (None if stderr == "N/A" else pytest.approx(stderr, rel=1e-5))


def test_every_item_is_scored(model, everything):
    found = by_name(ask_harness(model, everything, Edit({})))
    chosen = found["tiny_choose", "acc"]
    assert chosen.items == tuple(range(N_ITEMS))
    assert sum(chosen.scores) / N_ITEMS == pytest.approx(chosen.value)
    assert 0 < chosen.value < 1
    assert chosen.higher_is_better is True
    read = found["tiny_read", "word_perplexity"]
    assert len(read.scores) == len(read.weights) == N_ITEMS
    assert read.higher_is_better is False
    assert found["tiny_both", "acc"].scores == ()
    assert len({figure.asked for figure in found.values() if figure.asked}) == 3


def test_first_items_and_examples(model, folder):
    tasks = harness_tasks(["tiny_choose"], folder)
    few = ask_harness(model, tasks, Edit({}), limit=5)
    shown = ask_harness(model, tasks, Edit({}), limit=5, num_fewshot=2)
    assert few.figures[0].items == (0, 1, 2, 3, 4)
    assert few.figures[0].asked != shown.figures[0].asked
    assert ask_harness(model, tasks, Edit({}), limit=5, num_fewshot=2) == shown


def test_the_scope_is_followed_in_generated_answers(model, folder):
    tasks = harness_tasks(["tiny_finish"], folder)
    (task,) = tasks.tasks
    prompts, wanted = task.eval_docs["prompt"], task.eval_docs["answer"]
    rates = {}
    for scope in ("all", "prompt", "generated"):
        edit = Edit(EDIT, scope)
        with rescale(model, edit):
            expected = [text.strip() for text in answer(model, prompts, max_new_tokens=3)]
        (figure,) = ask_harness(model, tasks, edit).figures
        assert list(figure.scores) == [float(a == b) for a, b in zip(expected, wanted, strict=True)]
        rates[scope] = figure.value
    assert len(set(rates.values())) == 3


TOLD = (
    "{{ strftime_now('w2%d') }} {{ mood }} {% for m in messages %}{{ m.content }} {% endfor %}"
    "{% if add_generation_prompt %}w9{% endif %}"
)


@pytest.fixture
def chatty(model):
    model.tokenizer.chat_template = TOLD
    yield model
    model.tokenizer.chat_template = None


@pytest.mark.parametrize("frame", [True, Chat("w7 w8", {"mood": "w6"}, "2020-02-29")], ids=["plain", "told"])
def test_lm_eval_asks_in_the_frame_that_answers_are_asked_in(chatty, folder, frame, monkeypatch):
    from lm_eval.models.huggingface import HFLM

    asked, encode = [], HFLM.tok_batch_encode

    def hear(self, texts, **more):
        asked.extend(texts)
        return encode(self, texts, **more)

    monkeypatch.setattr(HFLM, "tok_batch_encode", hear)
    tasks = harness_tasks(["tiny_finish"], folder)
    ask_harness(chatty, tasks, Edit({}), chat=frame)
    prompts = tasks.tasks[0].eval_docs["prompt"]
    assert set(asked) == {chatty.as_message(prompt, chat=chatty.dated(frame)) for prompt in prompts}
    assert all(text.startswith("w229 w6 w7 w8 ") == (frame is not True) for text in asked)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (Chat(template={"moods": 1}), "the chat template reads no setting 'moods'; it reads mood"),
        (Chat("w7"), "the chat template leaves the system prompt out; leave `system` out"),
    ],
)
def test_lm_eval_is_not_asked_in_a_frame_that_cannot_be(chatty, folder, frame, reason):
    chatty.tokenizer.chat_template = "{{ mood }} {{ messages[-1].content }}"
    with pytest.raises(ValueError, match=reason):
        ask_harness(chatty, harness_tasks(["tiny_finish"], folder), Edit({}), chat=frame)


def test_a_scope_is_refused_where_likelihoods_are_compared(model, everything):
    before = model.network(torch.tensor([[5, 9]])).logits
    with pytest.raises(ValueError, match=r"scope is '0,2', but tiny_\w+ compares likelihoods"):
        ask_harness(model, everything, Edit(EDIT, (0, 2)))
    assert torch.equal(model.network(torch.tensor([[5, 9]])).logits, before)


def test_everything_is_as_before_also_after_an_error(model, folder, monkeypatch):
    tasks, before = harness_tasks(["tiny_choose"], folder), model.network(torch.tensor([[5, 9]])).logits
    bar, logger = tqdm.tqdm.__init__, logging.getLogger("lm_eval")
    handlers = list(logger.handlers)
    ask_harness(model, tasks, EDIT, limit=2)
    monkeypatch.setattr(tasks.tasks[0], "process_results", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask_harness(model, tasks, EDIT, limit=2)
    assert torch.equal(model.network(torch.tensor([[5, 9]])).logits, before)
    assert tqdm.tqdm.__init__ is bar
    assert logger.handlers == handlers
    assert logger.propagate


def test_nothing_but_progress_is_said(model, folder, capfd):
    told = []
    tasks = harness_tasks(["tiny_choose", "tiny_read"], folder)
    ask_harness(model, tasks, Edit({}), limit=4, progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 16) for i in range(1, 17)]  # three choices and one reading of each item
    assert capfd.readouterr() == ("", "")


def test_what_lm_eval_warns_of_is_kept(model, folder, monkeypatch):
    monkeypatch.setattr(model.network.config, "max_position_embeddings", 3)
    found = ask_harness(model, harness_tasks(["tiny_choose"], folder), Edit({}), limit=4)
    assert len(found.warnings) == 1
    assert "Truncating" in found.warnings[0]


def test_a_task_that_does_not_fit_the_model_is_refused(model, folder, monkeypatch):
    monkeypatch.setattr(model.network.config, "max_position_embeddings", 3)
    with pytest.raises(ValueError, match="cannot ask tiny_finish of this model: .*must be less than model's maximum"):
        ask_harness(model, harness_tasks(["tiny_finish"], folder), Edit({}))


def test_prompts_in_the_chat_template(model, folder, monkeypatch):
    template = "w2 {{ messages[0].content }} w3"
    monkeypatch.setattr(model.tokenizer, "chat_template", template)
    tasks = harness_tasks(["tiny_finish"], folder)
    chatted = ask_harness(model, tasks, Edit({}), chat=True).figures[0]
    plain = ask_harness(model, tasks, Edit({})).figures[0]
    expected = [text.strip() for text in answer(model, tasks.tasks[0].eval_docs["prompt"], max_new_tokens=3, chat=True)]
    wanted = tasks.tasks[0].eval_docs["answer"]
    assert list(chatted.scores) == [float(a == b) for a, b in zip(expected, wanted, strict=True)]
    assert chatted.asked != plain.asked


def test_a_tokenizer_needs_an_end_token(folder):
    with pytest.raises(ValueError, match="tokenizer of tiny-llama has no end token"):
        ask_harness(tiny.word_model("llama"), harness_tasks(["tiny_choose"], folder), Edit({}))


def test_tasks_that_cannot_be_had(folder, tmp_path):
    with pytest.raises(ValueError, match="knows no task 'tiny_chose'; similar: tiny_choose"):
        harness_tasks(["tiny_chose"], folder)
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        harness_tasks(["tiny_choose"], tmp_path / "nowhere")
    (tmp_path / "lost.yaml").write_text((folder / "choose.yaml").read_text().replace("items.jsonl", "lost.jsonl"))
    with pytest.raises(ValueError, match=r"cannot load .*lost.yaml from lm-eval: .*lost.jsonl"):
        harness_tasks([str(tmp_path / "lost.yaml")])
