import json
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from tiny_study import ARMS, N_NEW, NEUTRAL, breaking_in, prompt, tiny_config

from headpursuit.analysis import Capture, RankConfig, Ranking
from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head, parse_scope
from headpursuit.models import answer, rescale
from headpursuit.records import from_record, to_record
from headpursuit.storage import read_json
from headpursuit.studies import StudyConfig, StudyResult, load_result, study
from headpursuit.studies.results import Arm
from headpursuit.studies.settings import command
from headpursuit.studies.text.metrics import contains


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
    assert json.loads((folder / "config.json").read_text()) == to_record(config)
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


def test_flags_of_the_files_are_in_the_result_and_its_certificate(model, config, tmp_path):
    flagged = replace(model, file_flags=(("left_out_tensors", "1 tensor of the files left out"),))
    result = study(flagged, config, tmp_path / "s")
    assert result.flags == {"left_out_tensors": "1 tensor of the files left out"}
    assert "flags: left_out_tensors (3 of 3)" in result.certificate


def ids_of(text):
    return [int(word[1:]) for word in text.split()]


def test_the_edit_is_the_best_heads_and_controls_avoid_them(finished):
    result, folder = finished
    assert [arm.name for arm in result.arms] == ARMS
    best = tuple(str(head) for head in sorted(result.ranking.top(2)))
    assert result.arms[1].heads == best
    assert result.arms[1].scale == -20
    assert result.rescaled == Edit.uniform(result.ranking.top(2), -20)
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
    assert (
        max(counts) == 14 * N_NEW
    )  # of each question the prompt and all tokens but the last; fewer where it ends early
    assert min(counts[1:]) >= 14


def test_a_result_says_what_it_is_of(finished, model):
    result, _ = finished
    assert result.concept == "colours"
    assert result.model_summary == "12 heads: layers 0-2 with 4 heads of width 8"
    assert result.certificate.startswith("certified: 12 heads in 3 layers")
    assert result.flags == {}
    assert [note.head for note in result.notes] == [str(head) for head in model.anatomy.heads]
    assert (result.metric, result.direction) == ("contains", "suppress")
    assert result.verdict.outcome in ("specific", "not specific", "over-intervened", "no effect")
    useless = result.verdict.outcome in ("over-intervened", "no effect")
    assert any("`--by effect`" in remark for remark in result.remarks) == useless


def test_progress_names_every_stage(model, config, tmp_path):
    told, config = [], replace(config, batch_size=5)
    study(model, config, tmp_path / "study", progress=lambda *stage: told.append(stage))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [
        "capture",
        "rank colours",
        "rank shapes",
        "name heads",
        "arms",
        "arm base",
        "arm edit and 5 more",
    ]
    assert [(done, total) for stage, done, total in told if stage == "arm base"] == [(5, 14), (10, 14), (14, 14)]
    answered = [(done, total) for stage, done, total in told if stage == "arm edit and 5 more"]
    assert answered == [(18, 84), (36, 84), (54, 84), (72, 84), (84, 84)]


def test_the_l1_rule_captures_samples(model, words, tmp_path):
    config = tiny_config(words, ranking=RankConfig(rule="l1", n_draws=4), controls=1)
    study(model, config, tmp_path / "study")
    assert Capture.load(tmp_path / "study" / "capture").samples is not None


@pytest.mark.parametrize("scope", ["prompt", "generated", "0,-1"])
def test_every_arm_edits_the_scope(model, words, tmp_path, task, scope):
    config = tiny_config(words, scope=scope)
    assert f" --scope {scope} " in command(config, tmp_path)
    with breaking_in("random-1"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study")
    with pytest.raises(ValueError, match="other settings"):
        study(model, replace(config, scope="all"), tmp_path / "study", resume=True)
    study(model, config, tmp_path / "study", resume=True)
    arms = [from_record(Arm, read_json(tmp_path / "study" / "arms" / f"{name}.json")) for name in ARMS[1:]]
    assert {arm.edit.scope for arm in arms} == {parse_scope(scope)}
    prompts = [question.prompt for question in task.heldout]
    for arm in arms:
        with rescale(model, arm.edit):
            assert list(arm.answers) == answer(model, prompts, max_new_tokens=N_NEW)
        assert arm.damage.kl > 0  # an edit of generated tokens acts on neutral text as if it were generated


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


def test_a_task_with_settings_by_name_is_a_study_of_it(model, words, tmp_path, monkeypatch):
    """As the command does it: in the folder TASK-MODEL, unless another is named."""
    config = tiny_config(words, controls=1)
    asked = {name: value for name, value in vars(config).items() if name not in ("task", "model", "revision")}
    monkeypatch.chdir(tmp_path)
    found = study(model, config.task, **asked)
    assert found.config == replace(config, model=model.name or "model", revision=model.revision)
    assert load_result(tmp_path / f"tiny-qa-{Path(found.config.model).name}") == found
    with pytest.raises(TypeError, match="controls stands beside a config; give it in the config"):
        study(model, config, controls=2)
