"""The heads of a study, found before anything is edited: its folder begun, prompts captured, heads ranked and named."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headpursuit.analysis import Capture, Ranking, count_of, explain, versions
from headpursuit.concepts import Concept, load_concept
from headpursuit.models import LanguageModel
from headpursuit.studies.identity import check_asked
from headpursuit.studies.judging.doses import head_counts
from headpursuit.studies.kernel import ResultKind, part
from headpursuit.studies.progress import Progress
from headpursuit.studies.ranked import capture_config, captured, check_fits, ranked
from headpursuit.studies.results import HeadNote, StudyConfig
from headpursuit.studies.settings import command
from headpursuit.studies.tasks import Task
from headpursuit.studies.thumbnails import write_thumbnails

NOTE_ATOMS = 5
"""Tokens that name each head in the report."""


@dataclass(frozen=True)
class FoundHeads:
    """A study before it edits anything."""

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
    n_heads = model.anatomy.n_heads
    counts = head_counts(config, n_heads) if config.sweep else (count_of(config.heads, n_heads),)
    check_fits(model, task, config, concepts, counts)
    for heads in config.also_heads:
        count_of(heads, n_heads)
    folder = kind.begin(path, config)
    check_asked(model, task, concepts, folder)
    thumbnails = write_thumbnails(task, folder)
    prompts = captured(model, task, capture_config(config), folder, progress)
    rankings = _ranked(model, task, prompts, concepts, config, folder, progress)
    return FoundHeads(folder, *concepts, thumbnails, rankings, _noted(model, prompts, config, folder, progress))


def described(model: LanguageModel, config: StudyConfig, found: FoundHeads) -> dict[str, Any]:
    """The fields of every study's result about the model, its heads, and how they were found."""
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
