"""The steps that studies share: the folder begun, heads ranked and named, arms measured, results written."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.analysis import Capture, Ranking, count_of, explain, versions
from headpursuit.concepts import Concept, load_concept
from headpursuit.models import LanguageModel, batches, tokens_of
from headpursuit.studies.arms import ArmRunner, PlannedArm
from headpursuit.studies.identity import check_asked
from headpursuit.studies.judging.doses import head_counts
from headpursuit.studies.kernel import Parts, ResultKind, part
from headpursuit.studies.progress import Progress
from headpursuit.studies.ranked import capture_config, captured, check_ranker, ranked
from headpursuit.studies.results import Arm, HeadNote, StudyConfig
from headpursuit.studies.settings import command
from headpursuit.studies.tasks import Task
from headpursuit.studies.thumbnails import write_thumbnails

NOTE_ATOMS = 5
"""Tokens that name each head in the report."""


@dataclass(frozen=True)
class FoundHeads:
    """What a study knows before it edits anything."""

    folder: Path
    """Of the study; it holds all of this too."""
    concept: Concept
    other: Concept
    """The concept whose best heads are a further control."""
    thumbnails: dict[str, str]
    """Files in the folder, by image name."""
    rankings: tuple[Ranking, Ranking]
    """The concept's and the other concept's, on the same prompts."""
    notes: tuple[HeadNote, ...]
    """The tokens that name each head."""


def find_heads(
    kind: ResultKind[Any],
    model: LanguageModel,
    task: Task,
    config: StudyConfig,
    path: Path,
    *,
    resume: bool,
    progress: Progress,
) -> FoundHeads:
    """Begin a study, or go on with it: capture its ranking prompts, rank all heads, and name them.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If the config cannot be carried out, or differs from the one to resume.
        AnatomyError: If the model's heads cannot be certified.
    """
    concepts = task.words, load_concept(config.other_concept)
    if concepts[0].name == concepts[1].name:
        raise ValueError(f"the other concept is {concepts[1].name} itself; choose another with --other-concept")
    kind.check(path, config, resume=resume)
    _check_feasible(model, task, concepts, config)
    folder = kind.begin(path, config)
    check_asked(model, task, concepts, folder)
    thumbnails = write_thumbnails(task, folder)
    prompts = captured(model, task, capture_config(config), folder, progress)
    rankings = _ranked(model, task, prompts, concepts, config, folder, progress)
    return FoundHeads(folder, *concepts, thumbnails, rankings, _noted(model, prompts, config, folder, progress))


def described(model: LanguageModel, config: StudyConfig, found: FoundHeads) -> dict[str, Any]:
    """What the results of every study say of the model, its heads, and how they were found."""
    return {
        "config": config,
        "concept": found.concept.name,
        "model_summary": model.anatomy.summary(),
        "certificate": str(model.certificate),
        "command": command(config, found.folder),
        "ranking": found.rankings[0],
        "notes": found.notes,
        "versions": versions() | {"device": model.device.type, "dtype": model.dtype},
        "flags": model.flags,
    }


def _check_feasible(model: LanguageModel, task: Task, concepts: tuple[Concept, Concept], config: StudyConfig) -> None:
    """Find out before anything is written whether heads, controls, words and prompts fit the model.

    Raises:
        ValueError: If they do not.
    """
    n_heads = model.anatomy.n_heads
    for wanted in head_counts(config, n_heads) if config.sweep else (count_of(config.heads, n_heads),):
        if 2 * wanted > n_heads:
            raise ValueError(
                f"{wanted} of {n_heads} heads leave too few for random controls; edit at most {n_heads // 2}"
            )
    for heads in config.also_heads:
        count_of(heads, n_heads)
    check_ranker(model, task, config)
    for concept in concepts:
        tokens_of(model, concept, config.ranking.multi_token)
    for prompts in ([q.prompt for q in task.heldout], task.ranking_prompts):
        batches(model, prompts, config.batch_size, chat=config.frame, room=config.max_new_tokens)
    batches(model, task.neutral_texts, config.batch_size)


def _ranked(
    model: LanguageModel,
    task: Task,
    prompts: Capture,
    concepts: tuple[Concept, Concept],
    config: StudyConfig,
    folder: Path,
    progress: Progress,
) -> tuple[Ranking, Ranking]:
    """Rank all heads for both concepts, on the same prompts; for the other one, which no answer names, by its words."""
    rankings = []
    plain = replace(config, ranker="")
    for concept, how, file in zip(concepts, (config, plain), ("ranking.json", "other-ranking.json"), strict=True):
        progress(f"rank {concept.name}", 0, 1)
        rankings.append(ranked(model, task, concept, how, prompts, folder / file))
        progress(f"rank {concept.name}", 1, 1)
    return rankings[0], rankings[1]


def _noted(
    model: LanguageModel, prompts: Capture, config: StudyConfig, folder: Path, progress: Progress
) -> tuple[HeadNote, ...]:
    """Name every head by its first tokens over the whole vocabulary, read as the ranking reads it."""

    def note() -> tuple[HeadNote, ...]:
        how = config.ranking
        found = explain(model, prompts, n_atoms=NOTE_ATOMS, rule=how.rule, centre=how.centre, gain=how.gain)
        return tuple(HeadNote(str(e.head), e.tokens, e.explained) for e in found)

    progress("name heads", 0, 1)
    notes = part(folder / "notes.json", tuple[HeadNote, ...], note)
    progress("name heads", 1, 1)
    return notes


def measured(runner: ArmRunner, planned: list[PlannedArm], folder: Path, progress: Progress) -> list[Arm]:
    """Run every arm, or read it back."""
    arms = Parts(folder / "arms", Arm, progress, "arms", len(planned))
    return [arms.part(name, partial(runner.run, name, kind, edit)) for name, kind, edit in planned]
