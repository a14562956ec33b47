"""A study's request: its settings, its task, and the command line that says the same."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from headpursuit.concepts import load_concept
from headpursuit.media import ImageSet, Split, load_images
from headpursuit.media.images.splits import limited
from headpursuit.settings import known, settings_in, values_of, written
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.kernel import command_line
from headpursuit.studies.measures import Thresholds
from headpursuit.studies.tasks import (
    CAPTIONING,
    Direction,
    Task,
    is_image_task,
    load_task,
    takes_concept,
    usual_settings,
)
from headpursuit.studies.text.scoring import check_metric, is_free, metric_of


def usual_config(task: str, model: str = "", **settings: Any) -> StudyConfig:
    """`StudyConfig`, with the settings of its `ranking` by name, too.

    Raises:
        FileNotFoundError: If the task's file is missing.
        ValueError: If a setting is unknown or cannot be, or no model is named.
    """
    return StudyConfig(task, model, **settings)


def study_within(config: Any, task: str, **settings: Any) -> StudyConfig:
    """The study of one task of an experiment with several: with the task's own defaults, and what all tasks share.

    Args:
        config: The experiment's settings.
        task: A task's name, or a file (.yaml).
        settings: Further ones, as `usual_config` takes them.

    Raises:
        FileNotFoundError, ValueError: As `usual_config`.
    """
    shared = ("revision", "scope", "ranking", "batch_size", "seed", "device", "dtype", "anatomy")
    given = {name: getattr(config, name) for name in shared if hasattr(config, name)}
    found = usual_config(task, config.model, **given, **settings)
    return replace(found, date=config.date) if found.chat else found


def find_task(config: StudyConfig, *, grow: bool = False) -> Task:
    """The task of a study, with its images; nothing is known of a model yet.

    Args:
        config: The study. By effect, it asks more unrelated questions, so that those which grow an edit, choose among
            finalists, and judge are three.
        grow: Ask as many in any case.

    Raises:
        FileNotFoundError: If there is no such file, or there are no such images.
        ValueError: If there is no such task, its data or images cannot be used, or a setting would do nothing.
    """
    of_images = is_image_task(config.task)
    if config.task == CAPTIONING and config.by == "effect":
        raise ValueError("by effect, answers are followed, and captions have none; leave `by` out for captioning")
    if config.task == CAPTIONING and not config.sweep:
        raise ValueError(
            "captioning finds a dose for each direction on a dose sheet; instead of `heads` and `scale` give `doses`, "
            "`scales` and `enhance_scales`, one of each to fix them"
        )
    if of_images and config.data:
        task = load_task(config.task, _images(config), config.concept)
    else:
        data = "" if of_images else config.data
        task = load_task(
            config.task,
            concept=config.concept,
            data=data,
            scorer=config.scorer,
            seed=config.seed,
            wide=grow or config.by == "effect",
        )
    check_used(config)
    _check_restating(config, task)
    check_seed(config)
    _check_scales(config, task.direction)
    check_metric(task)
    _check_scorer(config, task)
    _check_draws(config, task)
    return task


def divided(task: Task, config: StudyConfig) -> Task:
    """A task as a study asks it: its questions in splits, and those whose answers are drawn as often as that is."""
    by_effect = config.by == "effect"
    found = task.split_for(sweep=config.sweep or by_effect, grow=by_effect)
    return found.repeated(config.continuations) if is_free(task) else found


def check_used(config: StudyConfig) -> None:
    """Refuse settings that would do nothing.

    Raises:
        ValueError: If there are some.
    """
    parts = {
        "images": (is_image_task(config.task), "tasks that ask about images, and there are none here; leave {} out"),
        "captioning": (config.task == CAPTIONING, "captioning, which has two directions"),
        "concept": (
            takes_concept(config.task),
            "captioning, transcription and translation, which have a concept of your choice",
        ),
        "one direction": (config.task != CAPTIONING, "tasks with one direction; leave {} out"),
        "sheet": (
            config.sweep or config.by == "effect",
            "a dose sheet; leave {} out, or give `sweep=True` in place of `heads` and `scale`",
        ),
    }
    settings = settings_in(StudyConfig)
    usual = {name: each.default for name, each in settings.items()}
    usual |= known(StudyConfig, usual_settings(config.task), config.task)
    now = values_of(config)
    for part, (is_there, belongs) in parts.items():
        idle = [n for n, each in settings.items() if each.flag.part_of == part and now[n] != usual[n]]
        if idle and not is_there:
            names, them = " and ".join(f"`{name}`" for name in idle), "them" if len(idle) > 1 else "it"
            raise ValueError(f"{names} belong{'s' * (len(idle) == 1)} to {belongs.format(them)}")


def _check_restating(config: StudyConfig, task: Task) -> None:
    """Refuse what can only be asked of models that are told something, where one writes what it hears or reads."""
    for name in ("baselines", "rungs", "long") if task.restates else ():
        if getattr(config, name):
            raise ValueError(
                f"`{name}` asks for text that is not there to be heard or read, which {task.name} has no use for; "
                "leave it out"
            )


def _check_scorer(config: StudyConfig, task: Task) -> None:
    """Refuse a scorer that would be asked nothing."""
    metric = metric_of(task)
    if config.scorer and metric.score is not None:
        raise ValueError(f"the metric {metric.name} of {task.name} asks no scorer; leave `scorer` out")


def check_openings(task: Task, config: StudyConfig) -> None:
    """Refuse too few held-out openings for the asked effect to be told from none, however often the concept is named.

    With n openings of which a part p names the concept, an effect e removes (or adds) e p of them; the interval of that
    change, 1.96 standard errors on either side, must stay beyond a tenth of p. At best p is 1 (or leaves just enough
    room for the rise).

    Raises:
        ValueError: If there are fewer; the text says how many are needed.
    """
    n_openings = len({q.fact for q in task.heldout if q.group == "target"})
    effect, lines = config.effect, Thresholds()
    asks = config.sweep or config.by == "effect"
    if not asks or not is_free(task) or not metric_of(task).fraction or effect <= lines.sure_effect:
        return
    best = 1.0 if task.direction == "suppress" else 1 / (1 + effect)
    moved = min(effect * best, 1.0)
    needed = math.ceil(1.96**2 * moved * (1 - moved) / ((effect - lines.sure_effect) * best) ** 2)
    if n_openings < needed:
        raise ValueError(
            f"{task.name} has {n_openings} held-out openings, too few to tell an effect of {effect:.0%} from none: at "
            f"least {needed} are needed, even where every one of them leads to the concept; give more, or ask for "
            "another `effect`"
        )


def _check_draws(config: StudyConfig, task: Task) -> None:
    """Refuse draws where answers are compared, and several that would all be one."""
    drawing = ("continuations", "temperature", "top_p", "reader")
    given = [name for name in drawing if getattr(config, name) != getattr(StudyConfig, name)]
    if given and not is_free(task):
        raise ValueError(
            f"`{given[0]}` belongs to tasks whose outputs are free text, and those of {task.name} are compared with "
            "answers; leave it out"
        )
    if config.continuations > 1 and not config.temperature:
        raise ValueError(
            f"{config.continuations} continuations at temperature 0 would all be the same; give a `temperature`, like "
            "0.8, or leave `continuations` out"
        )


def check_seed(config: StudyConfig) -> None:
    """Refuse two seeds where there is but one.

    Raises:
        ValueError: If the ranking has another.
    """
    if config.ranking.seed != config.seed:
        raise ValueError(f"the ranking's seed is {config.ranking.seed} and the seed {config.seed}; there is but one")


def _check_scales(config: StudyConfig, direction: Direction) -> None:
    """Refuse scales that go the other way."""
    several = config.sweep or config.by == "effect"
    name = "scales" if several else "scale"
    given = getattr(config, name)
    check_side(given if several else (given,), direction, f"`{name}` is {written(given)}")
    if config.task == CAPTIONING:
        check_side(config.enhance_scales, "enhance", f"`enhance_scales` is {written(config.enhance_scales)}")


def check_side(scales: Sequence[float], direction: Direction, given: str) -> None:
    """Refuse scales that go the other way; `given` says which there are.

    Raises:
        ValueError: If there is one.
    """
    if direction == "suppress" and any(scale > 1 for scale in scales):
        raise ValueError(f"scales of suppression are below 1, but {given}")
    if direction == "enhance" and not all(scale > 1 for scale in scales or (0,)):
        raise ValueError(f"scales of enhancement are above 1, but {given}; give scales like 1.5,2,3")


def _images(config: StudyConfig) -> ImageSet:
    """The set, with as many images of each split as were asked for, and what is asked about them."""
    most: dict[Split, int] = {"selection": config.selection_images, "heldout": config.images}
    found = load_images(config.data, limit=max(most.values()), seed=config.seed, skip_bad=config.skip_bad)
    parts = (image for split, n in most.items() for image in limited(found, n, config.seed).of(split))
    found = replace(found, images=tuple(parts))
    return replace(found, question=config.ask, caption_request=config.ask) if config.ask else found


def prepare(config: StudyConfig) -> dict[str, Any]:
    """Everything that a study needs beside the model; whatever is missing is refused before one is loaded."""
    task = find_task(config)
    _ = task.words, load_concept(config.other_concept)
    return {"task": task}


def command(config: StudyConfig, folder: Path) -> str:
    """The command that runs a study again, with every setting that its task does not have by default."""
    usual = values_of(usual_config(config.task, config.model, concept=config.concept)) | {"concept": ""}
    return command_line("study", config, folder, usual=usual)
