"""A whole transfer on a tiny model: two tasks that are the same, and a third."""

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
import tiny
from transfer_tasks import three_tasks, tiny_config

from headpursuit.analysis import Capture, RankConfig
from headpursuit.analysis.rankers import find_ranker
from headpursuit.heads import Head
from headpursuit.media import ImagePrompt
from headpursuit.models import answer, rescale
from headpursuit.records import from_record
from headpursuit.studies.experiments.transfer import TransferConfig, TransferTask, find_tasks, transfer
from headpursuit.studies.results import Arm
from headpursuit.studies.steps import arms as running
from headpursuit.studies.steps.ranked import evidence_of

NAMES = ["one", "again", "other"]


@pytest.fixture(scope="module")
def model():
    return tiny.word_model()


@pytest.fixture(scope="module")
def tasks(model):
    return three_tasks(model)


@contextmanager
def noting(stop_at=None):
    """Which edits are run on what, in order."""
    begun, run = [], running.ArmRunner.run

    def noted(self, name, kind, edit):
        if len(begun) == stop_at:
            raise KeyboardInterrupt
        begun.append((edit, tuple(q.prompt for q in self._questions)))
        return run(self, name, kind, edit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.ArmRunner, "run", noted)
        yield begun


@pytest.fixture(scope="module")
def made(model, tasks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "out"
    with noting() as begun:
        result = transfer(model, tiny_config(), folder, tasks=tasks)
    return result, folder, begun


def test_each_distinct_set_of_heads_answers_each_task_once(made, tasks):
    result, folder, begun = made
    sets = {edit for edit, _ in begun}
    assert len(sets) <= 1 + 2 * 3  # the same heads of two tasks, and the same draws, are one
    prompts = [tuple(q.prompt for q in task.heldout) for task in tasks.values()]
    assert [asked for _, asked in begun] == [p for p in prompts for _ in sets]
    assert sum(not edit for edit, _ in begun) == 3
    assert sorted(p.name for p in (folder / "arms").iterdir()) == sorted(NAMES)
    assert {len(list((folder / "arms" / name).iterdir())) for name in NAMES} == {len(sets)}
    assert len(begun) <= 3 * (1 + 3 * 3)


def test_arms_hold_what_the_edited_model_answers(made, tasks, model):
    result, folder, _ = made
    for heads in ("other", "one"):
        edit = next(t for t in result.tasks if t.name == heads)
        (file,) = (folder / "arms" / "one").glob("-".join(sorted(edit.heads)) + ".json")
        arm = from_record(Arm, json.loads(file.read_text()))
        with rescale(model, arm.edit):
            assert list(arm.answers) == answer(model, [q.prompt for q in tasks["one"].heldout], max_new_tokens=3)
        assert set(arm.edit.values()) == {-20}


def test_random_heads_come_from_the_layers_of_the_heads_they_stand_beside(made):
    result, _, begun = made

    def layers(heads):
        return sorted(head.layer for head in heads)

    ranked = [tuple(sorted(Head.parse(name) for name in task.heads)) for task in result.tasks]
    drawn = [tuple(edit) for edit in dict.fromkeys(edit for edit, _ in begun) if edit and tuple(edit) not in ranked]
    assert len(drawn) >= 2
    assert all(layers(heads) in [layers(r) for r in ranked] for heads in drawn)


def test_identical_tasks_have_one_set_of_heads_and_cluster_together(made):
    result, *_ = made
    first, again, other = result.tasks
    assert first.heads == again.heads != other.heads
    same = next(o for o in result.overlaps if o.tasks == ("one", "again"))
    assert (same.jaccard, len(same.shared), same.spearman) == (1, 2, pytest.approx(1))
    assert same.p == pytest.approx(1 / 66)  # one pair of 12 heads in 66
    assert same.shared_words == 3
    assert result.overlap_tree.merges[0][:3] == (0, 1, 0)
    for column in NAMES:
        one, two = result.cell("one", column), result.cell("again", column)
        assert replace(two, row="one") == one
    assert result.columns[0].base.value == 1


def test_another_seed_draws_other_heads(made, model, tasks, tmp_path):
    result = made[0]
    other = transfer(model, tiny_config(seed=1, ranking=RankConfig(n_draws=4, seed=1)), tmp_path / "b", tasks=tasks)
    assert other.columns != result.columns


def test_an_interrupted_transfer_goes_on_where_it_stopped(made, model, tasks, tmp_path):
    result, _, begun = made
    with noting(stop_at=4) as before, pytest.raises(KeyboardInterrupt):
        transfer(model, tiny_config(), tmp_path / "out", tasks=tasks)
    with noting() as after:
        again = transfer(model, tiny_config(), tmp_path / "out", tasks=tasks, resume=True)
    assert before + after == begun
    assert again == result


def test_other_questions_of_the_same_name_cannot_go_on(model, tasks, tmp_path):
    with noting(stop_at=1), pytest.raises(KeyboardInterrupt):
        transfer(model, tiny_config(), tmp_path / "out", tasks=tasks)
    changed = tasks | {"one": replace(tasks["other"], name="one")}
    with pytest.raises(ValueError, match="was begun with other questions"):
        transfer(model, tiny_config(), tmp_path / "out", tasks=changed, resume=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"heads": "7"}, "one: 7 of 12 heads leave too few for random controls; edit at most 6"),
        ({"heads": "13"}, "one: 13 heads were asked for, but there are 12"),
    ],
)
def test_too_many_heads_are_refused_before_anything_is_written(model, tasks, tmp_path, changes, reason):
    with pytest.raises(ValueError, match=reason):
        transfer(model, tiny_config(**changes), tmp_path / "out", tasks=tasks)
    assert not (tmp_path / "out").exists()


