"""What is asked for: a study's settings, its task, and the command line that says the same."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from headpursuit.analysis import RankConfig
from headpursuit.concepts import load_concept
from headpursuit.images import ImageSet, Split, load_images
from headpursuit.images.splits import limited
from headpursuit.studies.kernel import command_line, settings_of
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.scoring import check_metric
from headpursuit.studies.tasks import (
    CAPTIONING,
    Direction,
    Task,
    asked_for,
    file_settings,
    is_declaration,
    is_image_task,
    load_task,
    usual_settings,
)
from headpursuit.studies.typed import typed


def usual_config(task: str, model: str = "", **settings: Any) -> StudyConfig:
    """A study's settings, with the defaults that its task has.

    Image tasks put questions into the chat template, rank heads on the answers' positions, and choose the dose by a
    dose sheet, unless heads or scale are given. Captioning always has dose sheets, one for each direction. Tasks in
    files bring what stands under `settings`.

    Args:
        task: A task's name, or a file (.yaml).
        model: The model; left out where the task's file names one.
        settings: Of `StudyConfig`, and of its `ranking`, by their names.

    Raises:
        FileNotFoundError: If the task's file is missing.
        ValueError: If a setting is unknown or cannot be, or no model is named.
    """
    name, usual = asked_for(task)
    usual = _known(usual, task)
    if is_declaration(task) and (Path(task).parent / usual.get("other_concept", "")).is_file():
        usual["other_concept"] = str(Path(task).parent / usual["other_concept"])
    if name == CAPTIONING and settings.get("concept") == usual.get("other_concept"):
        usual["other_concept"] = "colours"
    given = usual | settings | ({"model": model} if model else {})
    if not given.get("model"):
        raise ValueError(f"no model is named: neither on the command line nor under settings in {task}")
    own = settings.keys() | ({key.replace("-", "_") for key in file_settings(task)} if is_declaration(task) else set())
    if "sweep" not in own and {"heads", "scale"} & own:
        given["sweep"] = False
    of_ranking = {key: given.pop(key) for key in _RANKING & set(given)}
    if "ranking" not in given:
        given["ranking"] = RankConfig(**{"seed": given.get("seed", 0), **of_ranking})
    return StudyConfig(task=name, **given)


def study_within(config: Any, task: str, **settings: Any) -> StudyConfig:
    """The study of one task of an experiment with several: with the task's own defaults, and what all tasks share.

    Args:
        config: The experiment's settings.
        task: A task's name, or a file (.yaml).
        settings: Further ones, as `usual_config` takes them.

    Raises:
        FileNotFoundError, ValueError: As `usual_config`.
    """
    shared = ("revision", "scope", "ranking", "batch_size", "seed", "device", "dtype")
    found = usual_config(task, config.model, **{name: getattr(config, name) for name in shared}, **settings)
    return replace(found, date=config.date) if found.chat else found


_RANKING = frozenset(field.name for field in fields(RankConfig)) - {"seed"}
_TYPES = {field.name: field.type for config in (RankConfig, StudyConfig) for field in fields(config)}


def _known(settings: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Settings of a file by the names of `StudyConfig`; lists and numbers become text where that is wanted.

    Raises:
        ValueError: If one is unknown or of another type.
    """
    known = sorted((set(_TYPES) - {"task", "ranking"}) | _RANKING)
    found: dict[str, Any] = {}
    for key, value in settings.items():
        name = str(key).replace("-", "_")
        if name not in known:
            close = get_close_matches(name, known, 1)
            meant = f"; did you mean {close[0]}?" if close else f"; there is {', '.join(known)}"
            raise ValueError(f"{origin}, settings: there is no setting {key!r}{meant}")
        found[name] = typed(_TYPES.get(name), value, f"{origin}, settings, {key}")
    return found


