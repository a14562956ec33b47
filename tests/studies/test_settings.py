import json
import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headpursuit.analysis import RankConfig
from headpursuit.cli import studies as commands
from headpursuit.cli.app import app
from headpursuit.records import from_record, to_record
from headpursuit.studies import StudyConfig, find_task, usual_config
from headpursuit.studies.settings import command

IMAGES = "image-classification"


def test_image_tasks_have_defaults_of_their_own():
    config = usual_config(IMAGES, "m", data="digits")
    assert (config.chat, config.positions, config.sweep) == (True, "generated", True)
    captions = usual_config("captioning", "m")
    assert (captions.chat, captions.positions, captions.sweep) == (True, "generated", True)
    assert (captions.max_new_tokens, captions.images, captions.selection_images) == (32, 100, 200)
    assert (captions.effect, captions.damage) == (0.6, 0.2)
    assert usual_config("countries-qa", "m") == StudyConfig("countries-qa", "m")


def test_every_task_with_answers_is_compared_with_other_ways_unless_that_is_left_out(declare):
    assert [usual_config(task, "m").baselines for task in ("months", IMAGES, "captioning")] == [True, True, False]
    assert not usual_config("months", "m", baselines=False).baselines
    assert "--no-baselines" in command(usual_config("months", "m", baselines=False), Path("x"))
    older = to_record(usual_config("months", "m"))
    del older["baselines"]  # studies from before there were any ran none
    assert not from_record(StudyConfig, older).baselines
    assert not usual_config(declare("task: months\nsettings: {model: m, baselines: false}\n")).baselines
    with pytest.raises(ValueError, match="`baselines` belongs to tasks with one direction; leave it out"):
        find_task(usual_config("captioning", "m", data="scenes", concept="colours", baselines=True))


def test_rungs_are_asked_unless_that_is_left_out():
    assert [usual_config(task, "m").rungs for task in ("months", IMAGES, "captioning")] == [True, False, False]
    assert "--no-rungs" in command(usual_config("months", "m", rungs=False), Path("x"))
    older = to_record(usual_config("months", "m"))
    del older["rungs"]
    assert not from_record(StudyConfig, older).rungs