def test_tasks_about_images_need_a_model_that_sees(model, tasks, tmp_path):
    from PIL import Image

    seen = replace(tasks["one"].questions[0], prompt=ImagePrompt("<image> w5", Image.new("RGB", (8, 8))))
    with_images = tasks | {"again": replace(tasks["one"], questions=(seen, *tasks["one"].questions[1:]))}
    with pytest.raises(ValueError, match="again: .*image"):
        transfer(model, tiny_config(), tmp_path / "out", tasks=with_images)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tasks": (TransferTask("one", "countries-qa"),)}, "at least two tasks, but 1 was given"),
        ({"tasks": (TransferTask("one", "countries-qa"),) * 2}, "two tasks are called one"),
        ({"scale": 2.0}, "the scale is 2; transfer measures suppression"),
        ({"controls": 0}, "`controls` is 0"),
        ({"seed": 4}, "the ranking's seed is 0 and the seed 4"),
        ({"heads": "many"}, "cannot read 'many' as a number of heads"),
    ],
)
def test_what_cannot_be_is_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        tiny_config(**changes)


def test_a_task_that_there_is_not_is_named():
    rows = (TransferTask("first", "countries-qa"), TransferTask("second", "no-such-task"))
    with pytest.raises(ValueError, match="second: there is no task 'no-such-task'"):
        find_tasks(TransferConfig("tiny", rows))


def test_given_tasks_are_those_of_the_config(model, tasks, tmp_path):
    with pytest.raises(ValueError, match="names the tasks one, again, other, but one were given"):
        transfer(model, tiny_config(), tmp_path / "out", tasks={"one": tasks["one"]})


def test_a_task_can_have_a_ranker(model, tasks, tmp_path):
    """The same task twice, once ranked by the default: the sets of heads are each ranker's own best ones."""
    rows = [TransferTask("one", "one", {"ranker": "alignment"}), TransferTask("again", "again")]
    config = replace(tiny_config(), tasks=tuple(rows))
    result = transfer(model, config, tmp_path / "out", tasks={row.name: tasks[row.name] for row in rows})
    assert [task.ranker for task in result.tasks] == ["alignment", ""]
    study_config = config.study_of(rows[0])
    prompts = Capture.load(tmp_path / "out" / "tasks" / "one" / "capture")
    evidence = evidence_of(model, tasks["one"], tasks["one"].words, study_config, prompts)
    order = find_ranker("alignment").order(evidence)
    assert result.tasks[0].heads == tuple(map(str, order[: len(result.tasks[0].heads)]))


def test_settings_of_a_task_become_what_they_are():
    assert TransferTask("one", "one", {"data": ["a", "b"], "max_new_tokens": 3}).settings["data"] == "a,b"
    with pytest.raises(ValueError, match="there is no ranker 'alignment,explained'"):
        TransferConfig(
            "tiny",
            (
                TransferTask("one", "countries-qa", {"ranker": ["alignment", "explained"]}),
                TransferTask("two", "months"),
            ),
        )
