"""Run a study: rank heads on some questions, measure base, edit and controls on others, and judge."""

import shlex
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.analysis import Capture, CaptureConfig, RankConfig, Ranking, capture, count_of, explain, rank, versions
from headpursuit.concepts import Concept, load_concept
from headpursuit.heads import Edit
from headpursuit.models import FLAGS, LanguageModel, batches, tokens_of, unembedding
from headpursuit.storage import MANIFEST, finish_folder, read_json, refuse_existing, write_json
from headpursuit.studies.arms import ArmRunner, plan_arms
from headpursuit.studies.progress import Progress, silent
from headpursuit.studies.results import Arm, ArmKind, Example, HeadNote, StudyConfig, StudyResult
from headpursuit.studies.summaries import p_value, summarise
from headpursuit.studies.tasks import Task, load_task
from headpursuit.studies.verdict import judge

_NOTE_ATOMS = 5
"""Tokens that name each head in the report."""


def study(
    model: LanguageModel,
    config: StudyConfig,
    path: Path | str,
    *,
    resume: bool = False,
    progress: Progress = silent,
) -> StudyResult:
    """Find a concept's heads, rescale them, and compare with controls.

    Every finished part is kept in the folder at once, so an interrupted study goes on where it stopped.

    Args:
        model: The model.
        config: Task, edit and controls; see `StudyConfig`.
        path: The folder of the results.
        resume: Go on with a study of the same config in that folder.
        progress: Told about every stage.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If the config cannot be carried out, or differs from the one to resume.
        AnatomyError: If the model's heads cannot be certified.
    """
    task = load_task(config.task)
    concept, other = load_concept(task.concept), load_concept(config.other_concept)
    if other.name == concept.name:
        raise ValueError(f"the other concept is {other.name} itself; choose another with --other-concept")
    check_place(Path(path), config, resume=resume)
    _check_feasible(model, task, (concept, other), config)
    folder = _begin(Path(path), config)
    _check_model(model, folder)
    captured = _captured(model, task, config, folder, progress)
    rankings = _ranked(model, captured, (concept, other), config, folder, progress)
    notes = _noted(model, captured, config, folder, progress)
    planned = plan_arms(config, model.anatomy, *rankings)
    runner = ArmRunner(model, task, config, progress)
    (folder / "arms").mkdir(exist_ok=True)
    arms = []
    for number, (name, kind, edit) in enumerate(planned):
        progress("arms", number, len(planned))
        file = folder / "arms" / f"{name}.json"
        content = _kept(file, partial(_run_arm, runner, name, kind, edit))
        arms.append(Arm.from_json(content))
    progress("arms", len(planned), len(planned))
    result = _judged(model, task, concept, config, rankings[0], notes, arms, Path(path))
    write_json(folder / "study.json", result.to_json())
    finish_folder(folder, "study", {"task": task.name, "model": config.model, "versions": versions()})
    return result


def check_place(folder: Path, config: StudyConfig, *, resume: bool) -> None:
    """Check that a study can be written to a folder: that it is free, or holds the beginning of the same study.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or the study in it is finished.
        ValueError: If the study in it has another config.
    """
    if not folder.exists():
        return
    if not resume:
        raise FileExistsError(
            f"{folder} exists already; choose another output, or continue an unfinished study with --resume"
        )
    if (folder / MANIFEST).exists():
        raise FileExistsError(f"the study in {folder} is finished; see it with `headpursuit report {folder}`")
    if not (folder / "config.json").is_file():
        raise FileExistsError(f"{folder} exists and is no study; choose another output")
    if read_json(folder / "config.json") != asdict(config):
        raise ValueError(f"{folder} holds a study with other settings (config.json); choose another output")


def _check_feasible(model: LanguageModel, task: Task, concepts: tuple[Concept, Concept], config: StudyConfig) -> None:
    """Find out before anything is written whether heads, controls, words and prompts fit the model."""
    n_heads = model.anatomy.n_heads
    wanted = count_of(config.heads, n_heads)
    if 2 * wanted > n_heads:
        raise ValueError(f"{wanted} of {n_heads} heads leave too few for random controls; edit at most {n_heads // 2}")
    for concept in concepts:
        tokens_of(model, concept, config.ranking.multi_token)
    for prompts in ([q.prompt for q in task.heldout], task.ranking_prompts):
        batches(model, prompts, config.batch_size, chat=config.chat, room=config.max_new_tokens)
    batches(model, task.neutral_texts, config.batch_size)


