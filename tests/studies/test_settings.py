import json
import shlex
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headpursuit.analysis import RankConfig
from headpursuit.cli import studies as commands
from headpursuit.cli.app import app
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


@pytest.mark.parametrize("given", [{"heads": "2"}, {"scale": -2.0}])
def test_heads_or_scale_switch_the_sweep_off(given):
    assert not usual_config(IMAGES, "m", **given).sweep
    with pytest.raises(ValueError, match="a sweep chooses number and scale of the heads itself; leave out either"):
        usual_config(IMAGES, "m", sweep=True, **given)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"scales": "0,x"}, "cannot read '0,x' as scales; write numbers with commas, like 0,-1,-2"),
        ({"scales": "0,1"}, "the scale is 1; give a finite number other than 1"),
        ({"scales": ","}, "a dose sheet needs scales"),
        ({"doses": "0"}, "'0' is no number of heads"),
        ({"also": "8,many"}, "cannot read 'many' as a number of heads"),
        ({"images": 0}, "images is 0; it must be at least 1"),
        ({"sweep_questions": 0}, "sweep_questions is 0; it must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        usual_config(IMAGES, "m", **changes)


def test_a_config_from_before_there_were_images_is_read():
    content = json.loads(json.dumps(asdict(StudyConfig("countries-qa", "m", heads="3"))))
    for name in ("data", "ask", "images", "selection_images", "skip_bad", "sweep", "sweep_questions", "doses"):
        del content[name]
    assert StudyConfig.from_json(content) == StudyConfig("countries-qa", "m", heads="3")
    with pytest.raises(TypeError, match="pictures"):
        StudyConfig.from_json(content | {"pictures": 3})


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
    with pytest.raises(ValueError, match="countries-qa asks about no images; leave --data, --ask and --skip-bad out"):
        find_task(usual_config("countries-qa", "m", data="digits"))
    with pytest.raises(ValueError, match="there is no task 'image-clasification'; there is captioning, countries-qa"):
        find_task(usual_config("image-clasification", "m", data="digits"))
    with pytest.raises(ValueError, match="instead of --heads and --scale give --doses"):
        find_task(usual_config("captioning", "m", data="scenes", concept="colours", heads="8", doses="3"))
    with pytest.raises(ValueError, match="there is no task 'captionning'"):
        find_task(usual_config("captionning", "m", data="scenes", doses="3", enhance_scales="2"))
    with pytest.raises(ValueError, match="image-classification needs images; name a set or a folder"):
        find_task(usual_config(IMAGES, "m"))


@pytest.mark.parametrize(("task", "given"), [(IMAGES, {"data": "digits"}), ("countries-qa", {"sweep": True})])
def test_a_sheet_that_is_to_suppress_has_no_scales_that_enhance(task, given):
    with pytest.raises(ValueError, match="scales of suppression are below 1, but --scales is 0,5"):
        find_task(usual_config(task, "m", scales="0,5", **given))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"heads": "3", "doses": "1,2"}, "belong to a dose sheet; leave them out, or give --sweep in place of --heads"),
        ({"scale": 0.0, "scales": "0,-1"}, "--doses, --scales, --sweep-questions and --effect belong to a dose sheet"),
        ({"scale": 0.0, "sweep_questions": 4}, "--sweep-questions and --effect belong to a dose sheet; leave them out"),
        ({"scale": 0.0, "effect": 0.4}, "--sweep-questions and --effect belong to a dose sheet; leave them out"),
        ({"enhance_scales": "2"}, "--enhance-scales belongs to captioning; image-classification has one direction"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(settings, reason):
    with pytest.raises(ValueError, match=reason):
        find_task(usual_config(IMAGES, "m", data="digits", **settings))
