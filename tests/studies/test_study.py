import json
from contextlib import contextmanager
from dataclasses import asdict, replace

import pytest
import tiny
import torch

from headpursuit.analysis import Capture, RankConfig, Ranking
from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head, parse_scope
from headpursuit.models import answer, rescale
from headpursuit.models.scaling import Applied
from headpursuit.storage import read_json
from headpursuit.studies import StudyConfig, StudyResult, finding, study
from headpursuit.studies import arms as running
from headpursuit.studies.metrics import contains
from headpursuit.studies.results import Arm
from headpursuit.studies.settings import command
from headpursuit.studies.tasks import Question, declared, load_task

N_NEW = 4
ARMS = ["base", "edit", "matched-1", "matched-2", "random-1", "random-2", "other-shapes"]
NEUTRAL = ("w11 w12 w13 w14", "w90 w91 w92")


def prompt(number):
    return tiny.text_of([5 + number, 40 + 7 * number, 100 + 3 * number])


def declare_task(folder):
    """A task's files, with questions that the unedited model answers rightly: its own answers are the accepted ones."""
    (folder / "colours.txt").write_text("w20\nw61\nw133\n")
    (folder / "shapes.txt").write_text("w21\nw62\nw134\n")
    prompts = [prompt(i) for i in range(18)]
    given = answer(tiny.word_model(), prompts, max_new_tokens=N_NEW)
    questions = [
        Question(
            text,
            (" ".join(right.split()[:2]),),
            "unrelated" if i >= 12 else "target",
            "subject",
            f"fact {i // 2}",
            "ranking" if i < 4 else "heldout",
        )
        for i, (text, right) in enumerate(zip(prompts, given, strict=True))
    ]
    (folder / "questions.jsonl").write_text("".join(json.dumps(asdict(question)) + "\n" for question in questions))
    (folder / "tiny-qa.yaml").write_text("name: tiny-qa\nconcept: colours.txt\nquestions: questions.jsonl\n")


def tiny_config(folder, **changes):
    usual = StudyConfig(
        str(folder / "tiny-qa.yaml"),
        "tiny",
        heads="2",
        scale=-20.0,
        controls=2,
        other_concept=str(folder / "shapes.txt"),
        ranking=RankConfig(n_draws=4),
        max_new_tokens=N_NEW,
        batch_size=5,
    )
    return replace(usual, **changes)


@pytest.fixture(scope="module", autouse=True)
def short_neutral_text():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(declared, "neutral_texts", lambda: NEUTRAL)
        yield


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    declare_task(folder)
    return folder


@pytest.fixture(scope="module")
def task(words, short_neutral_text):  # noqa: ARG001
    return load_task(str(words / "tiny-qa.yaml"))


@pytest.fixture
def config(words):
    return tiny_config(words)


@pytest.fixture(scope="module")
def model():
    return tiny.word_model()


@pytest.fixture(scope="module")
def finished(model, words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "study"
    return study(model, tiny_config(words), folder), folder


@contextmanager
def breaking_in(arm, error=KeyboardInterrupt):
    """Run arms until one is reached, and note which were begun."""
    begun, run = [], running.ArmRunner.run

    def run_or_break(self, name, kind, edit):
        begun.append(name)
        if name == arm:
            raise error
        return run(self, name, kind, edit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.ArmRunner, "run", run_or_break)
        yield begun


def test_the_folder_holds_every_part_and_what_it_was_made_with(finished, config):
    _, folder = finished
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "config.json",
        "model.json",
        "manifest.json",
        "capture/manifest.json",
        "capture/moments.safetensors",
        "ranking.json",
        "other-ranking.json",
        "notes.json",
        "study.json",
        *(f"arms/{name}.json" for name in ARMS),
    }
    assert json.loads((folder / "config.json").read_text()) == asdict(config)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["files"].keys() == files - {"manifest.json"}


def test_a_finished_study_comes_back_equal(finished):
    result, folder = finished
    assert StudyResult.load(folder) == result


def test_heads_are_ranked_on_the_ranking_prompts_alone(finished, task):
    captured = Capture.load(finished[1] / "capture")
    assert captured.n_prompts == 4
    z = torch.stack([tiny.mixed_of(tiny.network("llama"), "llama", ids_of(prompt(i)))["L1"][-1] for i in range(4)])
    torch.testing.assert_close(captured.moments["L1"].total, z.double().sum(0), atol=1e-5, rtol=1e-4)
    assert not set(task.ranking_prompts) & {q.prompt for q in task.heldout}