def _begin(folder: Path, config: StudyConfig) -> Path:
    """Make the study's folder, with its config in it from the first moment."""
    if not folder.exists():
        refuse_existing(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            write_json(partial / "config.json", asdict(config))
            partial.chmod(0o755)
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return folder


def _check_model(model: LanguageModel, folder: Path) -> None:
    """Refuse to go on with another model than the study began with."""
    identity = {"unembedding_sha256": unembedding(model).sha256, "revision": model.revision, "dtype": model.dtype}
    if _kept(folder / "model.json", lambda: identity) != identity:
        raise ValueError(f"the study in {folder} was begun with another model, revision or dtype (model.json)")


def _kept(file: Path, make: Callable[[], Any]) -> Any:
    """A part of the study: read back if it was finished before, else made and kept."""
    if not file.exists():
        write_json(file, make())
    return read_json(file)


def _captured(model: LanguageModel, task: Task, config: StudyConfig, folder: Path, progress: Progress) -> Capture:
    """Capture the ranking prompts."""
    if not (folder / "capture").exists():
        settings = CaptureConfig(
            positions=config.positions,
            chat=config.chat,
            max_new_tokens=config.max_new_tokens,
            batch_size=config.batch_size,
            samples=1000 if config.ranking.rule == "l1" else 0,
        )
        captured = capture(model, task.ranking_prompts, settings, progress=partial(progress, "capture"))
        captured.save(folder / "capture")
    return Capture.load(folder / "capture")


def _ranked(
    model: LanguageModel,
    captured: Capture,
    concepts: tuple[Concept, Concept],
    config: StudyConfig,
    folder: Path,
    progress: Progress,
) -> tuple[Ranking, Ranking]:
    """Rank all heads for both concepts, on the same prompts."""
    rankings = []
    for concept, file in zip(concepts, ("ranking.json", "other-ranking.json"), strict=True):
        progress(f"rank {concept.name}", 0, 1)
        make = partial(_rank, model, captured, concept, config.ranking)
        rankings.append(Ranking.from_json(_kept(folder / file, make)))
        progress(f"rank {concept.name}", 1, 1)
    return rankings[0], rankings[1]


def _rank(model: LanguageModel, captured: Capture, concept: Concept, config: RankConfig) -> dict[str, Any]:
    return rank(model, captured, concept, config).to_json()


def _run_arm(runner: ArmRunner, name: str, kind: ArmKind, edit: Edit) -> dict[str, Any]:
    return runner.run(name, kind, edit).to_json()


def _noted(
    model: LanguageModel, captured: Capture, config: StudyConfig, folder: Path, progress: Progress
) -> tuple[HeadNote, ...]:
    """Name every head by its first tokens over the whole vocabulary, read as the ranking reads it."""

    def note() -> list[dict[str, object]]:
        how = config.ranking
        found = explain(model, captured, n_atoms=_NOTE_ATOMS, rule=how.rule, centre=how.centre, gain=how.gain)
        return [{"head": str(e.head), "tokens": e.tokens, "explained": e.explained} for e in found]

    progress("name heads", 0, 1)
    content = _kept(folder / "notes.json", note)
    progress("name heads", 1, 1)
    return tuple(HeadNote(n["head"], tuple(n["tokens"]), tuple(n["explained"])) for n in content)


def _judged(
    model: LanguageModel,
    task: Task,
    concept: Concept,
    config: StudyConfig,
    ranking: Ranking,
    notes: tuple[HeadNote, ...],
    arms: list[Arm],
    path: Path,
) -> StudyResult:
    summaries = summarise(task, concept, arms, config.seed)
    p_matched, p_random = (p_value(task, arms, kind, config.seed) for kind in ("matched", "random"))
    examples = tuple(
        Example(q.prompt, q.answers, q.group, q.subject, {arm.name: arm.answers[i] for arm in arms})
        for i, q in enumerate(task.heldout)
    )
    return StudyResult(
        config=config,
        concept=concept.name,
        model_summary=model.anatomy.summary(),
        certificate=str(model.certificate),
        command=command(config, path),
        ranking=ranking,
        notes=notes,
        arms=summaries,
        examples=examples,
        verdict=judge(summaries, p_matched, p_random),
        flags={flag: FLAGS[flag] for flag in sorted(model.anatomy.flags)},
        versions=versions() | {"device": model.device.type, "dtype": model.dtype},
    )


def command(config: StudyConfig, path: Path) -> str:
    """The command line that runs a study, with every setting that is not the default."""
    words = ["headpursuit", "study", config.task, config.model]
    plain = asdict(config) | asdict(config.ranking)
    defaults = asdict(StudyConfig("", "")) | asdict(StudyConfig("", "").ranking)
    for name, value in plain.items():
        if name not in ("task", "model", "ranking", "seed") and value != defaults[name]:
            flag = name.replace("_", "-")
            words += (
                [f"--{flag}" if value else f"--no-{flag}"] if isinstance(value, bool) else [f"--{flag}", str(value)]
            )
    words += ["--seed", str(config.seed), "-o", path.name or "study"]
    return shlex.join(words)
