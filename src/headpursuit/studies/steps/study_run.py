"""A study under way: its folder begun, prompts captured, heads ranked and named, before anything is edited."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headpursuit.analysis import Capture, Ranking, count_of, explain, versions
from headpursuit.concepts import Concept, load_concept
from headpursuit.models import LanguageModel
from headpursuit.studies.judging.doses import head_counts
from headpursuit.studies.kernel import ResultKind, part
from headpursuit.studies.kernel.progress import Progress
from headpursuit.studies.results import HeadNote, StudyConfig
from headpursuit.studies.settings import check_seed, command
from headpursuit.studies.steps.identity import check_asked
from headpursuit.studies.steps.ranked import capture_config, captured, check_fits, ranked
from headpursuit.studies.steps.registration import Registration, registered
from headpursuit.studies.steps.thumbnails import write_thumbnails
from headpursuit.studies.tasks import Task

NOTE_ATOMS = 5
"""Tokens that name each head in the report."""


@dataclass(frozen=True, eq=False)
class StudyRun:
    """A study that is begun: all that its doses and arms are made of."""

    model: LanguageModel
    task: Task
    config: StudyConfig
    progress: Progress
    folder: Path
    """It holds all of the following too."""
    concept: Concept
    other: Concept
    """The concept whose best heads are a further control."""
    thumbnails: dict[str, str]
    """Files in the folder, by image name."""
    rankings: tuple[Ranking, Ranking]
    """The concept's and the other concept's, on the same prompts."""
    notes: tuple[HeadNote, ...]
    """The tokens that name each head."""
    capture: Capture
    """Of the ranking prompts."""
    plan: Registration | None = None
    """Written before anything was measured, if it was registered."""

    def described(self) -> dict[str, Any]:
        """The fields of every study's result about the model, its heads, and how they were found."""
        return {
            "config": self.config,
            "concept": self.concept.name,
            "model_summary": self.model.anatomy.summary(),
            "certificate": str(self.model.certificate),
            "command": command(self.config, self.folder),
            "ranking": self.rankings[0],
            "notes": self.notes,
            "versions": versions() | {"device": self.model.device.type, "dtype": self.model.dtype},
            "flags": self.model.flags,
        }


def begin_study(
    kind: ResultKind[Any],
    model: LanguageModel,
    task: Task,
    config: StudyConfig,
    path: Path,
    *,
    resume: bool,
    progress: Progress,
) -> StudyRun:
    """Begin a study, or go on with it: capture its ranking prompts, rank all heads, and name them.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If the config cannot be carried out, or is not the one to resume; or a registration was changed.
        AnatomyError: If the model's heads cannot be certified.
    """
    concepts = task.words, load_concept(config.other_concept)
    if concepts[0].name == concepts[1].name:
        raise ValueError(f"the other concept is {concepts[1].name} itself; choose another with `other_concept`")
    kind.check(path, config, resume=resume)
    plan = registered(path)
    check_seed(config)
    n_heads = model.anatomy.n_heads
    counts = head_counts(config, n_heads) if config.sweep else (count_of(config.heads, n_heads),)
    check_fits(model, task, config, concepts, counts)
    for heads in config.also:
        count_of(heads, n_heads)
    folder = kind.begin(path, config)
    check_asked(model, task, (*concepts, *([task.judges] if task.judges else [])), folder)
    thumbnails = write_thumbnails(task, folder)
    prompts = captured(model, task, capture_config(config), folder, progress)

    def ranking(concept: Concept, how: StudyConfig, file: str) -> Ranking:
        progress(f"rank {concept.name}", 0, 1)
        found = ranked(model, task, concept, how, prompts, folder / file)
        progress(f"rank {concept.name}", 1, 1)
        return found

    def notes() -> tuple[HeadNote, ...]:
        how = config.ranking
        found = explain(model, prompts, n_atoms=NOTE_ATOMS, rule=how.rule, centre=how.centre, gain=how.gain)
        return tuple(HeadNote(str(e.head), e.tokens, e.explained) for e in found)

    # No answer names the other concept, so its heads are ranked by its words.
    plain = replace(config, ranker="")
    rankings = ranking(concepts[0], config, "ranking.json"), ranking(concepts[1], plain, "other-ranking.json")
    progress("name heads", 0, 1)
    noted = part(folder / "notes.json", tuple[HeadNote, ...], notes)
    progress("name heads", 1, 1)
    return StudyRun(model, task, config, progress, folder, *concepts, thumbnails, rankings, noted, prompts, plan)
