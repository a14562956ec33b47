"""The rungs that a task's file declares: its concept asked for in other ways, and siblings of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from headpursuit.files import read_text
from headpursuit.studies.tasks.declarations import declaration_file, is_declaration, read_declaration
from headpursuit.studies.tasks.groups import questions_of
from headpursuit.studies.tasks.task import Group, Question, Rung, parse_questions

_ROWS = {"data", "rows"}
_OWN = {"prompts", "subject", "limit"}
"""Keys that a rung without rows does not take from the target."""


def own_questions(
    declared: Mapping[str, Any], name: str, file: Path, seed: int, may_lack: Sequence[str] = ()
) -> tuple[Question, ...]:
    """The questions that a declaration has itself: those of its file, or of its target.

    Rows of the target may lack the columns that some of its keys name.

    Raises:
        FileNotFoundError: If their data are missing.
        ValueError: If they cannot be read.
    """
    if "questions" in declared:
        given = declared["questions"]
        if not isinstance(given, str):
            raise ValueError(f"{file}, questions: expected the name of a file beside this one, not {given!r:.60}")
        return parse_questions(read_text(file.parent / given), given)
    if not isinstance(declared["target"], Mapping):
        raise ValueError(f"{file}, target: expected a group with data, prompts and answers; see docs/tasks.md")
    return tuple(questions_of(declared["target"], "target", name, file, seed, may_lack=may_lack))


def rungs_of(declared: Mapping[str, Any], name: str, file: Path, seed: int) -> Iterator[Rung]:
    """The rungs of a declaration, in its order.

    Raises:
        FileNotFoundError: If there is no such task, or data are missing.
        ValueError: If a rung cannot be read, or asks nothing; the text names it.
    """
    rungs = declared.get("rungs", {})
    if not isinstance(rungs, Mapping):
        raise ValueError(f"{file}, rungs: expected names with a task or a group each, not {rungs!r:.60}")
    for key, given in rungs.items():
        where = f"{file}, rungs, {key}"
        if "task" in given:
            if len(given) > 1:
                raise ValueError(f"{where}: a task brings everything; leave {', '.join(given.keys() - {'task'})} out")
            questions = tuple(_of_a_task(str(given["task"]), file, where, seed))
        else:
            questions = tuple(_of_a_group(given, declared, name, file, str(key), seed))
        if not questions:
            raise ValueError(f"{where}: no questions are left; give more rows, or looser filters")
        yield Rung(str(key), questions)


def _of_a_task(task: str, file: Path, where: str, seed: int) -> Iterator[Question]:
    """The held-out target questions of another task."""
    other = file.parent / task if is_declaration(task) else declaration_file(task)
    if not other.exists():
        raise FileNotFoundError(f"{where}: there is no task {task!r}")
    declared = read_declaration(other)
    if not {"target", "questions"} & declared.keys():
        raise ValueError(f"{where}: {task} declares no target; name a task with questions of its own")
    for question in own_questions(declared, str(declared.get("name", other.stem)), other, seed):
        if question.split == "heldout" and question.group == "target":
            yield replace(question, group="unrelated")


def _of_a_group(
    given: Mapping[str, Any], declared: Mapping[str, Any], name: str, file: Path, key: str, seed: int
) -> Iterator[Question]:
    """The held-out questions of a group; without rows it is the target's but for what it says itself."""
    sibling = given.get("sibling", False)
    if not isinstance(sibling, bool):
        raise ValueError(f"{file}, rungs, {key}, sibling: expected true or false, not {sibling!r:.60}")
    target = declared.get("target")
    if not isinstance(target, Mapping):
        target = {}
    has_rows = bool(_ROWS & given.keys())
    taken = set() if has_rows else target.keys() - _OWN
    group = {k: target[k] for k in taken} | {k: value for k, value in given.items() if k != "sibling"}
    kind: Group = "unrelated" if sibling else "target"
    found = questions_of({"subject": key, **group}, kind, name, file, seed, heldout=has_rows, part=f"rungs, {key}")
    yield from (question for question in found if question.split == "heldout")
