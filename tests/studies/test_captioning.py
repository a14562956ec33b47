"""A study of captions on a tiny random llava: figures, folder, resuming, and what is refused."""

import json
from dataclasses import replace

import pytest
import tiny_captions
from tiny_study import breaking_in

from headpursuit.concepts import Concept
from headpursuit.heads import Edit, Head
from headpursuit.records import to_record
from headpursuit.studies import (
    CaptioningResult,
    StudyResult,
    load_result,
    study_captions,
)
from headpursuit.studies.experiments.captions.scoring import CaptionScorer
from headpursuit.studies.results import Arm, Damage
from headpursuit.studies.tasks import Question


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captions")
    config = tiny_captions.config(folder)
    result = study_captions(tiny_captions.model(), config, folder / "study", task=tiny_captions.task())
    return result, folder / "study", config


def test_a_finished_study_comes_back_equal(finished):
    result, folder, _ = finished
    assert CaptioningResult.load(folder) == result
    assert load_result(folder) == result
    with pytest.raises(ValueError, match="is no study: its manifest.json says 'captioning study'"):
        StudyResult.load(folder)


def on_sheets(result):
    """Arms on selection images: the base once, doses that were run, and the draws beside the best of each sheet."""
    cells = [cell for sheet in result.sheets.values() for cell in sheet.cells]
    assert all(any(cell.matched is not None for cell in sheet.cells) for sheet in result.sheets.values())
    drawn = [f"{cell.arm.name}-matched" for cell in cells if cell.matched is not None]
    return ["base", *(cell.arm.name for cell in cells), *drawn]


def test_the_folder_holds_every_part(finished):
    result, folder, config = finished
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        *("config.json", "model.json", "manifest.json", "study.json", "notes.json"),
        *("ranking.json", "other-ranking.json", "capture/manifest.json", "capture/moments.safetensors"),
        *(f"sweep/{name}.json" for name in on_sheets(result)),
        *(f"arms/{arm.name}.json" for arm in result.arms),
        *(f"images/{n + 1:04}.png" for n in range(tiny_captions.N_IMAGES)),
    }
    assert json.loads((folder / "config.json").read_text()) == to_record(config)
    assert len(result.examples) == tiny_captions.N_IMAGES
    assert all(set(e.captions) == {arm.name for arm in result.arms} for e in result.examples)


def test_both_directions_have_a_dose_and_all_controls(finished):
    result, _, _ = finished
    for direction, paper in (("suppress", -1.0), ("enhance", 5.0)):
        sheet, edit = result.sheets[direction], result.edit(direction)
        assert (len(edit.heads), edit.scale) == (sheet.n_heads, sheet.scale)
        assert edit.heads == tuple(sorted(str(e.head) for e in result.ranking.entries[: sheet.n_heads]))
        kinds = [arm.kind for arm in result.arms_of(direction) if arm.kind != "dose"]
        assert kinds == ["edit", "image", "text", "matched", "matched", "random", "random", "other"]
        papers = result.arms_of(direction, "dose")
        assert [arm.scale for arm in papers] == ([] if (len(edit.heads), edit.scale) == (1, paper) else [paper])
        for arm in result.arms_of(direction, "matched"):
            layers = [Head.parse(head).layer for head in arm.heads]
            assert layers == [Head.parse(head).layer for head in edit.heads]
            assert not set(arm.heads) & set(edit.heads)
            assert arm.scale == edit.scale
    assert all(arm.n_forwards > 0 for arm in result.arms[1:])


def test_the_base_is_the_model_as_it_is(finished):
    result, _, _ = finished
    own = [q.answers[0] for q in tiny_captions.task().heldout]
    assert [e.captions["base"] for e in result.examples] == own


def test_doses_are_chosen_on_selection_images_alone(finished):
    _, folder, config = finished
    captions = json.loads((folder / "sweep" / "base.json").read_text())["answers"]
    split = tiny_captions.task().split_for(sweep=True)
    selection = [q.answers[0] for q in split.selection]
    assert len(captions) == config.sweep_questions == len(selection)
    assert captions == selection
    assert json.loads((folder / "capture" / "manifest.json").read_text())["n_prompts"] == len(split.ranking_prompts)
    assert [[q.image_name for q in part] for part in (split.selection, split.heldout)] == [
        ["selection-1", "selection-3", "selection-5", "selection-7"],
        [f"heldout-{n}" for n in range(tiny_captions.N_IMAGES)],
    ]


def test_an_interrupted_study_goes_on_where_it_stopped(finished, tmp_path):
    result, _, config = finished
    given = dict(task=tiny_captions.task())
    with breaking_in("enhance") as begun, pytest.raises(KeyboardInterrupt):
        study_captions(tiny_captions.model(), config, tmp_path / "study", **given)
    done = len(begun) - 1
    with pytest.raises(ValueError, match="is unfinished; continue it with `resume=True`"):
        load_result(tmp_path / "study")
    with breaking_in(None) as begun:
        again = study_captions(tiny_captions.model(), config, tmp_path / "study", resume=True, **given)
    assert begun[0] == "enhance"
    assert done + len(begun) == len(on_sheets(result)) + len(result.arms)
    assert replace(again, command=result.command) == result


def asked(name, *references):
    return Question("Describe", references, "target", "caption", name, "heldout", image_name=name)


QUESTIONS = (
    asked("a", "A red circle.", "An orange circle on the left"),
    asked("b", "two green squares"),
    asked("c", "a star", "one blue star"),
)
COLOURS, SHAPES = Concept("hues", ("red", "orange", "blue", "green")), Concept("forms", ("circle", "star", "squares"))


def arm(name, kind, *captions):
    edit = Edit({}) if kind == "base" else Edit({Head(1, 2): -1})
    return Arm(name, kind, edit, captions, Damage(10.0, 0.0), 3)


def test_figures_count_words_and_compare_with_the_base():
    scorer = CaptionScorer(QUESTIONS, COLOURS, [SHAPES], 0)
    base = arm("base", "base", "A red circle, a red star", "green squares", "a star")
    edit = arm("edit", "edit", "A circle", "squares", "")
    before, after = scorer.figures(base, base), scorer.figures(edit, base, "suppress")
    assert before.frequency.value == 1.0
    assert before.frequency_change is None
    assert before.naming.value == pytest.approx(2 / 3)
    assert (after.frequency.value, after.frequency_change.value, after.naming.value) == (0, -1, 0)
    assert after.others["forms"].value == pytest.approx(2 / 3)
    assert after.empty == pytest.approx(1 / 3)
    assert after.length.value == pytest.approx(2 / 3)
    assert (after.direction, after.heads, after.scale) == ("suppress", ("L1H2",), -1)


def test_cider_without_the_concept_does_not_miss_it():
    scorer = CaptionScorer(QUESTIONS, COLOURS, [], 0)
    right = arm("base", "base", "a red circle", "two green squares", "one blue star")
    grey = arm("edit", "edit", "circle", "two squares", "one star")
    named, unnamed = scorer.figures(right, right), scorer.figures(grey, right, "suppress")
    assert unnamed.cider_without == named.cider_without
    assert unnamed.cider.value < named.cider.value