def ids_of(text):
    return [int(word[1:]) for word in text.split()]


def test_the_edit_is_the_best_heads_and_controls_avoid_them(finished):
    result, folder = finished
    assert [arm.name for arm in result.arms] == ARMS
    best = tuple(str(head) for head in sorted(result.ranking.top(2)))
    assert result.arms[1].heads == best
    assert result.arms[1].scale == result.scale == -20
    for arm in result.arms[2:]:
        assert len(arm.heads) == 2
        assert not set(arm.heads) & set(best)
    layers = sorted(Head.parse(h).layer for h in best)
    for arm in result.arms_of("matched"):
        assert sorted(Head.parse(h).layer for h in arm.heads) == layers
    other = Ranking.load(folder / "other-ranking.json")
    assert other.concept == "shapes"
    assert result.arms[-1].heads == tuple(
        str(head) for head in sorted([h for h in other.top(12) if str(h) not in best][:2])
    )


def test_every_arm_answers_as_a_network_with_scaled_weights_does(finished, task):
    result, _ = finished
    answers = set()
    for arm in result.arms:
        network = tiny.network("llama")
        for head in map(Head.parse, arm.heads):
            part = slice(8 * head.index, 8 * head.index + 8)
            network.model.layers[head.layer].self_attn.o_proj.weight.data[:, part] *= -20
        given = [example.answers[arm.name] for example in result.examples]
        assert given == [plain_answer(network, q.prompt) for q in task.heldout]
        answers.add(tuple(given))
        with torch.no_grad():
            found = damage(network)
        assert arm.damage.perplexity == pytest.approx(found[0], rel=1e-3)
        assert arm.damage.kl == pytest.approx(found[1], rel=1e-3, abs=1e-6)
    assert len(answers) > 3


def plain_answer(network, text):
    ids = tiny.greedy(network, ids_of(text), N_NEW)
    return tiny.text_of(ids[: ids.index(0)] if 0 in ids else ids)  # padding ends an answer


def damage(network):
    """Perplexity and KL(base || network) on the neutral text, plainly."""
    losses, divergences = [], []
    for text in NEUTRAL:
        ids = torch.tensor([ids_of(text)])
        before, after = (n(ids).logits[0, :-1].log_softmax(-1) for n in (tiny.network("llama"), network))
        losses.append(torch.nn.functional.nll_loss(after, ids[0, 1:], reduction="none"))
        divergences.append(torch.nn.functional.kl_div(after, before, log_target=True, reduction="none").sum(1))
    return float(torch.cat(losses).mean().exp()), float(torch.cat(divergences).mean())


def test_rates_are_those_of_the_answers(finished, task):
    result, _ = finished
    assert [len(result.examples), result.arms[0].target.n_questions, result.arms[0].unrelated.n_questions] == [14, 8, 6]
    for arm in result.arms:
        for group in ("target", "unrelated"):
            rows = [e for e in result.examples if e.group == group]
            right = [f" {e.accepted[0]} " in f" {e.answers[arm.name]} " for e in rows]
            assert getattr(arm, group).score.value == pytest.approx(sum(right) / len(rows))
            named = [bool({"w20", "w61", "w133"} & set(e.answers[arm.name].split())) for e in rows]
            assert getattr(arm, group).concept_rate.value == pytest.approx(sum(named) / len(rows))
    assert all(e.scores[arm] == contains(e.answers[arm], e.accepted) for e in result.examples for arm in ARMS)
    base, edit = result.arms[:2]
    assert base.target.score.value == 1
    assert edit.target.score.value < 1
    assert base.target.score_change is None
    assert edit.target.score_change.value == pytest.approx(edit.target.score.value - 1)


def test_the_counter_proves_which_arms_were_edited(finished):
    counts = [arm.n_forwards for arm in finished[0].arms]
    assert counts[0] == 0
    assert set(counts[1:]) == {3 * N_NEW}  # three batches; the prompt and all tokens but the last


def test_a_result_says_what_it_is_of(finished, model):
    result, _ = finished
    assert result.concept == "colours"
    assert result.model_summary == "12 heads: layers 0-2 with 4 heads of width 8"
    assert result.certificate.startswith("certified: 12 heads in 3 layers")
    assert result.flags == {}
    assert [note.head for note in result.notes] == [str(head) for head in model.anatomy.heads]
    assert (result.metric, result.direction) == ("contains", "suppress")
    assert result.verdict.outcome in ("specific", "not specific", "over-intervened", "no effect")


