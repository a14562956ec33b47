"""Tasks as files: what is asked, what counts, what must stay, and the usual settings, declared in YAML."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import yaml

from headpursuit.concepts import Concept, load_concept
from headpursuit.studies.metrics import normalise
from headpursuit.studies.tasks.rows import Row, column, filled, read_rows
from headpursuit.studies.tasks.task import (
    Direction,
    Group,
    MetricName,
    Question,
    Split,
    Task,
    neutral_texts,
    paragraphs,
    parse_questions,
    shipped_text,
)

_KEYS = (
    "name",
    "task",
    "concept",
    "metric",
    "direction",
    "scorer",
    "questions",
    "target",
    "unrelated",
    "neutral",
    "settings",
)
_GROUP_KEYS = (
    "data",
    "rows",
    "prompts",
    "answers",
    "fact",
    "subject",
    "split",
    "keep",
    "answers_in",
    "answers_not_in",
    "limit",
)
SHIPPED = Path(str(files("headpursuit.studies.tasks")))
"""Where the tasks are that come with the package."""


def declared_names() -> tuple[str, ...]:
    """Tasks that come with the package as files."""
    return tuple(sorted(file.stem for file in SHIPPED.glob("*.yaml")))


def is_declaration(name: str) -> bool:
    """Whether a task is named by its file."""
    return Path(name).suffix in (".yaml", ".yml")


def declaration_file(name: str) -> Path:
    """Where the declaration of a task is: a file of one's own, or one that comes with the package."""
    return Path(name) if is_declaration(name) else SHIPPED / f"{name}.yaml"


def read_declaration(file: Path) -> dict[str, Any]:
    """A declaration as it stands in its file, with keys that are known.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no YAML mapping, or has an unknown key; the text names the keys there are.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no task file {file}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no YAML: {error}") from error
    _check_mapping(content, _KEYS, str(file))
    for group in ("target", "unrelated"):
        if isinstance(content.get(group), Mapping):
            _check_mapping(content[group], _GROUP_KEYS, f"{file}, {group}")
    if not isinstance(content.get("settings", {}), Mapping):
        raise ValueError(f"{file}, settings: expected keys with values, like `controls: 19`")
    return dict(content)


def declared_task(file: Path, *, data: str = "", scorer: str = "", seed: int = 0) -> Task:
    """The task that a file declares.

    Args:
        file: The declaration.
        data: Where its rows are read from instead: a file with the same columns, or hf:NAME.
        scorer: What judges outputs, instead of the declared one.
        seed: Of the draw where a group has a limit.

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
    metric = _one_of(MetricName, declared.get("metric", "contains"), f"{file}, metric")
    direction = _one_of(Direction, declared.get("direction", "suppress"), f"{file}, direction")
    concept = _concept(str(declared["concept"]), file)
    load_concept(concept)  # a missing one is said at once
    if "questions" in declared:
        questions = parse_questions((file.parent / declared["questions"]).read_text("utf-8"), declared["questions"])
    else:
        questions = tuple(_group(declared["target"], "target", name, file, seed))
        questions += _unrelated(declared.get("unrelated", "common"), concept, name, file, seed)
    _check_splits(name, questions)
    return Task(
        name=name,
        concept=concept,
        questions=questions,
        neutral_texts=_neutral(declared.get("neutral"), file),
        metric=metric,
        direction=direction,
        scorer=scorer or str(declared.get("scorer", "words")),
    )


def _neutral(given: Any, file: Path) -> tuple[str, ...]:
    """The paragraphs that damage is measured on: those of the package, of a file beside this one, or given in place."""
    if given is None:
        return neutral_texts()
    if isinstance(given, str):
        texts = paragraphs((file.parent / given).read_text(encoding="utf-8"))
    elif isinstance(given, list) and all(isinstance(text, str) for text in given):
        texts = tuple(given)
    else:
        raise ValueError(f"{file}, neutral: expected a text file beside this one, or a list of paragraphs")
    if not texts:
        raise ValueError(f"{file}, neutral: there is no text to measure damage on")
    return texts


def _with_data(declared: dict[str, Any], data: str, file: Path) -> dict[str, Any]:
    """A declaration whose rows are read from elsewhere; unrelated ones too where they came from the same place."""
    target = declared.get("target")
    if not isinstance(target, Mapping) or "data" not in target:
        raise ValueError(f"{file.stem} brings its own questions; leave --data out")
    place = data if data.startswith("hf:") else str(Path(data).absolute())
    changed = {"target": {**target, "data": place}}
    unrelated = declared.get("unrelated")
    if isinstance(unrelated, Mapping) and unrelated.get("data") == target["data"]:
        changed["unrelated"] = {**unrelated, "data": place}
    return declared | changed


def _unrelated(given: Any, concept: str, task: str, file: Path, seed: int) -> tuple[Question, ...]:
    """The questions whose answers should stay; of the common ones those that are not answered by the concept."""
    if given == "none":
        return ()
    if given == "common":
        words = _compared(concept, file)
        return tuple(question for question in common_questions() if not _named(question.answers, words))
    if not isinstance(given, Mapping):
        raise ValueError(f"{file}, unrelated: expected `common`, `none`, or a group like target, not {given!r}")
    return tuple(_group(given, "unrelated", task, file, seed))


def _named(answers: Sequence[str], words: Collection[str]) -> bool:
    """Whether an answer names a word, both as they are compared."""
    said = " | ".join(map(normalise, answers))
    return any(f" {word} " in f" {said} " for word in words)


def common_questions() -> tuple[Question, ...]:
    """Unrelated questions on nine subjects, all held out; those of countries-qa."""
    shipped = parse_questions(shipped_text("countries_qa.jsonl"), "countries_qa.jsonl")
    return tuple(question for question in shipped if question.group == "unrelated")