@pytest.mark.parametrize("given", [{"heads": "2"}, {"scale": -2.0}])
def test_heads_or_scale_switch_the_sweep_off(given):
    assert not usual_config(IMAGES, "m", **given).sweep
    with pytest.raises(ValueError, match="a sweep chooses number and scale of the heads itself; leave out either"):
        usual_config(IMAGES, "m", sweep=True, **given)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"scales": "0,x"}, "`scales`: cannot read '0,x'; write numbers with commas, like 0,-1,-2"),
        ({"scales": "0,1"}, "the scale is 1; give a finite number other than 1"),
        ({"scales": ","}, "a dose sheet needs scales"),
        ({"doses": "0"}, "'0' is no number of heads"),
        ({"also": "8,many"}, "cannot read 'many' as a number of heads"),
        ({"controls": "many"}, "`controls`: expected int, found 'many'"),
        ({"images": 0}, "`images` is 0; it must be at least 1"),
        ({"long": 50}, "`long` is 50; long answers have 100 tokens or more, or 0 for none"),
        ({"sweep_questions": 0}, "`sweep_questions` is 0; it must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        usual_config(IMAGES, "m", **changes)


def test_a_config_from_before_there_were_images_is_read():
    content = json.loads(json.dumps(asdict(StudyConfig("countries-qa", "m", heads="3"))))
    for name in ("data", "ask", "images", "selection_images", "skip_bad", "sweep", "sweep_questions", "doses"):
        del content[name]
    assert from_record(StudyConfig, content) == StudyConfig("countries-qa", "m", heads="3")
    with pytest.raises(TypeError, match="pictures"):
        from_record(StudyConfig, content | {"pictures": 3})


def test_lists_that_older_files_have_as_text_are_read():
    config = usual_config("captioning", "m", doses="1,2%", scales="-1", also="")
    older = to_record(config) | {"doses": "1,2%", "scales": "-1", "enhance_scales": "1.5,2,3,5", "also": ""}
    assert from_record(StudyConfig, json.loads(json.dumps(older))) == config
    del older["max_new_tokens"], older["effect"]  # what is not there is not what the task has come to do since
    assert from_record(StudyConfig, older) == replace(config, max_new_tokens=12, effect=0.5)


def test_a_ranking_has_no_seed_of_its_own():
    with pytest.raises(ValueError, match="the ranking's seed is 0 and the seed 3; there is but one"):
        find_task(replace(StudyConfig("months", "m"), seed=3))
    assert StudyConfig("months", "m", seed=3).ranking.seed == 3


@pytest.mark.parametrize(
    "config",
    [
        usual_config("countries-qa", "m"),
        usual_config("countries-qa", "m", sweep=True, doses="1,1%", scales="-1,-2"),
        usual_config("countries-qa", "m", heads="3", scale=-3.0, scope="0,-1", chat=True),
        usual_config(IMAGES, "m", data="digits"),
        usual_config(IMAGES, "m", data="a folder", heads="2", chat=False, positions="last", skip_bad=True),
        usual_config(IMAGES, "m", data="digits", sweep=False, ask="Which one?", images=5, also="8,16"),
        usual_config("captioning", "m", data="scenes", concept="colours"),
        usual_config("captioning", "m", data="scenes", concept="shapes", doses="3", scales="-2", enhance_scales="3"),
        usual_config("captioning", "m", data="coco", concept="my words.txt", other_concept="months", images=7),
        usual_config(IMAGES, "m", data="digits", seed=3, ranking=RankConfig(seed=3)),
        usual_config(IMAGES, "m", data="digits", scale=-2.0, ranking=RankConfig(centre=False, n_draws=3)),
    ],
)
def test_the_command_reproduces_the_settings(config, monkeypatch):
    ran = []
    monkeypatch.setattr(commands, "run_study", lambda config, output, resume: ran.append((config, output)))
    words = shlex.split(command(config, Path("some/study")))
    assert words[:2] == ["headpursuit", "study"]
    result = CliRunner().invoke(app, words[1:])
    assert result.exit_code == 0, result.output
    assert ran == [(config, Path("study"))]


def test_a_seed_reaches_the_ranking_too(monkeypatch):
    ran = []
    monkeypatch.setattr(commands, "run_study", lambda config, output, resume: ran.append(config))
    CliRunner().invoke(app, ["study", "countries-qa", "m", "--seed", "4"])
    assert (ran[0].seed, ran[0].ranking.seed) == (4, 4)


def test_data_are_for_image_tasks():
    with pytest.raises(ValueError, match="countries-qa brings its own questions; leave `data` out"):
        find_task(usual_config("countries-qa", "m", data="digits"))
    with pytest.raises(ValueError, match="there is no task 'image-clasification'; there is animals, attributes"):
        find_task(usual_config("image-clasification", "m", data="digits"))
    with pytest.raises(ValueError, match="instead of `heads` and `scale` give `doses`"):
        find_task(usual_config("captioning", "m", data="scenes", concept="colours", heads="8", doses="3"))
    with pytest.raises(ValueError, match="there is no task 'captionning'"):
        find_task(usual_config("captionning", "m", data="scenes", doses="3", enhance_scales="2"))
    with pytest.raises(ValueError, match="image-classification needs images; name a set or a folder"):
        find_task(usual_config(IMAGES, "m"))


@pytest.mark.parametrize(("task", "given"), [(IMAGES, {"data": "digits"}), ("countries-qa", {"sweep": True})])
def test_a_sheet_that_is_to_suppress_has_no_scales_that_enhance(task, given):
    with pytest.raises(ValueError, match="scales of suppression are below 1, but `scales` is 0,5"):
        find_task(usual_config(task, "m", scales="0,5", **given))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {"heads": "3", "doses": "1,2"},
            "`doses` belongs to a dose sheet; leave it out, or give `sweep=True` in place of `heads`",
        ),
        ({"scale": 0.0, "scales": "0,-1", "doses": "1"}, "`doses` and `scales` belong to a dose sheet; leave them out"),
        ({"scale": 0.0, "sweep_questions": 4}, "`sweep_questions` belongs to a dose sheet; leave it out"),
        ({"scale": 0.0, "effect": 0.4}, "`effect` belongs to a dose sheet; leave it out"),
        ({"enhance_scales": "2"}, "`enhance_scales` belongs to captioning, which has two directions"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(settings, reason):
    with pytest.raises(ValueError, match=reason):
        find_task(usual_config(IMAGES, "m", data="digits", **settings))


@pytest.fixture
def declare(tmp_path):
    """Write a task file with settings, and give its path."""

    def write(text, name="my.yaml"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


WHOLE = """
concept: weekdays
direction: {direction}
metric: names-concept
target:
  rows: [{{day: Monday, part: ranking}}, {{day: Friday, part: heldout}}]
  prompts: "After {{day}} comes"
  split: part
unrelated: none
settings: {settings}
"""


def test_settings_of_a_file_are_defaults_that_may_be_changed(declare):
    settings = "{model: tiny, max-new-tokens: 5, n_atoms: 3, doses: [1, 2], scales: -1, scale: 0, seed: 4, damage: 0.3}"
    file = declare(WHOLE.format(direction="suppress", settings=settings))
    config = usual_config(file)
    assert (config.task, config.model, config.max_new_tokens, config.doses) == (file, "tiny", 5, ("1", "2"))
    assert (config.scales, config.scale, config.damage) == ((-1.0,), 0.0, 0.3)
    assert isinstance(config.scale, float)
    assert (config.seed, config.ranking) == (4, RankConfig(n_atoms=3, seed=4))
    changed = usual_config(file, "other", max_new_tokens=7, seed=5, n_draws=2)
    assert (changed.model, changed.max_new_tokens, changed.seed) == ("other", 7, 5)
    assert changed.ranking == RankConfig(n_atoms=3, n_draws=2, seed=5)


def test_a_file_may_name_a_task_and_settings_alone(declare):
    file = declare("task: countries-qa\nsettings: {model: tiny, heads: 2%, scale: -2}\n")
    assert usual_config(file) == StudyConfig("countries-qa", "tiny", heads="2%", scale=-2.0)
    of_images = declare("task: image-classification\nsettings: {data: digits, model: tiny, images: 9}\n", "other.yaml")
    config = usual_config(of_images)
    assert (config.task, config.images, config.sweep, config.positions) == (IMAGES, 9, True, "generated")


def test_a_file_names_a_task_or_declares_one(declare):
    file = declare("task: countries-qa\nconcept: weekdays\nmetric: f1\n")
    with pytest.raises(ValueError, match=r"my.yaml names a task and declares one too \(concept, metric\); give either"):
        usual_config(file, "m")


def test_a_study_needs_a_model_from_somewhere(declare):
    file = declare(WHOLE.format(direction="suppress", settings="{heads: 3}"))
    with pytest.raises(ValueError, match="no model is named: neither beside the task nor under settings in .*yaml"):
        usual_config(file)
    assert usual_config(file, "m").heads == "3"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("{contols: 3}", "settings: there is no setting 'contols'; did you mean controls?"),
        ("{max-new-token: 3}", "settings: there is no setting 'max-new-token'; did you mean max_new_tokens?"),
        (
            "{qqqq: 3}",
            "settings: there is no setting 'qqqq'; there is also, among, anatomy, ask, baselines, batch_size, ",
        ),
        ("{task: other}", "settings: there is no setting 'task'"),
        ("{controls: many}", "settings, controls: expected int, found 'many'"),
        ("{controls: 2.5}", "settings, controls: expected int, found 2.5"),
        ("{controls: true}", "settings, controls: expected int, found True"),
        ("{chat: 1}", "settings, chat: expected bool, found 1"),
        ("{scale: low}", "settings, scale: expected float, found 'low'"),
        ("{model: true}", "settings, model: expected str, found True"),
        ("{controls: 0}", "`controls` is 0; it must be at least 1"),
        ("{n_atoms: many}", "settings, n_atoms: expected int, found 'many'"),
        ("{gain: 1}", "settings, gain: expected bool, found 1"),
    ],
)
def test_settings_of_a_file_that_cannot_be_are_refused_by_name(declare, settings, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        usual_config(declare(WHOLE.format(direction="suppress", settings=settings)), "m")


def test_an_enhancement_has_a_sheet_of_scales_above_one(declare):
    file = declare(WHOLE.format(direction="enhance", settings="{model: m}"))
    assert (usual_config(file).sweep, usual_config(file).scales) == (True, (1.5, 2.0, 3.0, 5.0))
    assert find_task(usual_config(file)).direction == "enhance"
    assert find_task(usual_config(file, scale=2.0)).direction == "enhance"
    for given, name in (({"scales": "2,0.5"}, "`scales` is 2,0.5"), ({"scale": -1.0}, "`scale` is -1")):
        with pytest.raises(ValueError, match=f"scales of enhancement are above 1, but {name}; give scales like"):
            find_task(usual_config(file, **given))


def test_one_scale_is_to_go_the_way_of_the_task_too():
    with pytest.raises(ValueError, match="scales of suppression are below 1, but `scale` is 5"):
        find_task(usual_config("countries-qa", "m", scale=5.0))


@pytest.mark.parametrize("given", [{"sweep": True}, {"by": "effect"}])
def test_heads_and_scale_of_a_file_give_way_to_what_chooses_them(declare, given):
    file = declare(WHOLE.format(direction="suppress", settings="{heads: 4, scale: -2}"))
    config = usual_config(file, "m", **given)
    assert (config.heads, config.scale) == ("1%", -1.0)
    with pytest.raises(ValueError, match="leave .*`heads` and `scale`"):
        usual_config(file, "m", **given, heads="4")


def test_a_scorer_that_would_be_asked_nothing_is_refused():
    with pytest.raises(ValueError, match="the metric contains of months asks no scorer; leave `scorer` out"):
        find_task(usual_config("months", "m", scorer="vader"))
    assert find_task(usual_config("sentiment", "m", scorer="words")).scorer == "words"


@pytest.mark.parametrize("settings", ["heads: 4", "scale: -2"])
def test_heads_or_scale_in_a_file_switch_the_sweep_off_too(tmp_path, settings):
    file = tmp_path / "mine.yaml"
    file.write_text(f"task: image-classification\nsettings: {{model: m, data: digits, {settings}}}\n")
    config = usual_config(str(file))
    assert not config.sweep
    assert (config.heads, config.scale) in (("4", -1.0), ("1%", -2.0))
    file.write_text(f"task: image-classification\nsettings: {{model: m, sweep: true, {settings}}}\n")
    with pytest.raises(ValueError, match="a sweep chooses number and scale of the heads itself"):
        usual_config(str(file))