def test_a_study_repeats_exactly(finished, model, config, tmp_path):
    result, folder = finished
    again = study(model, config, tmp_path / "study")
    assert again == result
    assert (tmp_path / "study" / "study.json").read_bytes() == (folder / "study.json").read_bytes()


def test_an_interrupted_study_goes_on_where_it_stopped(finished, model, config, tmp_path, monkeypatch):
    folder = tmp_path / "study"
    with breaking_in("matched-2") as begun, pytest.raises(KeyboardInterrupt):
        study(model, config, folder)
    assert begun == ARMS[:4]
    assert sorted(path.stem for path in (folder / "arms").iterdir()) == sorted(ARMS[:3])

    monkeypatch.setattr(finding, "capture", None)  # finished before, so not to be called again
    monkeypatch.setattr(finding, "rank", None)
    monkeypatch.setattr(finding, "explain", None)
    with breaking_in(None) as begun:
        result = study(model, config, folder, resume=True)
    assert begun == ARMS[3:]
    assert result == finished[0]
    assert StudyResult.load(folder) == result


def test_a_study_interrupted_while_capturing_leaves_no_half_capture(model, config, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(finding.Capture, "_description", interrupt)
        with pytest.raises(KeyboardInterrupt):
            study(model, config, tmp_path / "study")
    assert {path.name for path in (tmp_path / "study").iterdir()} == {"config.json", "model.json"}
    assert study(model, config, tmp_path / "study", resume=True).concept == "colours"


def test_another_config_cannot_be_resumed(model, config, tmp_path):
    with breaking_in("edit"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study")
    with pytest.raises(ValueError, match=r"study holds a study with other settings \(\w+ was .*, is .*\); give those"):
        study(model, replace(config, scale=-1.0), tmp_path / "study", resume=True)


def test_an_unfinished_study_is_not_begun_again_without_being_asked_to(model, config, tmp_path):
    with breaking_in("edit"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study")
    with pytest.raises(FileExistsError, match="study exists already; .* continue an unfinished study with --resume"):
        study(model, config, tmp_path / "study")


@pytest.mark.parametrize(
    ("resume", "reason"), [(False, "exists already"), (True, "is finished; see it with `headpursuit report")]
)
def test_a_finished_study_is_not_run_again(finished, model, config, resume, reason):
    with breaking_in(None) as begun, pytest.raises(FileExistsError, match=reason):
        study(model, config, finished[1], resume=resume)
    assert not begun


def test_an_unfinished_study_is_not_read(model, config, tmp_path):
    with breaking_in("random-1"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study")
    with pytest.raises(ValueError, match="the study in .* is unfinished; continue it with --resume"):
        StudyResult.load(tmp_path / "study")


@pytest.fixture
def copied(finished, tmp_path):
    folder = tmp_path / "study"
    for file in finished[1].rglob("*"):
        if file.is_file():
            (folder / file.relative_to(finished[1])).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.relative_to(finished[1])).write_bytes(file.read_bytes())
    return folder


@pytest.mark.parametrize("name", ["study.json", "ranking.json", "arms/edit.json", "capture/moments.safetensors"])
def test_a_changed_file_is_refused_by_name(copied, name):
    file = copied / name
    file.write_bytes(file.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(ValueError, match=f"study is damaged: {name} does not match its checksum"):
        StudyResult.load(copied)


def test_a_missing_file_is_refused_by_name(copied):
    (copied / "arms" / "base.json").unlink()
    with pytest.raises(ValueError, match="study is incomplete: arms/base.json is missing"):
        StudyResult.load(copied)


def test_what_is_no_study_is_refused(finished, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .*gone; expected a study"):
        StudyResult.load(tmp_path / "gone")
    with pytest.raises(ValueError, match="capture is no study: its manifest.json says 'capture'"):
        StudyResult.load(finished[1] / "capture")


def test_an_edit_that_touches_nothing_is_not_taken_for_one(model, task, config, monkeypatch):
    @contextmanager
    def idle(*_):
        yield Applied()

    monkeypatch.setattr(running, "rescale", idle)
    runner = running.ArmRunner(model, task, config, lambda *_: None)
    with pytest.raises(RuntimeError, match="the edit of arm edit touched no forward pass; its answers would be the"):
        runner.run("edit", "edit", Edit({Head(0, 0): -1}))


@pytest.mark.parametrize(("scope", "length"), [("500", N_NEW), ("-500", N_NEW), ("generated", 1)])
def test_a_scope_without_tokens_is_said(model, task, config, scope, length):
    config = replace(config, scope=scope, max_new_tokens=length)
    runner = running.ArmRunner(model, task, config, lambda *_: None)
    with pytest.raises(ValueError, match=f"no question or answer has a token in scope '{scope}'; choose another"):
        runner.run("edit", "edit", Edit({Head(0, 0): -1}, parse_scope(scope)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"heads": "13"}, "13 heads were asked for, but there are 12"),
        (
            {"task": "nonsense"},
            "there is no task 'nonsense'; there is animals, attributes.* weekdays, or a file of yours",
        ),
        ({"other_concept": "weekdays"}, "concept 'weekdays' has no token in this vocabulary"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_before_anything_is_written(model, config, tmp_path, changes, reason):
    with tiny.watched(model.network, "llama") as seen:
        with pytest.raises(ValueError, match=reason):
            study(model, replace(config, **changes), tmp_path / "study")
        assert not any(seen.values())
    assert list(tmp_path.iterdir()) == []


def test_a_missing_concept_is_refused_before_anything_is_written(model, config, tmp_path):
    with pytest.raises(FileNotFoundError, match="'nonsense' is neither a built-in concept nor a file"):
        study(model, replace(config, other_concept="nonsense"), tmp_path / "study")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"controls": 0}, "controls is 0; it must be at least 1"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0; it must be at least 1"),
        ({"batch_size": -1}, "batch_size is -1; it must be at least 1"),
        ({"scale": 1.0}, "the scale is 1; give a finite number other than 1"),
        ({"scale": float("nan")}, "the scale is nan; give a finite number other than 1"),
        ({"heads": "0"}, "'0' is no number of heads"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        StudyConfig("countries-qa", "m", **changes)


def test_settings_come_back_from_json(config):
    assert StudyConfig.from_json(json.loads(json.dumps(asdict(config)))) == config


def test_progress_names_every_stage(model, config, tmp_path):
    told = []
    study(model, config, tmp_path / "study", progress=lambda *stage: told.append(stage))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [
        "capture",
        "rank colours",
        "rank shapes",
        "name heads",
        "arms",
        *(f"arm {name}" for name in ARMS),
    ]
    assert [(done, total) for stage, done, total in told if stage == "arm edit"] == [(5, 14), (10, 14), (14, 14)]


def test_the_l1_rule_captures_samples(model, words, tmp_path):
    config = tiny_config(words, ranking=RankConfig(rule="l1", n_draws=4), controls=1)
    study(model, config, tmp_path / "study")
    assert Capture.load(tmp_path / "study" / "capture").samples is not None


def test_the_command_names_what_is_not_the_default(tmp_path):
    config = StudyConfig(
        "countries-qa", "some/model", heads="3", ranking=RankConfig(rule="l1", centre=False), chat=True, seed=4
    )
    assert command(config, tmp_path / "my study") == (
        "headpursuit study countries-qa some/model --heads 3 --chat --rule l1 --no-centre --seed 4 -o 'my study'"
    )


@pytest.mark.parametrize("scope", ["prompt", "generated", "0,-1"])
def test_every_arm_edits_the_scope(model, words, tmp_path, task, scope):
    config = tiny_config(words, scope=scope)
    assert f" --scope {scope} " in command(config, tmp_path)
    with breaking_in("random-1"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study")
    with pytest.raises(ValueError, match="other settings"):
        study(model, replace(config, scope="all"), tmp_path / "study", resume=True)
    study(model, config, tmp_path / "study", resume=True)
    arms = [Arm.from_json(read_json(tmp_path / "study" / "arms" / f"{name}.json")) for name in ARMS[1:]]
    assert {arm.edit.scope for arm in arms} == {parse_scope(scope)}
    prompts = [question.prompt for question in task.heldout]
    for arm in arms:
        with rescale(model, arm.edit):
            assert list(arm.answers) == answer(model, prompts, max_new_tokens=N_NEW)
        assert arm.damage.kl > 0  # an edit of generated tokens acts on neutral text as if it were generated


def test_another_model_cannot_go_on_with_a_study(model, config, tmp_path):
    with breaking_in("edit"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study")
    with pytest.raises(ValueError, match="was begun with another model, revision or dtype"):
        study(tiny.word_model(seed=1), config, tmp_path / "study", resume=True)


def test_other_questions_or_words_cannot_go_on_with_a_study(model, config, task, words, tmp_path):
    with breaking_in("edit"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study", task=task)
    first, *others = task.questions
    changed = [
        replace(task, questions=(*others, first)),
        replace(task, questions=(replace(first, answers=("w5",)), *others)),
        replace(task, concept=Concept("colours", ("w20", "w61"))),
        replace(task, neutral_texts=("w11 w12",)),
    ]
    for other in changed:
        with pytest.raises(
            ValueError,
            match="was begun with other questions, images, neutral text, settings or concepts",
        ):
            study(model, config, tmp_path / "study", task=other, resume=True)
    study(model, config, tmp_path / "study", task=task, resume=True)


def test_a_concept_is_no_control_for_itself(model, config, tmp_path, words):
    with pytest.raises(ValueError, match="the other concept is colours itself"):
        study(model, replace(config, other_concept=str(words / "colours.txt")), tmp_path / "study")


def test_a_folder_of_something_else_is_not_taken_for_a_study(model, config, tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(FileExistsError, match="photos exists and is no study"):
        study(model, config, tmp_path / "photos", resume=True)


def test_prompts_that_do_not_fit_are_found_before_anything_is_written(model, config, tmp_path):
    with pytest.raises(ValueError, match="but the context holds"):
        study(model, replace(config, max_new_tokens=10_000), tmp_path / "study")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def ignorant(task):
    """The same questions, of which the unedited model answers none rightly."""
    return replace(task, questions=tuple(replace(q, answers=("w299",)) for q in task.questions))


def test_a_base_that_leaves_nothing_to_change_stops_the_study_and_is_kept(model, config, ignorant, tmp_path):
    with breaking_in(None) as begun, pytest.raises(ValueError) as stopped:
        study(model, config, tmp_path / "study", task=ignorant)
    assert str(stopped.value) == "base answers 0 of 8: nothing to suppress; ask what the model knows"
    assert begun == ["base"]
    assert [file.name for file in (tmp_path / "study" / "arms").iterdir()] == ["base.json"]
    assert not (tmp_path / "study" / "manifest.json").exists()
    with breaking_in(None) as begun, pytest.raises(ValueError, match="base answers 0 of 8"):
        study(model, config, tmp_path / "study", task=ignorant, resume=True)
    assert begun == []  # it is read back


def test_a_sheet_stops_as_early_where_the_base_leaves_nothing_to_change(model, config, ignorant, tmp_path):
    config = replace(config, sweep=True, heads=StudyConfig.heads, scale=StudyConfig.scale, doses="1,2")
    with breaking_in(None) as begun, pytest.raises(ValueError, match="base answers 0 of 2: nothing to suppress"):
        study(model, config, tmp_path / "study", task=ignorant)
    assert begun == ["base"]
    assert [file.name for file in (tmp_path / "study" / "sweep").iterdir()] == ["base.json"]


def test_a_base_may_be_weak_but_not_silent_where_it_is_to_be_enhanced(model, config, task, tmp_path):
    never = replace(task, direction="enhance", metric="names-concept", concept=Concept("colours", ("w299", "w298")))
    config = replace(config, scale=3.0, scope="all")
    with pytest.raises(ValueError) as stopped:
        study(model, config, tmp_path / "never", task=never)
    assert str(stopped.value) == (
        "base scores 0.00 on 8 prompts (outputs that name a word of the concept): nothing to enhance, as a rise is "
        "measured relative to the base; choose prompts that lead the model to the concept"
    )
    said = read_json(tmp_path / "never" / "arms" / "base.json")["answers"][0].split()[0]
    once = replace(never, concept=Concept("colours", (said,)))
    result = study(model, config, tmp_path / "once", task=once)
    assert result.arms[0].target.score.value > 0
    assert (result.metric, result.direction, result.edit.scale) == ("names-concept", "enhance", 3.0)
    assert StudyResult.load(tmp_path / "once") == result


def test_answers_that_a_metric_compares_with_are_missed_before_anything_is_written(model, config, task, tmp_path):
    bare = replace(task, questions=tuple(replace(q, answers=()) for q in task.questions if q.group == "target"))
    with pytest.raises(ValueError, match="has no accepted answer, which the metric contains compares with"):
        study(model, config, tmp_path / "study", task=bare)
    assert list(tmp_path.iterdir()) == []