def _group(given: Mapping[str, Any], group: Group, task: str, file: Path, seed: int) -> Iterator[Question]:
    """The questions of a group: every row in every phrasing of its split."""
    where = f"{file}, {group}"
    if ("data" in given) == ("rows" in given):
        raise ValueError(f"{where}: give either data (a file or hf:NAME) or rows")
    rows = _rows(given, file, where)
    if "prompts" not in given:
        raise ValueError(f"{where}: prompts are missing, like `prompts: The day after {{day}} is`")
    by_fact: dict[str, list[Row]] = {}
    words = {key: _compared(str(given[key]), file) for key in ("answers_in", "answers_not_in") if key in given}
    for number, row in enumerate(rows):
        if _kept(row, given, words):
            fact = str(column(row, given["fact"])) if "fact" in given else str(number)
            by_fact.setdefault(fact, []).append(row)
    for split, facts in _splits(by_fact, given, where).items():
        for fact in _limited(sorted(facts), given.get("limit"), seed):
            # A data set may hold a question twice, like TriviaQA, which has rows for each of its kinds of documents.
            asked: dict[str, Row] = {}
            for row in by_fact[fact]:
                for phrasing in _phrasings(given["prompts"], split, where):
                    asked.setdefault(filled(phrasing, row), row)
            for prompt, row in asked.items():
                yield Question(prompt, _answers(row, given), group, str(given.get("subject", task)), fact, split)


def _rows(given: Mapping[str, Any], file: Path, where: str) -> list[Row]:
    """Rows that are given in place, or read."""
    if "data" in given:
        return read_rows(str(given["data"]), file.parent)
    rows = given["rows"]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(f"{where}, rows: expected a list of rows, like `- {{day: Monday, next: Tuesday}}`")
    return [Row(row, f"{where}, row {number}") for number, row in enumerate(rows, start=1)]


def _kept(row: Row, given: Mapping[str, Any], words: Mapping[str, frozenset[str]]) -> bool:
    """Whether a row passes the filters, of which two compare its answers with words."""
    for name, allowed in (given.get("keep") or {}).items():
        if column(row, name) not in (allowed if isinstance(allowed, list) else [allowed]):
            return False
    answers = {normalise(answer) for answer in _answers(row, given)} if words else set()
    return all(bool(answers & found) == (key == "answers_in") for key, found in words.items())


def load_words(concept: str, file: Path) -> tuple[str, ...]:
    """The words of a concept that is built in, or a file beside the declaration."""
    found = _concept(concept, file)
    return (found if isinstance(found, Concept) else load_concept(found)).words


def _compared(concept: str, file: Path) -> frozenset[str]:
    """A concept's words as they are compared."""
    return frozenset(normalise(word) for word in load_words(concept, file)) - {""}


def _concept(name: str, file: Path) -> str:
    """A built-in concept's name, or the path of a word file beside the declaration."""
    beside = file.parent / name
    return str(beside) if beside.is_file() else name


def _splits(by_fact: Mapping[str, Sequence[Row]], given: Mapping[str, Any], where: str) -> dict[Split, list[str]]:
    """Facts by their own split; or halves in the order of their SHA-256, so that hardly any moves when one is added."""
    if "split" not in given:
        ordered = sorted(by_fact, key=lambda fact: sha256(fact.encode()).digest())
        half = len(ordered) // 2
        return {"ranking": ordered[:half], "heldout": ordered[half:]}
    facts: dict[Split, list[str]] = {}
    for fact, rows in by_fact.items():
        found = {_one_of(Split, str(column(row, given["split"])), f"{where}, split") for row in rows}
        if len(found) > 1:
            raise ValueError(f"{where}: the fact {fact!r} is in several splits ({', '.join(sorted(found))})")
        facts.setdefault(found.pop(), []).append(fact)
    return facts


def _limited(facts: list[str], limit: Any, seed: int) -> list[str]:
    if limit is None or len(facts) <= int(limit):
        return facts
    return sorted(random.Random(seed).sample(facts, int(limit)))


def _phrasings(prompts: Any, split: Split, where: str) -> Sequence[str]:
    """The templates of a split; a single one, or a list, serves all splits."""
    if isinstance(prompts, Mapping):
        _check_mapping(prompts, ("ranking", "selection", "heldout"), f"{where}, prompts")
        prompts = prompts.get(split, prompts.get("ranking") if split == "selection" else None) or ()
    return [prompts] if isinstance(prompts, str) else list(prompts)


def _answers(row: Row, given: Mapping[str, Any]) -> tuple[str, ...]:
    if "answers" not in given:
        return ()
    found = column(row, given["answers"])
    return tuple(dict.fromkeys(map(str, found))) if isinstance(found, list | tuple) else (str(found),)


def _check_splits(name: str, questions: Sequence[Question]) -> None:
    for split in ("ranking", "heldout"):
        if not any(q.split == split and q.group == "target" for q in questions):
            raise ValueError(
                f"{name}: no {split} questions are left for the target; heads are ranked on some facts and measured on "
                "others: give more rows, prompts for both splits, or looser filters"
            )


def _one_of(allowed: Any, value: Any, where: str) -> Any:
    choices = get_args(allowed)
    if value not in choices:
        raise ValueError(f"{where}: {value!r} is none of {', '.join(choices)}")
    return value


def _check_mapping(content: Any, known: Collection[str], where: str) -> None:
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: expected keys with values, found {type(content).__name__}")
    for key in content:
        if key not in known:
            close = get_close_matches(str(key), known, 1)
            meant = f", did you mean {close[0]}?" if close else ""
            raise ValueError(f"{where}: there is no key {key!r}{meant} (there is {', '.join(known)})")
