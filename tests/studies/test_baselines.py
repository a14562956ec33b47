"""Prompts and directions beside an edit: chosen on other questions, run on the held-out ones, and compared."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from arm_figures import arm, base
from tiny_study import N_NEW, NEUTRAL, tiny_config

from headpursuit.concepts import Concept
from headpursuit.conversations import Conversation
from headpursuit.media import ImagePrompt
from headpursuit.models import AnatomyError, answer, difference_of_means, steer
from headpursuit.studies import StudyResult, study
from headpursuit.studies.judging import compare
from headpursuit.studies.measures import AnswerMeasure
from headpursuit.studies.results import Baseline, Estimate, Word
from headpursuit.studies.steps import baselines
from headpursuit.studies.steps.baselines import candidates, choosing_task
from headpursuit.studies.tasks import load_task
from headpursuit.studies.tasks.task import Question, Task
from headpursuit.studies.text.instructions import instructed, instructions
from headpursuit.studies.text.metrics import METRICS

OTHERS = ["prompt", "direction", "ablated-direction"]


def others(_):
    """Unrelated questions in words of the tiny tokenizer."""
    prompts = (tiny.text_of([9 + i, 50 + i]) for i in range(8))
    return tuple(
        Question(text, ("w7",), "unrelated", "others", f"other {i}", "ranking" if i < 4 else "selection")
        for i, text in enumerate(prompts)
    )


@pytest.fixture(scope="module")
def compared(model, words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "further_unrelated", others)
        patch.setattr(baselines, "STRENGTHS", (2.0,))
        patch.setattr(baselines, "DEPTHS", 1)
        return study(model, tiny_config(words, baselines=True, controls=1), folder), folder


def test_arms_that_are_no_edits_stand_behind_the_others(compared):
    result, folder = compared
    assert [one.name for one in result.arms] == ["base", "edit", "matched-1", "random-1", "other-shapes", *OTHERS]
    for one in result.arms[-3:]:
        assert one.heads == ()
        assert one.baseline is not None
        assert one.damage.kl > 1e-3
        assert (folder / "arms" / f"{one.name}.json").exists()
    assert all(one.baseline is None for one in result.arms[:-3])
    assert StudyResult.load(folder) == result


def test_answers_are_those_of_the_model_instructed_or_steered(compared, model, task):
    result, _ = compared
    prompts = [q.prompt for q in task.heldout]
    by_name = {one.name: one.baseline for one in result.arms[-3:]}
    given = {name: [e.answers[name] for e in result.examples] for name in by_name}
    before = [f"{by_name['prompt'].instruction}\n\n{text}" for text in prompts]
    assert given["prompt"] == answer(model, before, max_new_tokens=N_NEW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "further_unrelated", others)
        split = choosing_task(task, task.words)
    assert not {q.prompt for q in split.questions} & set(prompts)
    unlike = [q.prompt for q in split.questions if (q.split, q.group) == ("ranking", "unrelated")]
    directions = difference_of_means(model, split.ranking_prompts, unlike)
    for name, ablate in (("direction", False), ("ablated-direction", True)):
        found = by_name[name]
        layer = None if ablate else found.layer
        with steer(model, directions[found.layer], layer=layer, strength=found.strength, ablate=ablate):
            assert given[name] == answer(model, prompts, max_new_tokens=N_NEW)
    assert len({tuple(answers) for answers in given.values()}) == 3


def test_an_instruction_does_its_damage_to_the_text_behind_it(compared, model):
    result, _ = compared
    (prompt,) = result.arms_of("prompt")
    losses, divergences = [], []
    for text in NEUTRAL:
        ids, whole = (
            torch.tensor([model.tokenizer.encode(one)]) for one in (text, f"{prompt.baseline.instruction}\n\n{text}")
        )
        n = ids.shape[1] - 1
        with torch.no_grad():
            before, after = (model.network(one).logits[0, :-1].log_softmax(-1)[-n:] for one in (ids, whole))
        losses.append(torch.nn.functional.nll_loss(after, ids[0, 1:], reduction="none"))
        divergences.append(torch.nn.functional.kl_div(after, before, log_target=True, reduction="none").sum(1))
    assert prompt.damage.perplexity == pytest.approx(float(torch.cat(losses).mean().exp()), rel=1e-3)
    assert prompt.damage.kl == pytest.approx(float(torch.cat(divergences).mean()), rel=1e-3)


def test_what_is_compared_is_paired_and_said(compared):
    result, _ = compared
    assert [one.name for one in result.verdict.compared] == OTHERS
    for one in result.verdict.compared:
        rows = [e for e in result.examples if e.group == "target"]
        moved = [e.scores[one.name] - e.scores["edit"] for e in rows]
        assert one.difference.value == pytest.approx(np.mean(moved))
    (sentence,) = (reason for reason in result.verdict.reasons if reason.startswith("Beside other ways"))
    for one, what in zip(result.verdict.compared, ("a prompt", "a direction", "an ablated direction"), strict=True):
        assert f"{one.word} {what}" in sentence


def test_a_study_goes_on_with_what_was_chosen(compared, model, words, monkeypatch):
    result, folder = compared
    for name in ("study.json", "manifest.json", "arms/direction.json"):
        (folder / name).unlink()
    monkeypatch.setattr(baselines, "further_unrelated", others)
    monkeypatch.setattr(baselines, "STRENGTHS", (2.0,))
    monkeypatch.setattr(baselines, "DEPTHS", 1)
    ran, run = [], baselines.BaselineRunner.run
    monkeypatch.setattr(
        baselines.BaselineRunner, "run", lambda self, name, *rest: ran.append(name) or run(self, name, *rest)
    )
    again = study(model, tiny_config(words, baselines=True, controls=1), folder, resume=True)
    assert ran == ["direction"]
    assert again == result


@pytest.mark.parametrize(
    ("breaking", "difference", "word"),
    [
        ((), (0.2, 0.1, 0.3), Word.BETTER),
        ((), (0.1, -0.1, 0.3), Word.AS_GOOD),
        ((), (-0.2, -0.3, -0.1), Word.WORSE),
        (("prompt",), (-0.2, -0.3, -0.1), Word.BETTER),
        (("prompt", "no effect"), (-0.2, -0.3, -0.1), Word.AS_GOOD),
        (("edit",), (0.2, 0.1, 0.3), Word.WORSE),
        (("edit", "prompt"), (0.2, 0.1, 0.3), Word.NEITHER),
    ],
)
def test_what_breaks_the_model_reaches_nothing_and_else_the_interval_decides(breaking, difference, word):
    def of(name, target, **changes):
        return arm(target, perplexity=100.0 if name in breaking else 10.0, name=name, kind=name, **changes)

    edit = of("edit", 0.75 if "no effect" in breaking else 0.1)
    prompt = of("prompt", 0.3, n_heads=0, baseline=Baseline("Do not."))
    measure = AnswerMeasure(METRICS["contains"])
    (found,) = compare(measure, (base(), edit, prompt), lambda _: Estimate(*difference))
    assert (found.name, found.word, found.breaks) == ("prompt", word, "prompt" in breaking)


def test_candidates_are_all_wordings_and_directions_at_depths_mild_first():
    tried = candidates(tiny.word_model(), ("one", "two"), 30)
    assert [way[0][1].instruction for way in tried["prompt"]] == ["one", "two"]
    assert [[one.strength for _, one in way] for way in tried["direction"]] == [[-0.125, -0.25, -0.5, -1, -2]] * 5
    assert [way[0][1].layer for way in tried["ablated"]] == [5, 10, 15, 20, 25]
    enhancing = candidates(tiny.word_model(), ("one",), 30, suppress=False)
    assert enhancing["direction"][0][0] == ("direction-5x0.125", Baseline(layer=5, strength=0.125))
    assert not enhancing["ablated"]
    assert candidates(tiny.word_model(), (), 0) == {"prompt": [], "direction": [], "ablated": []}


@pytest.mark.parametrize(("writes", "framed"), [("{{ m }}", [False, True]), ("{{ strftime_now('%d') }}", [False])])
def test_the_chat_template_is_tried_too_unless_it_writes_the_date(writes, framed):
    model = tiny.word_model()
    model.tokenizer.chat_template = "{% for m in messages %}" + writes + "{% endfor %}"
    assert [way[0][1].chat for way in candidates(model, ("one",), 0)["prompt"]] == framed
    assert [way[0][1].chat for way in candidates(model, ("one",), 0, chat=True)["prompt"]] == [False]


def task_of(concept="two_words", direction="suppress", called=""):
    held_out = Question("w5 w6", ("w20",), "target", "s", "f", "heldout")
    return Task(
        "t", Concept(concept, ("w20", "w61", "w133", "w9")), (held_out,), (), direction=direction, called=called
    )


def test_instructions_are_in_the_words_of_the_task():
    plain = instructions(task_of(), task_of().words)
    assert plain[0] == "Do not name any two words."
    assert plain[1] == "Answer without two words, such as w61, w133, w9."  # w20 is a held-out answer
    named = task_of(called="names of things", direction="enhance")
    assert all("names of things" in text and "not" not in text for text in instructions(named, named.words))
    with pytest.raises(ValueError, match="an instruction cannot say '--'; give the task `called`"):
        instructions(task_of("--"), task_of("--").words)


def test_an_instruction_stands_before_any_prompt(tmp_path):
    assert instructed("Where is it?", "Say no.") == "Say no.\n\nWhere is it?"
    image = ImagePrompt("What is it?", tmp_path / "x.png")
    assert instructed(image, "Say no.") == replace(image, text="Say no.\n\nWhat is it?")
    talk = Conversation.of([{"role": "system", "content": "s"}, {"role": "user", "content": "Where?"}])
    assert [m.content for m in instructed(talk, "Say no.").messages] == ["s", "Say no.\n\nWhere?"]


def test_a_declaration_may_say_what_belongs_to_the_concept(tmp_path, words):
    text = (words / "tiny-qa.yaml").read_text().replace("colours.txt", str(words / "colours.txt"))
    text = text.replace("questions.jsonl", str(words / "questions.jsonl"))
    (tmp_path / "mine.yaml").write_text(text + "called: names of colours\n")
    assert load_task(str(tmp_path / "mine.yaml")).called == "names of colours"
    (tmp_path / "mine.yaml").write_text(text + "called: 3\n")
    with pytest.raises(ValueError, match="called: expected a few words, like `names of countries`, not 3"):
        load_task(str(tmp_path / "mine.yaml"))


def test_too_few_facts_to_choose_on_are_said_and_nothing_is_compared(task):
    one = replace(task, questions=tuple(q for q in task.questions if q.split == "heldout" or q.fact == "fact 0"))
    assert choosing_task(one, one.words) is None


def test_what_cannot_be_compared_is_a_remark_and_the_study_goes_on(model, words, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AnatomyError("its layers are not one list of modules that each run once")

    def unsaid(*_):
        raise ValueError("an instruction cannot say '--'")

    monkeypatch.setattr(baselines, "difference_of_means", refuse)
    monkeypatch.setattr(baselines, "instructions", unsaid)
    monkeypatch.setattr(baselines, "further_unrelated", others)
    result = study(model, tiny_config(words, baselines=True, controls=1), tmp_path / "s")
    assert result.verdict.compared == ()
    assert "No prompt was compared: an instruction cannot say '--'." in result.remarks
    assert any(r.startswith("No direction was compared: its layers are not one list") for r in result.remarks)


def damage_of(model, texts, baseline):
    runner = object.__new__(baselines.BaselineRunner)
    vars(runner).update(_run=SimpleNamespace(model=model), _texts=texts)
    return runner._damage(baseline, runner._unedited)


def test_a_neutral_text_of_one_token_predicts_nothing(model):
    instruction = Baseline("w1 w2")
    assert damage_of(model, ("w3", *NEUTRAL), instruction) == damage_of(model, NEUTRAL, instruction)


def test_what_cannot_be_run_is_a_remark_and_the_study_goes_on(model, words, tmp_path, monkeypatch):
    def long(prompt, _):
        raise ValueError(f"prompt {prompt!r} takes 9 tokens, but the context holds 8")

    monkeypatch.setattr(baselines, "instructed", long)
    monkeypatch.setattr(baselines, "difference_of_means", lambda *_, **__: torch.zeros(2, 24))
    monkeypatch.setattr(baselines, "further_unrelated", others)
    result = study(model, tiny_config(words, baselines=True, controls=1), tmp_path / "s")
    assert result.verdict.compared == ()
    for start in ("No prompt was compared: prompt ", "No direction was compared: ", "No ablated direction was "):
        assert any(remark.startswith(start) for remark in result.remarks)


def test_only_the_held_out_questions_leaving_no_room_costs_one_arm(model, words, tmp_path, monkeypatch):
    def long(prompt, instruction):
        if prompt in asked:
            raise ValueError("prompt 1 takes 9 tokens, but the context holds 8")
        return instructed(prompt, instruction)

    asked = {q.prompt for q in load_task(str(words / "tiny-qa.yaml")).heldout}
    monkeypatch.setattr(baselines, "instructed", long)
    monkeypatch.setattr(baselines, "further_unrelated", others)
    monkeypatch.setattr(baselines, "STRENGTHS", (2.0,))
    monkeypatch.setattr(baselines, "DEPTHS", 1)
    result = study(model, tiny_config(words, baselines=True, controls=1), tmp_path / "s")
    assert [one.name for one in result.verdict.compared] == OTHERS[1:]
    assert "No prompt was compared: prompt 1 takes 9 tokens, but the context holds 8." in result.remarks


def test_no_directions_for_want_of_prompts_is_a_remark(model, words, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "further_unrelated", lambda _: ())
    result = study(model, tiny_config(words, baselines=True, controls=1), tmp_path / "s")
    assert any(remark.startswith("No direction was compared: ") for remark in result.remarks)
