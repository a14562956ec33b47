"""A study of whatever task: of answers, or of captions."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headpursuit.registry import experiment
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.tasks import CAPTIONING, Task

if TYPE_CHECKING:
    from headpursuit.models import GivenModel
    from headpursuit.studies.experiments.captions import CaptioningResult
    from headpursuit.studies.results import StudyResult
    from headpursuit.studies.steps.registration import Registration


def study(
    model: "GivenModel",
    config: StudyConfig | str | PathLike[str],
    path: Path | str | None = None,
    *,
    task: Task | None = None,
    resume: bool = False,
    progress: Progress = silent,
    tokenizer: Any = None,
    **settings: Any,
) -> "StudyResult | CaptioningResult":
    """Find a concept's heads, rescale them, and compare with controls, as `headpursuit study` does.

    Every finished part is kept in the folder at once, so an interrupted study goes on where it stopped.

    Args:
        model: What `load` returned, or a transformers model with its tokenizer.
        config: The task, by name or file, whose further settings follow by name: `study(model, "months", heads="1%")`;
            or all settings in one.
        path: The folder of the results; by default the command's, TASK-MODEL.
        task: What `find_task(config)` returned, or a task of one's own, which the config then only names.
        resume: Go on with a study of the same settings in that folder.
        progress: Told about every stage.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images.
        settings: Those of `StudyConfig`, and of its ranking.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If the settings cannot be, cannot be carried out, or differ from those to resume, questions lack the
            answers that the metric needs, or the unedited model leaves nothing to change (what was measured is kept).
        TypeError: If settings stand beside a config, or it is neither a config nor a task.
        AnatomyError: If the model's heads cannot be certified.
    """
    from headpursuit.models import model_of

    config = str(config) if isinstance(config, PathLike) else config
    if not isinstance(config, StudyConfig | str):
        raise TypeError(
            f"a study needs a task's name or file, or a StudyConfig, but a {type(config).__name__} was given"
        )
    model = model_of(model, tokenizer)
    named = config if isinstance(config, str) else config.task
    if isinstance(config, str):
        own = {"model": model.name or "model", "revision": model.revision, "anatomy": model.handed_file}
        config = StudyConfig(config, **(own | settings))
    elif settings:
        raise TypeError(f"{', '.join(settings)} stands beside a config; give it in the config, or the task by its name")
    folder = usual_folder(named, config.model) if path is None else path
    found: StudyResult | CaptioningResult = experiment_of(config).run(
        model, config, folder, task=task, resume=resume, progress=progress
    )
    return found


def register_study(config: StudyConfig, path: Path | str, *, task: Task | None = None) -> "Registration":
    """Begin a study with its plan alone: settings, splits, thresholds and their hash, before anything is measured.

    `study` with `resume=True` then carries it out, and its result says whether the plan was followed.

    Args:
        config: The study.
        path: Its folder.
        task: A task of one's own, which the config then only names.

    Raises:
        FileExistsError: If the folder exists.
        FileNotFoundError, ValueError: If the task lacks something, or a setting would do nothing.
    """
    from headpursuit.studies.steps.registration import register

    found, folder = experiment_of(config), Path(path)
    found.kind.check(folder, config, resume=False)
    task = task or found.prepare(config)["task"]
    return register(task, config, found.kind.begin(folder, config))


def experiment_of(config: StudyConfig) -> Any:
    """The experiment that a study's settings are of."""
    return experiment("captions" if config.task == CAPTIONING else "answers")


def usual_folder(task: str, model: str) -> Path:
    """The folder of the results where none is named."""
    return Path(f"{Path(task).stem}-{Path(model).name}")
