"""A task: questions whose answers belong to a concept, questions about other things, and neutral text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, get_args

Group = Literal["target", "unrelated"]
Split = Literal["ranking", "heldout"]


@dataclass(frozen=True)
class Question:
    """One prompt with its accepted answers."""

    prompt: str
    answers: tuple[str, ...]
    group: Group
    """`target`: the answer belongs to the concept; `unrelated`: it does not."""
    subject: str
    fact: str
    """Questions with the same fact ask for the same thing in other words; statistics count facts."""
    split: Split
    """`ranking` questions choose the heads, `heldout` ones measure; never both."""


@dataclass(frozen=True)
class Task:
    """What a study measures."""

    name: str
    concept: str
    """The concept that the target answers belong to."""
    questions: tuple[Question, ...]
    neutral_texts: tuple[str, ...]
    """Plain text about other things, for perplexity and divergence."""

    @property
    def ranking_prompts(self) -> tuple[str, ...]:
        """Prompts that heads are ranked on."""
        return tuple(q.prompt for q in self.questions if q.split == "ranking" and q.group == "target")

    @property
    def heldout(self) -> tuple[Question, ...]:
        """Questions that every arm answers."""
        return tuple(q for q in self.questions if q.split == "heldout")


def parse_questions(text: str, origin: str) -> tuple[Question, ...]:
    """Read questions, one JSON object a line.

    Raises:
        ValueError: A line that is no question; the text names it.
    """
    questions = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            questions.append(_question(json.loads(line)))
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{origin}, line {number}: no question ({error})") from error
    return tuple(questions)


def _question(row: Mapping[str, Any]) -> Question:
    question = Question(**{**row, "answers": tuple(row["answers"])})
    for value, allowed in ((question.group, get_args(Group)), (question.split, get_args(Split))):
        if value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    return question


def shipped_text(name: str) -> str:
    """A data file of this folder."""
    return (files(__package__) / name).read_text(encoding="utf-8")
