"""Run a transfer: rank heads on every task, compare the sets, edit each on every task's questions."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from headpursuit.analysis import Ranking, count_of, versions
from headpursuit.heads import Edit, parse_scope
from headpursuit.models import LanguageModel
from headpursuit.pursuit import random_heads
from headpursuit.studies.experiments.transfer.clustering import by_effect, by_overlap
from headpursuit.studies.experiments.transfer.config import TransferConfig, command
from headpursuit.studies.experiments.transfer.effects import Answered, HeadSet, cells_of
from headpursuit.studies.experiments.transfer.overlap import overlaps
from headpursuit.studies.experiments.transfer.result import KIND, RankedTask, TransferResult
from headpursuit.studies.experiments.transfer.sentences import sentences_of
from headpursuit.studies.kernel import Parts, alone
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.measures import answer_measure
from headpursuit.studies.results import Arm, StudyConfig
from headpursuit.studies.settings import find_task
from headpursuit.studies.steps.arms import ArmRunner, PlannedArm
from headpursuit.studies.steps.dates import dated
from headpursuit.studies.steps.identity import check_asked
from headpursuit.studies.steps.ranked import capture_config, captured, check_fits, ranked
from headpursuit.studies.tasks import Task
from headpursuit.studies.tasks.declarations import is_declaration
from headpursuit.studies.text.scoring import check_metric

_LONGEST = 80
"""Characters of a file's name before it is a hash."""


