"""What is asked for: a study's settings, its task, and the command line that says the same."""

import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from headpursuit.images import ImageSet, Split, load_images
from headpursuit.images.drawing import limited
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.tasks import CAPTIONING, Task, is_image_task, load_task, task_names, usual_settings


def usual_config(task: str, model: str, **settings: Any) -> StudyConfig:
    """A study's settings, with the defaults that its task has.

    Image tasks put questions into the chat template, rank heads on the answers' positions, and choose the dose by a
    dose sheet, unless heads or scale are given. Captioning always has dose sheets, one for each direction.

    Raises:
        ValueError: If a setting cannot be.
    """
    usual = usual_settings(task)
    if task == CAPTIONING and settings.get("concept") == usual["other_concept"]:
        usual["other_concept"] = "colours"
    if "sweep" in usual and {"heads", "scale"} & set(settings):
        usual["sweep"] = False
    return StudyConfig(task, model, **(usual | settings))


def find_task(config: StudyConfig) -> Task:
    """The task of a study, with its images; nothing is known of a model yet.

    Raises:
        FileNotFoundError: If there are no such images.
        ValueError: If there is no such task, its images cannot be used, or a setting would do nothing.
    """
    if config.task == CAPTIONING:
        _check_captioning(config)
    elif config.task in task_names():
        _check_suppression(config)
    if config.sweep and any(scale > 1 for scale in config.dose_scales):
        raise ValueError(f"scales of suppression are below 1, but --scales is {config.scales}")
    if not config.data or not is_image_task(config.task):
        task = load_task(config.task, concept=config.concept)
        if config.data or config.ask or config.skip_bad:
            raise ValueError(f"{config.task} asks about no images; leave --data, --ask and --skip-bad out")
        return task
    images = _images(config)
    if config.ask:
        images = replace(images, question=config.ask, caption_request=config.ask)
    return load_task(config.task, images, config.concept)


def _check_suppression(config: StudyConfig) -> None:
    """Refuse settings that a study of one direction has no use for."""
    of_the_sheet = ("doses", "scales", "sweep_questions")
    if not config.sweep and any(getattr(config, name) != getattr(StudyConfig, name) for name in of_the_sheet):
        raise ValueError(
            "--doses, --scales and --sweep-questions belong to a dose sheet; leave them out, or give --sweep in place "
            "of --heads and --scale"
        )
    if config.enhance_scales != StudyConfig.enhance_scales:
        raise ValueError(f"--enhance-scales belongs to captioning; {config.task} measures suppression alone")


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


def command(config: StudyConfig, path: Path) -> str:
    """The command line that runs a study, with every setting that is not the default."""
    words = ["headpursuit", "study", config.task, config.model]
    usual = usual_config(config.task, "", concept=config.concept)
    plain = asdict(config) | asdict(config.ranking)
    defaults = asdict(usual) | asdict(usual.ranking)
    for name, value in plain.items():
        if name not in ("task", "model", "ranking", "seed", "concept") and value != defaults[name]:
            flag = name.replace("_", "-")
            words += (
                [f"--{flag}" if value else f"--no-{flag}"] if isinstance(value, bool) else [f"--{flag}", str(value)]
            )
    if config.concept:
        words += ["--concept", config.concept]
    words += ["--seed", str(config.seed), "-o", path.name or "study"]
    return shlex.join(words)
