"""Tasks as files: what is asked, what counts, what must stay, and the usual settings, declared in YAML."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from headpursuit.concepts import Concept, load_concept
from headpursuit.files import read_text
from headpursuit.studies.tasks.declarations import one_of, read_declaration
from headpursuit.studies.tasks.groups import concept_beside, questions_of
from headpursuit.studies.tasks.ladders import own_questions, rungs_of
from headpursuit.studies.tasks.task import (
    Direction,
    Question,
    Task,
    every_other_selects,
    neutral_texts,
    paragraphs,
    parse_questions,
    shipped_text,
)
from headpursuit.studies.text.metrics import METRICS, contains


def declared_task(file: Path, *, data: str = "", scorer: str = "", seed: int = 0, wide: bool = False) -> Task:
    """The task that a file declares.

    Args:
        file: The declaration.
        data: Where its rows are read from instead: a file with the same columns, or hf:NAME.
        scorer: What judges outputs, instead of the declared one.
        seed: Of the draw where a group has a limit.
        wide: Ask all common questions, on which an edit can be grown, too (`common_questions`).

    Raises:
        FileNotFoundError: If the file, its data or its concept is missing.
        ValueError: If it declares no task that can be: a key, metric or column is unknown, or a split is empty; the
            text says which.
    """
    declared = read_declaration(file)
    if data:
        declared = _with_data(declared, data, file)
    name = str(declared.get("name", file.stem))
    for key in ("concept",) if "questions" in declared else ("concept", "target"):
        if key not in declared:
            raise ValueError(f"{file} declares no {key}; see docs/tasks.md for a complete example")
    metric = one_of(METRICS, declared.get("metric", "contains"), f"{file}, metric")
    direction = one_of(get_args(Direction), declared.get("direction", "suppress"), f"{file}, direction")
    concept = _concept(declared["concept"], file)
    questions = own_questions(declared, name, file, seed, may_lack=("fact", "split") if data else ())
    if "questions" not in declared or "unrelated" in declared:
        questions = tuple(q for q in questions if q.group == "target")
        questions += _unrelated(declared.get("unrelated", "common"), concept, name, file, seed, wide)
    _check_splits(name, questions)
    return Task(
        name=name,
        concept=concept,
        questions=questions,
        neutral_texts=_neutral(declared.get("neutral"), name, file, seed),
        metric=metric,
        direction=direction,
        scorer=scorer or str(declared.get("scorer", "words")),
        judges=load_concept(_concept(declared["judges"], file, "judges")) if "judges" in declared else None,
        called=_called(declared.get("called", ""), file),
        rungs=tuple(rungs_of(declared, name, file, seed)),
    )


def _called(given: Any, file: Path) -> str:
    """The concept's words in an instruction."""
    if not isinstance(given, str):
        raise ValueError(f"{file}, called: expected a few words, like `names of countries`, not {given!r:.60}")
    return given.strip()


def _neutral(given: Any, name: str, file: Path, seed: int) -> tuple[str, ...]:
    """The texts that damage is measured on: paragraphs of the package, of a file beside this one, or given in place.

    Texts made of rows, as those of a group are, stand behind the package's.
    """
    if given is None:
        return neutral_texts()
    if isinstance(given, Mapping):
        return neutral_texts() + tuple(q.text for q in questions_of(given, "unrelated", name, file, seed))
    if isinstance(given, str):
        texts = paragraphs(_text_beside(given, file, "neutral"))
    elif isinstance(given, list) and all(isinstance(text, str) and text.strip() for text in given):
        texts = tuple(given)
    else:
        raise ValueError(f"{file}, neutral: expected a text file beside this one, a list of paragraphs, or a group")
    if not texts:
        raise ValueError(f"{file}, neutral: there is no text to measure damage on")
    return texts


def _concept(given: Any, file: Path, key: str = "concept") -> str:
    """A built-in concept's name or the path of a word file, which is there."""
    if not isinstance(given, str) or not given.strip():
        raise ValueError(f"{file}, {key}: expected a built-in list or a word file beside this one, not {given!r:.60}")
    name = concept_beside(given, file)
    try:
        load_concept(name)
    except (OSError, ValueError) as error:
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
        raise kind(f"{file}, {key}: {error}") from error
    return name


def _text_beside(name: Any, file: Path, key: str) -> str:
    """A text file beside the declaration."""
    if not isinstance(name, str):
        raise ValueError(f"{file}, {key}: expected the name of a file beside this one, not {name!r:.60}")
    return read_text(file.parent / name)


def _with_data(declared: dict[str, Any], data: str, file: Path) -> dict[str, Any]:
    """A declaration whose rows are read from elsewhere; unrelated ones too where they came from the same place."""
    target = declared.get("target")
    if not isinstance(target, Mapping) or "data" not in target:
        raise ValueError(f"{file.stem} brings its own questions; leave `data` out")
    place = data if data.startswith("hf:") else str(Path(data).absolute())
    changed = {"target": {**target, "data": place}}
    unrelated = declared.get("unrelated")
    if isinstance(unrelated, Mapping) and unrelated.get("data") == target["data"]:
        changed["unrelated"] = {**unrelated, "data": place}
    return declared | changed


def _unrelated(given: Any, concept: str, task: str, file: Path, seed: int, wide: bool) -> tuple[Question, ...]:
    """The questions whose answers should stay; of the common ones those that are not answered by the concept."""
    if given == "none":
        return ()
    if given == "common":
        words = load_concept(concept)
        common = _without(words, common_questions())
        return every_other_selects(common) + further_unrelated(words) if wide else common
    if not isinstance(given, Mapping):
        raise ValueError(f"{file}, unrelated: expected `common`, `none`, or a group like target, not {given!r}")
    return tuple(questions_of(given, "unrelated", task, file, seed))


def _without(concept: Concept, questions: Sequence[Question]) -> tuple[Question, ...]:
    """The questions that no word of a concept answers."""
    return tuple(q for q in questions if not any(contains(answer, concept.words) for answer in q.answers))


def further_unrelated(concept: Concept) -> tuple[Question, ...]:
    """The further questions that no word of a concept answers."""
    return _without(concept, further_questions())


def common_questions() -> tuple[Question, ...]:
    """Unrelated questions on nine subjects, all held out; those of countries-qa."""
    shipped = parse_questions(shipped_text("countries_qa.jsonl"), "countries_qa.jsonl")
    return tuple(question for question in shipped if question.group == "unrelated")


def further_questions() -> tuple[Question, ...]:
    """Unrelated questions beside the common ones: more facts of their subjects, to grow edits on, and ten new ones."""
    return parse_questions(shipped_text("unrelated.jsonl"), "unrelated.jsonl")


def _check_splits(name: str, questions: Sequence[Question]) -> None:
    for split in ("ranking", "heldout"):
        if not any(q.split == split and q.group == "target" for q in questions):
            raise ValueError(
                f"{name}: no {split} questions are left for the target; heads are ranked on some facts and measured on "
                "others: give more rows, prompts for both splits, or looser filters"
            )