@alone
def transfer(
    model: LanguageModel,
    config: TransferConfig,
    path: Path | str,
    *,
    tasks: Mapping[str, Task] | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> TransferResult:
    """Find out whether several tasks share heads, and whether the heads of one act on the questions of another.

    Heads are ranked on every task's ranking prompts. The best of each are rescaled while every task's held-out
    questions are answered, and so are random heads of the same layers. Each set of heads answers the questions of a
    task once. Every finished part is kept in the folder at once.

    Args:
        model: The model.
        config: Tasks, edit and controls; see `TransferConfig`.
        path: The folder of the results.
        tasks: What `find_tasks(config)` returned, or tasks of one's own by the names in the config.
        resume: Go on with a transfer of the same config in that folder.
        progress: Told about every stage.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If the config cannot be carried out, or differs from the one to resume.
        AnatomyError: If the model's heads cannot be certified.
    """
    folder = Path(path)
    config = dated(model, config, folder, chat=any(config.study_of(task).chat for task in config.tasks))
    tasks = {name: task.split_for(sweep=False) for name, task in (tasks or find_tasks(config)).items()}
    studies = {task.name: config.study_of(task) for task in config.tasks}
    if list(tasks) != list(studies):
        raise ValueError(f"the config names the tasks {', '.join(studies)}, but {', '.join(tasks)} were given")
    KIND.check(folder, config, resume=resume)
    for name, task in tasks.items():
        with _naming(name):
            check_metric(task)
            _check_feasible(model, task, studies[name])
    KIND.begin(folder, config)
    rankings = {
        name: _ranked(model, task, studies[name], folder / "tasks" / name, progress) for name, task in tasks.items()
    }
    sets = [_head_set(model, name, ranking, config) for name, ranking in rankings.items()]
    arms = _measured(model, tasks, studies, sets, folder / "arms", progress)
    lines = {name: answer_measure(task, studies[name]).thresholds for name, task in tasks.items()}
    answered = {name: Answered(task, arms[name], lines[name]) for name, task in tasks.items()}
    cells, columns = cells_of(answered, sets, config.seed)
    words = [task.words.words for task in tasks.values()]
    shared = overlaps(list(rankings.values()), config.heads, list(tasks), words)
    result = TransferResult(
        config=config,
        model_summary=model.anatomy.summary(),
        certificate=str(model.certificate),
        command=command(config, folder),
        n_heads=model.anatomy.n_heads,
        tasks=tuple(_described(name, tasks[name], studies[name], rankings[name]) for name in tasks),
        overlaps=shared,
        cells=cells,
        columns=columns,
        effect_tree=by_effect(list(tasks), cells),
        overlap_tree=by_overlap(list(tasks), shared),
        sentences=sentences_of(shared, cells, columns),
        remarks=tuple(f"{name}: {remark}" for name, task in tasks.items() for remark in task.remarks),
        versions=versions() | {"device": model.device.type, "dtype": model.dtype},
    )
    return KIND.finish(folder, result, tasks=list(tasks), model=config.model)


def find_tasks(config: TransferConfig) -> dict[str, Task]:
    """Every task with its questions and images, by name; nothing is known of a model yet.

    Raises:
        FileNotFoundError: If there are no such images.
        ValueError: If there is no such task, or it cannot be used; the text names it.
    """
    found = {}
    for task in config.tasks:
        with _naming(task.name):
            found[task.name] = find_task(config.study_of(task))
            _ = found[task.name].words
    return found


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which task cannot be used."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _check_feasible(model: LanguageModel, task: Task, config: StudyConfig) -> None:
    """Find out before anything is written whether a task can be ranked on and measured, and fits the model."""
    if not task.ranking_prompts:
        raise ValueError("there are no prompts to rank heads on")
    if task.direction != "suppress":
        raise ValueError("it measures enhancement, and transfer compares what suppressing takes; leave it out")
    if not any(question.group == "target" for question in task.heldout):
        raise ValueError("there are no held-out questions to measure on")
    check_fits(model, task, config, [task.words], [count_of(config.heads, model.anatomy.n_heads)])


def _ranked(model: LanguageModel, task: Task, config: StudyConfig, folder: Path, progress: Progress) -> Ranking:
    """Capture a task's ranking prompts and rank all heads, or read what was kept."""
    folder.mkdir(parents=True, exist_ok=True)
    check_asked(model, task, [task.words], folder, config)
    prompts = captured(model, task, capture_config(config), folder, progress, f"capture {folder.name}")
    return ranked(model, task, task.words, config, prompts, folder / "ranking.json")


def _head_set(model: LanguageModel, name: str, ranking: Ranking, config: TransferConfig) -> HeadSet:
    scope = parse_scope(config.scope)
    edit = Edit(ranking.edit(config.heads, config.scale), scope)
    with _naming(name):
        draws = random_heads(edit, model.anatomy.heads, config.controls, config.seed, layer_matched=True)
    return HeadSet(name, edit, tuple(Edit.uniform(heads, config.scale, scope) for heads in draws))


def _measured(
    model: LanguageModel,
    tasks: Mapping[str, Task],
    studies: Mapping[str, StudyConfig],
    sets: Sequence[HeadSet],
    folder: Path,
    progress: Progress,
) -> dict[str, dict[Edit, Arm]]:
    """Every set of heads, each distinct one once, on every task's held-out questions; the base first."""
    edits = list(dict.fromkeys([Edit({}), *(edit for one in sets for edit in one.edits)]))
    parts = Parts(folder, Arm, progress, "arms", len(tasks) * len(edits))
    arms: dict[str, dict[Edit, Arm]] = {}
    for name, task in tasks.items():
        runner = ArmRunner(model, task, studies[name], silent)
        planned: list[PlannedArm] = [(_file_of(edit), "edit" if edit else "base", edit) for edit in edits]
        arms[name] = dict(zip(edits, runner.all_kept(parts, planned, f"{name}/"), strict=True))
    return arms


def _file_of(edit: Edit) -> str:
    """The name of an edit's arm: its heads, or where these are many the hash of them."""
    name = "-".join(map(str, edit)) or "base"
    return name if len(name) <= _LONGEST else sha256(name.encode()).hexdigest()[:16]


def _described(name: str, task: Task, config: StudyConfig, ranking: Ranking) -> RankedTask:
    asked = f", asked {config.ask!r}" if config.ask else ""
    called = task.name if is_declaration(config.task) else config.task
    return RankedTask(
        name,
        f"{called}{f' of {config.data}' if config.data else ''}{asked}",
        ranking.concept,
        len(task.words.words),
        len(task.ranking_prompts),
        tuple(map(str, ranking.top(config.heads))),
        ranking.ranker,
    )
