import json

import pytest
from harness_data import keep_short, task_folder, word_model

from headpursuit.analysis import SavedEdit
from headpursuit.heads import Edit, Head
from headpursuit.models.harness import asking
from headpursuit.studies.experiments.lm_eval import HarnessConfig, HarnessResult, evaluating, harness_study

pytest.importorskip("lm_eval", reason="needs the extra lm-eval")

EDIT = Edit({"L0H0": 0.7, "L2H1": 0.5, "L2H3": -1})


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


def config_of(folder, **fields):
    made = {"tasks": ("tiny_both", "tiny_read"), "edit": EDIT.to_json(), "include_path": str(folder), "controls": 2}
    return HarnessConfig(model="tiny-llama", **made | fields)


@pytest.fixture(scope="module")
def finished(model, folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("runs") / "run"
    return harness_study(model, SavedEdit(EDIT), config_of(folder), place), place


def test_arms_are_base_edit_and_random_heads_of_its_layers(finished):
    result, _ = finished
    assert [arm.name for arm in result.arms] == ["base", "edit", "matched-1", "matched-2"]
    base, edit, *controls = result.arms
    assert (base.scales, base.n_forwards) == ({}, 0)
    assert edit.scales == {"L0H0": 0.7, "L2H1": 0.5, "L2H3": -1.0}
    assert edit.n_forwards > 0
    for arm in controls:
        heads = [Head.parse(name) for name in arm.scales]
        assert [head.layer for head in heads] == [0, 2, 2]
        assert list(arm.scales.values()) == [0.7, 0.5, -1.0]
        assert not set(arm.scales) & set(edit.scales)
        assert arm.n_forwards == edit.n_forwards


def test_rows_hold_base_edit_and_change(finished):
    rows = {(row.task, row.metric): row for row in finished[0].rows}
    assert len(rows) == 6
    chosen = rows["tiny_finish", "exact_match"]
    assert chosen.change.value == pytest.approx(chosen.edit - chosen.base)
    assert chosen.change.paired
    assert chosen.change.harm(True)
    assert len(chosen.controls) == 2
    assert rows["tiny_read", "word_perplexity"].change.paired
    assert not rows["tiny_both", "acc"].change.paired
    assert "exact_match on tiny_finish" in finished[0].sentence


def test_a_run_is_read_back(finished):
    result, place = finished
    assert HarnessResult.load(place) == result
    (place / "arms" / "edit.json").rename(place / "arms" / "gone.json")
    with pytest.raises(ValueError, match=r"arms/edit.json is missing"):
        HarnessResult.load(place)
    (place / "arms" / "gone.json").rename(place / "arms" / "edit.json")


def test_an_interrupted_run_goes_on_and_is_the_same(finished, model, folder, tmp_path, monkeypatch):
    result, place = finished
    asked = []

    def interrupted(model, tasks, edit, **options):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(edit)
        return asking.ask_harness(model, tasks, edit, **options)

    again, config = tmp_path / "run", config_of(folder)
    monkeypatch.setattr(evaluating, "ask_harness", interrupted)
    with pytest.raises(KeyboardInterrupt):
        harness_study(model, SavedEdit(EDIT), config, again)
    with pytest.raises(FileExistsError, match="--resume"):
        harness_study(model, SavedEdit(EDIT), config, again)
    other = config_of(folder, controls=1)
    with pytest.raises(ValueError, match="controls was 2, is 1"):
        harness_study(model, SavedEdit(EDIT), other, again, resume=True)
    monkeypatch.setattr(evaluating, "ask_harness", lambda *a, **k: asked.append(a[2]) or asking.ask_harness(*a, **k))
    harness_study(model, SavedEdit(EDIT), config, again, resume=True)
    assert len(asked) == 4
    assert (again / "result.json").read_bytes() == (place / "result.json").read_bytes()
    with pytest.raises(FileExistsError, match="is finished"):
        harness_study(model, SavedEdit(EDIT), config, again, resume=True)


def test_another_model_cannot_go_on(model, folder, tmp_path):
    config, saved = config_of(folder, tasks=("tiny_choose",), controls=0), SavedEdit(EDIT)
    harness_study(model, saved, config, tmp_path / "run")
    (tmp_path / "run" / "manifest.json").unlink()
    kept = json.loads((tmp_path / "run" / "model.json").read_text())
    (tmp_path / "run" / "model.json").write_text(json.dumps(kept | {"lm_eval": "0.0"}))
    with pytest.raises(ValueError, match="begun with another version of lm-eval"):
        harness_study(model, saved, config, tmp_path / "run", resume=True)


def test_too_many_heads_leave_nothing_to_compare_with(model, folder, tmp_path):
    saved = SavedEdit(Edit.uniform([Head(1, i) for i in range(3)], -1))
    config = config_of(folder, edit=saved.edit.to_json())
    with pytest.raises(ValueError, match="a control needs 3 other heads in layer 1, which has 1"):
        harness_study(model, saved, config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("field", ["limit", "batch_size"])
def test_impossible_settings(field, folder):
    with pytest.raises(ValueError, match=f"--{field.replace('_', '-')} is 0; it must be 1 or more"):
        config_of(folder, **{field: 0})
