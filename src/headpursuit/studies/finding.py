"""The steps that studies share: whether a model can do one, its heads ranked and named, and its arms measured."""

from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.analysis import Capture, CaptureConfig, RankConfig, Ranking, capture, count_of, explain, rank
from headpursuit.concepts import Concept
from headpursuit.heads import Edit
from headpursuit.models import LanguageModel, batches, tokens_of
from headpursuit.studies.arms import ArmRunner, PlannedArm
from headpursuit.studies.doses import head_counts
from headpursuit.studies.place import kept
from headpursuit.studies.progress import Progress
from headpursuit.studies.results import Arm, ArmKind, HeadNote, StudyConfig
from headpursuit.studies.tasks import Task

_NOTE_ATOMS = 5
"""Tokens that name each head in the report."""


def check_feasible(model: LanguageModel, task: Task, concepts: tuple[Concept, Concept], config: StudyConfig) -> None:
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
    for concept in concepts:
        tokens_of(model, concept, config.ranking.multi_token)
    for prompts in ([q.prompt for q in task.heldout], task.ranking_prompts):
        batches(model, prompts, config.batch_size, chat=config.chat, room=config.max_new_tokens)
    batches(model, task.neutral_texts, config.batch_size)


def captured_for(model: LanguageModel, task: Task, config: StudyConfig, folder: Path, progress: Progress) -> Capture:
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


def ranked_for(
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
        rankings.append(Ranking.from_json(kept(folder / file, make)))
        progress(f"rank {concept.name}", 1, 1)
    return rankings[0], rankings[1]


def _rank(model: LanguageModel, captured: Capture, concept: Concept, config: RankConfig) -> dict[str, Any]:
    return rank(model, captured, concept, config).to_json()


def noted(
    model: LanguageModel, captured: Capture, config: StudyConfig, folder: Path, progress: Progress
) -> tuple[HeadNote, ...]:
    """Name every head by its first tokens over the whole vocabulary, read as the ranking reads it."""

    def note() -> list[dict[str, object]]:
        how = config.ranking
        found = explain(model, captured, n_atoms=_NOTE_ATOMS, rule=how.rule, centre=how.centre, gain=how.gain)
        return [{"head": str(e.head), "tokens": e.tokens, "explained": e.explained} for e in found]

    progress("name heads", 0, 1)
    content = kept(folder / "notes.json", note)
    progress("name heads", 1, 1)
    return tuple(HeadNote(n["head"], tuple(n["tokens"]), tuple(n["explained"])) for n in content)


def measured(runner: ArmRunner, planned: list[PlannedArm], folder: Path, progress: Progress) -> list[Arm]:
    """Run every arm, or read it back."""
    (folder / "arms").mkdir(exist_ok=True)
    arms = []
    for number, (name, kind, edit) in enumerate(planned):
        progress("arms", number, len(planned))
        content = kept(folder / "arms" / f"{name}.json", partial(_run, runner, name, kind, edit))
        arms.append(Arm.from_json(content))
    progress("arms", len(planned), len(planned))
    return arms


def _run(runner: ArmRunner, name: str, kind: ArmKind, edit: Edit) -> dict[str, Any]:
    return runner.run(name, kind, edit).to_json()
