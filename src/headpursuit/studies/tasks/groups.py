"""The questions of a declared group: every row of its data in every phrasing of its split."""

import random
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

from headpursuit.concepts import load_concept
from headpursuit.files import Row, column, text_of
from headpursuit.studies.tasks.declarations import check_mapping, one_of
from headpursuit.studies.tasks.rows import cell, filled, read_rows, text_in
from headpursuit.studies.tasks.task import Group, Question, Split, check_answers
from headpursuit.words import compared


def questions_of(
    given: Mapping[str, Any],
    group: Group,
    task: str,
    file: Path,
    seed: int,
    *,
    heldout: bool = False,
    part: str = "",
    may_lack: Sequence[str] = (),
) -> Iterator[Question]:
    """The questions of a group.

    Args:
        given: The group, as its file declares it.
        group: What its questions are to a study.
        task: The task's name.
        file: The declaration.
        seed: Of the draw where the group has a limit.
        heldout: All facts are held out, where no column has splits.
        part: The group's place in the file, for errors; by default its name.
        may_lack: Keys whose column all rows may lack.

    Raises:
        FileNotFoundError: If its data are missing.
        ValueError: If its rows, columns or prompts cannot be used; the text says which.
    """
    where = f"{file}, {part or group}"
    if ("data" in given) == ("rows" in given):
        raise ValueError(f"{where}: give either data (a file or hf:NAME) or rows")
    _check_types(given, where)
    rows = _rows(given, file, where)
    there = {name for row in rows for name in row}
    given = {k: v for k, v in given.items() if k not in may_lack or str(v).split(".")[0] in there}
    by_fact: dict[str, list[Row]] = {}
    filters: Sequence[str] = ("answers_in", "answers_not_in")
    words = {key: compared_words(str(given[key]), file) for key in filters if key in given}
    for number, row in enumerate(rows):
        if _kept(row, given, words):
            fact = text_in(row, given["fact"]) if "fact" in given else str(number)
            by_fact.setdefault(fact, []).append(row)
    whole = heldout and "split" not in given
    facts: dict[Split, list[str]] = {"heldout": list(by_fact)} if whole else _splits(by_fact, given, where)
    for split in sorted(facts, key=get_args(Split).index):
        for fact in _limited(sorted(facts[split]), given.get("limit"), seed):
            # A data set may hold a question twice, like TriviaQA, which has rows for each of its kinds of documents.
            accepted: dict[str, dict[str, None]] = {}
            asked: dict[str, str] = {}
            for row in by_fact[fact]:
                for phrasing in _phrasings(given["prompts"], split, where):
                    prompt = filled(phrasing, row, where)
                    accepted.setdefault(prompt, {}).update(dict.fromkeys(_answers(row, given)))
                    asked.setdefault(prompt, phrasing)
            subject = str(given.get("subject", task))
            for prompt, answers in accepted.items():
                yield Question(prompt, tuple(answers), group, subject, fact, split, phrasing=asked[prompt])


def _check_types(given: Mapping[str, Any], where: str) -> None:
    """Refuse values that a group's keys cannot have."""
    for key in ("data", "answers", "fact", "split", "answers_in", "answers_not_in"):
        if key in given and not (isinstance(given[key], str) and given[key]):
            raise ValueError(f"{where}, {key}: expected a name, found {given[key]!r:.60}")
    limit, keep, prompts = given.get("limit"), given.get("keep"), given.get("prompts")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ValueError(f"{where}, limit: expected a whole number from 1, found {limit!r:.60}")
    if keep is not None and not isinstance(keep, Mapping):
        raise ValueError(f"{where}, keep: expected columns with values, like `keep: {{lang: [en]}}`, not {keep!r:.60}")
    if prompts is None:
        raise ValueError(f"{where}: prompts are missing, like `prompts: The day after {{day}} is`")
    for one in prompts.values() if isinstance(prompts, Mapping) else [prompts]:
        for phrasing in one if isinstance(one, list) else [one]:
            if not isinstance(phrasing, str) or not phrasing.strip():
                raise ValueError(
                    f"{where}, prompts: expected templates like `The day after {{day}} is`, not {one!r:.60}"
                )


def _rows(given: Mapping[str, Any], file: Path, where: str) -> list[Row]:
    """Rows that are given in place, or read."""
    if "data" in given:
        try:
            return read_rows(given["data"], file.parent)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{where}, data: {error}") from error
    rows = given["rows"]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(f"{where}, rows: expected a list of rows, like `- {{day: Monday, next: Tuesday}}`")
    return [Row(row, f"{where}, row {number}") for number, row in enumerate(rows, start=1)]


def _kept(row: Row, given: Mapping[str, Any], words: Mapping[str, frozenset[tuple[str, ...]]]) -> bool:
    """True if a row passes the filters, of which two compare its answers with words."""
    for name, allowed in (given.get("keep") or {}).items():
        if column(row, name) not in (allowed if isinstance(allowed, list) else [allowed]):
            return False
    answers = {compared(answer) for answer in _answers(row, given)} if words else set()
    return all(bool(answers & found) == (key == "answers_in") for key, found in words.items())


def compared_words(concept: str, file: Path) -> frozenset[tuple[str, ...]]:
    """The words of a concept that is built in, or a file beside the declaration, as they are compared."""
    return frozenset(map(compared, load_concept(concept_beside(concept, file)).words)) - {()}


def concept_beside(name: str, file: Path) -> str:
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
        found = {one_of(get_args(Split), column(row, given["split"]), cell(row, given["split"])) for row in rows}
        if len(found) > 1:
            raise ValueError(f"{where}: the fact {fact!r} is in several splits ({', '.join(sorted(found))})")
        facts.setdefault(found.pop(), []).append(fact)
    return facts


def _limited(facts: list[str], limit: Any, seed: int) -> list[str]:
    if limit is None or len(facts) <= limit:
        return facts
    return sorted(random.Random(seed).sample(facts, limit))


def _phrasings(prompts: Any, split: Split, where: str) -> Sequence[str]:
    """The templates of a split; a single one, or a list, serves all splits."""
    if isinstance(prompts, Mapping):
        check_mapping(prompts, ("ranking", "selection", "heldout"), f"{where}, prompts")
        prompts = prompts.get(split, prompts.get("ranking") if split == "selection" else None) or ()
    return [prompts] if isinstance(prompts, str) else list(prompts)


def _answers(row: Row, given: Mapping[str, Any]) -> tuple[str, ...]:
    if "answers" not in given:
        return ()
    found, where = column(row, given["answers"]), cell(row, given["answers"])
    texts = [text_of(one, where) for one in (found if isinstance(found, list | tuple) else [found])]
    if not texts:
        raise ValueError(
            f"{where}: there is no accepted answer, so that no output is right; fill it in, or leave it out"
        )
    check_answers(texts, where)
    return tuple(dict.fromkeys(texts))
