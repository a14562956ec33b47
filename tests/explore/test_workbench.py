import threading

import pytest
import tiny
import torch
from captured import PROMPTS

from headpursuit.analysis import CaptureConfig, RankConfig, capture, explain, rank
from headpursuit.concepts import Concept
from headpursuit.explore import Workbench, workbench
from headpursuit.explore.strongest import strongest
from headpursuit.heads import Head
from headpursuit.models import write_weights

CONCEPT = Concept("some", ("w20", "w61", "w133", "w150", "no-such-word"))


def test_words_are_audited(bench):
    words = {word.word: word for word in bench.audit(CONCEPT)}
    assert words["w20"].tokens == ("w20",)
    assert words["no-such-word"].tokens == ()
    assert words["no-such-word"].dropped == "unknown to the tokenizer"
    assert not words["w20"].dropped


@pytest.mark.parametrize("score", ["specificity", "explained"])
def test_it_ranks_as_rank_does(bench, score):
    assert bench.rank(CONCEPT, score) == rank(bench.model, bench.capture, CONCEPT, RankConfig(score=score))


def test_a_concept_is_ranked_once(bench, monkeypatch):
    first = bench.rank(CONCEPT)
    monkeypatch.setattr("headpursuit.explore.workbench.rank_each", None)
    assert bench.rank(CONCEPT) is first
    with pytest.raises(TypeError):
        bench.rank(Concept("other", ("w21",)))


def test_what_two_ask_for_at_a_time_is_made_once(bench):
    begun, go_on, made = threading.Event(), threading.Event(), []

    def make():
        begun.set()
        go_on.wait(60)
        made.append("made")
        return len(made)

    answers = []
    both = [threading.Thread(target=lambda: answers.append(bench.once("slow", "key", make))) for _ in range(2)]
    both[0].start()
    assert begun.wait(60)
    both[1].start()
    go_on.set()
    for thread in both:
        thread.join(60)
    assert answers == [1, 1]


def test_what_cannot_be_made_leaves_nothing_behind(bench):
    with pytest.raises(ZeroDivisionError):
        bench.once("failing", "key", lambda: 1 / 0)
    assert bench.once("failing", "key", lambda: "made") == "made"
    assert not bench._making


def test_builtin_lists_are_ranked_ahead(bench, monkeypatch):
    numbers, unknown = Concept("numbers", ("w20", "w61")), Concept("unknown", ("no-such-word",))
    lists = {"unknown": unknown, "numbers": numbers}
    ranked, run = threading.Event(), bench.rank
    monkeypatch.setattr(workbench, "builtin_concepts", lambda: lists)
    monkeypatch.setattr(workbench, "load_concept", lists.__getitem__)
    monkeypatch.setattr(bench, "rank", lambda concept: (run(concept), ranked.set()))
    bench.rank_ahead()
    assert ranked.wait(60), "the list after one that cannot be ranked was not ranked"
    monkeypatch.undo()
    monkeypatch.setattr("headpursuit.explore.workbench.rank_each", None)
    assert bench.rank(numbers).concept == "numbers"


def test_everything_is_read_in_one_thread(bench, monkeypatch):
    """More threads that do sums make all of them slow."""
    readers = []
    for name in ("rank_each", "explain"):
        run = getattr(workbench, name)
        monkeypatch.setattr(
            workbench, name, lambda *a, run=run, **k: (readers.append(threading.current_thread()), run(*a, **k))[1]
        )
    concepts = [Concept(f"thread {number}", ("w20", "w61")) for number in range(3)]
    askers = [threading.Thread(target=bench.rank, args=(concept,)) for concept in concepts]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    bench._cache.pop("detail", None)
    bench.detail(Head(0, 1))
    assert len(readers) == 4
    assert len(set(readers)) == 1
    assert threading.current_thread() not in readers


def test_what_was_asked_long_ago_is_forgotten(bench):
    made = []
    for number in range(100):
        bench.once("test", number, lambda number=number: made.append(number))
    bench.once("test", 99, lambda: made.append("again"))
    bench.once("test", 0, lambda: made.append("again"))
    assert made == [*range(100), "again"]


def test_a_head_is_explained_and_its_strongest_prompts_are_found(bench):
    head = Head(1, 2)
    detail = bench.detail(head)
    assert [detail.explanation] == explain(bench.model, bench.capture, heads=[head])
    samples, site = bench.capture.samples, bench.model.anatomy.site_of(head)
    mixed = samples.mixed["L1"][:, 2]
    written = (mixed - mixed.mean(0)) @ write_weights(bench.model.network, site)[2]
    lengths = written.norm(dim=1)
    best = int(lengths.argmax())
    assert detail.strongest[0].prompt == int(samples.prompt_of[best])
    assert detail.strongest[0].position == int(samples.position_of[best])
    assert detail.strongest[0].times == pytest.approx(float(lengths[best] / lengths.square().mean().sqrt()), rel=1e-4)
    assert len({one.prompt for one in detail.strongest}) == len(detail.strongest) == 5
    assert [one.times for one in detail.strongest] == sorted((one.times for one in detail.strongest), reverse=True)


def test_without_samples_no_prompt_is_the_strongest(bench):
    captured = capture(bench.model, PROMPTS, CaptureConfig(samples=0))
    head = Head(1, 2)
    assert strongest(bench.model, captured, bench.model.anatomy.site_of(head), head) == ()


def test_what_does_not_belong_together_is_refused(bench):
    with pytest.raises(ValueError, match="there are 2 prompts, but 13 were captured"):
        Workbench(bench.model, bench.capture, PROMPTS[:2])
    with pytest.raises(ValueError, match="has another"):
        Workbench(tiny.word_model(seed=1), bench.capture)


def test_the_loss_is_that_of_the_neutral_paragraph(bench):
    ids = torch.tensor([bench.model.tokenizer.encode(bench.neutral_text)])
    with torch.no_grad():
        expected = bench.model.network(ids, labels=ids).loss
    assert bench.loss(bench.model) == pytest.approx(float(expected), rel=1e-5)
