"""Run a sensitivity study: rank many lists from one capture, compare, measure the edits, and conclude."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from headpursuit.analysis import Capture, Suggestions, count_of, versions
from headpursuit.concepts import Concept, load_concept
from headpursuit.models import ConceptTokens, LanguageModel, tokens_of
from headpursuit.studies.experiments.sensitivity.causal import measure, questions_of
from headpursuit.studies.experiments.sensitivity.comparing import Comparison, agreements, n_top
from headpursuit.studies.experiments.sensitivity.config import SensitivityConfig, command
from headpursuit.studies.experiments.sensitivity.lists import known_words
from headpursuit.studies.experiments.sensitivity.result import KIND, SensitivityResult
from headpursuit.studies.experiments.sensitivity.sentences import conclude
from headpursuit.studies.experiments.sensitivity.synonyms import read_synonyms
from headpursuit.studies.experiments.sensitivity.variants import plan_variants
from headpursuit.studies.kernel import alone, check_identity
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.settings import check_side
from headpursuit.studies.steps.dates import dated
from headpursuit.studies.tasks import Question, Task, load_task
from headpursuit.studies.text.scoring import check_metric
from headpursuit.words import compared

MORE_HEADS = 10
"""The larger number of best heads that lists are compared by."""


@alone
def study_sensitivity(
    model: LanguageModel,
    capture: Capture,
    config: SensitivityConfig,
    path: Path | str,
    *,
    concept: Concept | None = None,
    task: Task | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> SensitivityResult:
    """Find out how much a concept's ranking depends on its word list, and how much the edit's effect does.

    Nothing is run through the model unless a task is measured: all lists are ranked from one capture. Comparisons and
    every measured edit are kept in the folder at once, so an interrupted study goes on where it stopped.

    Args:
        model: The model that was captured.
        capture: The capture; `config.capture` only names it.
        config: Lists, repeats and lines; see `SensitivityConfig`.
        path: The folder of the results.
        concept: A concept of one's own, which `config.concept` then only names.
        task: A task of one's own, which `config.task` then only names.
        resume: Go on with a study of the same config in that folder.
        progress: Told about every stage.

    Raises:
        FileExistsError: If the folder exists and `resume` is not asked for.
        FileNotFoundError: If there is no such concept or file of synonyms.
        ValueError: If the concept has too few words, the capture is of another model, the synonyms name no word, the
            task is about other words, or the config differs from the one to resume.
    """
    folder, concept = Path(path), concept or load_concept(config.concept)
    config = dated(model, config, folder, chat=config.chat)
    task = task or (load_task(config.task) if config.task else None)
    check_inputs(concept, task, config)
    synonyms = read_synonyms(config.synonyms, concept) if config.synonyms else {}
    KIND.check(folder, config, resume=resume)
    edit_heads = count_of(config.heads, model.anatomy.n_heads)
    found = tokens_of(model, concept, config.ranking.multi_token)
    suggestions = Suggestions(model, gain=config.ranking.gain)
    variants, remarks = plan_variants(model, found, config, suggestions.vocabulary, synonyms)
    comparison = Comparison(model, capture, config, variants, suggestions, edit_heads)
    # What cannot be ranked leaves no folder behind.
    ranking = None if folder.exists() else comparison.ranked()
    KIND.begin(folder, config)
    _check_same(folder, capture, concept.words, dict(synonyms), questions_of(task, config) if task else ())
    draws = comparison.draws(folder, progress, ranking)
    measured, effects = measure(model, task, config, draws, folder, progress) if task else (None, {})
    rows = agreements(draws, config.seed, effects)
    chance = edit_heads / model.anatomy.n_heads  # the mean overlap of heads drawn at random
    level, outcome, sentence = conclude(rows, edit_heads, chance, config.stable)
    result = SensitivityResult(
        config=config,
        concept=concept.name,
        command=command(config, folder),
        n_words=len(concept.words),
        n_known=len(known_words(found)),
        n_tokens=len(found.token_ids),
        n_heads=model.anatomy.n_heads,
        edit_heads=edit_heads,
        more_heads=min(MORE_HEADS, model.anatomy.n_heads),
        n_top=n_top(model.anatomy.n_heads),
        agreements=rows,
        draws=tuple(draws),
        stable_from=level,
        outcome=outcome,
        sentence=sentence,
        suggestions=suggestions.of(found, config.suggestions),
        measured=measured,
        remarks=(*_remarks(found, capture), *remarks),
        versions=versions() | {"device": model.device.type, "dtype": model.dtype},
    )
    return KIND.finish(folder, result, concept=concept.name, model=config.model)


def check_inputs(concept: Concept, task: Task | None, config: SensitivityConfig) -> None:
    """Refuse a task that is about other words, or goes the other way than the scale.

    Raises:
        ValueError: If the task's concept shares no word with this one, its questions lack the answers that its metric
            needs, or the scale goes the other way.
    """
    if task is None:
        return
    check_metric(task)
    check_side([config.scale], task.direction, f"`scale` is {config.scale:g} for {task.name}")
    if set(map(compared, concept.words)) & set(map(compared, task.words.words)):
        return
    raise ValueError(
        f"{task.name} asks for {task.words.name}, and {concept.name} has none of these words; choose a task about "
        f"{concept.name}, or leave `task` out"
    )


def _check_same(
    folder: Path, capture: Capture, words: Sequence[str], synonyms: dict[str, Any], questions: Sequence[Question]
) -> None:
    """Refuse to go on with another capture, or other words or questions than the study was begun with.

    Raises:
        ValueError: If one differs.
    """
    totals = [moments.total.cpu().numpy().tobytes() for moments in capture.moments.values()]
    asked = [[q.text, q.answers, q.group, q.fact] for q in questions]
    inputs = {
        "capture": sha256(b"".join(totals)).hexdigest(),
        "words": sha256(json.dumps([*words, synonyms]).encode()).hexdigest(),
        "questions": sha256(json.dumps(asked).encode()).hexdigest(),
    }
    said = {"capture": "another capture", "words": "other words", "questions": "other questions"}
    check_identity(folder / "inputs.json", inputs, said)


def _remarks(found: ConceptTokens, capture: Capture) -> tuple[str, ...]:
    n_dropped = len(found.dropped_words)
    remarks = []
    if n_dropped:
        remarks.append(
            f"{n_dropped} of {len(found.concept.words)} words have no token of their own and change no ranking; "
            "fractions are of the others."
        )
    if capture.n_samples < 30:
        remarks.append(f"The capture holds {capture.n_samples} positions only; more prompts make steadier rankings.")
    return tuple(remarks)