def find_task(config: StudyConfig) -> Task:
    """The task of a study, with its images; nothing is known of a model yet.

    Raises:
        FileNotFoundError: If there is no such file, or there are no such images.
        ValueError: If there is no such task, its data or images cannot be used, or a setting would do nothing.
    """
    if config.task == CAPTIONING:
        _check_captioning(config)
        _check_scales(config, "suppress")
    if not config.data or not is_image_task(config.task):
        if not is_image_task(config.task) and (config.ask or config.skip_bad):
            raise ValueError(f"{config.task} asks about no images; leave --ask and --skip-bad out")
        given = config.data if not is_image_task(config.task) else ""
        task = load_task(config.task, concept=config.concept, data=given, scorer=config.scorer, seed=config.seed)
    else:
        images = _images(config)
        if config.ask:
            images = replace(images, question=config.ask, caption_request=config.ask)
        task = load_task(config.task, images, config.concept)
    if config.task != CAPTIONING:
        _check_one_direction(config)
        _check_scales(config, task.direction)
    check_metric(task)
    return task


def _check_scales(config: StudyConfig, direction: Direction) -> None:
    """Refuse scales that go the other way."""
    scales = config.dose_scales if config.sweep else (config.scale,)
    name = f"--scales is {config.scales}" if config.sweep else f"--scale is {config.scale:g}"
    check_side(scales, direction, name)


def check_side(scales: Sequence[float], direction: Direction, given: str) -> None:
    """Refuse scales that go the other way; `given` says which there are.

    Raises:
        ValueError: If there is one.
    """
    if direction == "suppress" and any(scale > 1 for scale in scales):
        raise ValueError(f"scales of suppression are below 1, but {given}")
    if direction == "enhance" and any(scale < 1 for scale in scales):
        raise ValueError(f"scales of enhancement are above 1, but {given}; give scales like 1.5,2,3")


def _check_one_direction(config: StudyConfig) -> None:
    """Refuse settings that a study of one direction has no use for."""
    usual = asdict(StudyConfig("", "")) | _known(usual_settings(config.task), config.task)
    of_the_sheet = ("doses", "scales", "sweep_questions", "effect")
    if not config.sweep and any(getattr(config, name) != usual[name] for name in of_the_sheet):
        raise ValueError(
            "--doses, --scales, --sweep-questions and --effect belong to a dose sheet; leave them out, or give --sweep "
            "in place of --heads and --scale"
        )
    if config.enhance_scales != StudyConfig.enhance_scales:
        raise ValueError(f"--enhance-scales belongs to captioning; {config.task} has one direction, and --scales")


def _check_captioning(config: StudyConfig) -> None:
    """Refuse settings that a study of two directions cannot follow."""
    if not config.sweep:
        raise ValueError(
            "captioning finds a dose for each direction on a dose sheet; instead of --heads and --scale give --doses, "
            "--scales and --enhance-scales, one of each to fix them"
        )
    if config.also_heads:
        raise ValueError("captioning has two doses of its own and the paper's; leave --also out")
    if not config.dose_enhance_scales or any(scale < 1 for scale in config.dose_enhance_scales):
        raise ValueError(f"scales of enhancement are above 1, but --enhance-scales is {config.enhance_scales!r}")


def _images(config: StudyConfig) -> ImageSet:
    """The set, with as many images of each split as were asked for."""
    most: dict[Split, int] = {"selection": config.selection_images, "heldout": config.images}
    found = load_images(config.data, limit=max(most.values()), seed=config.seed, skip_bad=config.skip_bad)
    parts = (image for split, n in most.items() for image in limited(found, n, config.seed).of(split))
    return replace(found, images=tuple(parts))


def prepare(config: StudyConfig) -> dict[str, Any]:
    """Everything that a study needs beside the model; whatever is missing is refused before one is loaded."""
    task = find_task(config)
    _ = task.words, load_concept(config.other_concept)
    return {"task": task}


def command(config: StudyConfig, folder: Path) -> str:
    """The command that runs a study again, with every setting that its task does not have by default."""
    usual = settings_of(usual_config(config.task, config.model, concept=config.concept)) | {"concept": ""}
    return command_line("study", config, folder, arguments=["task", "model"], usual=usual)
