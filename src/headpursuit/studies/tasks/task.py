"""A task: questions whose answers belong to a concept, questions about other things, and neutral text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, Literal, get_args

from headpursuit.concepts import Concept, load_concept
from headpursuit.images import ImagePrompt, Prompt

Group = Literal["target", "unrelated"]
Split = Literal["ranking", "heldout"]


@dataclass(frozen=True)
class Question:
    """One prompt with its accepted answers."""

    prompt: Prompt
    answers: tuple[str, ...]
    """The accepted ones."""
    group: Group
    """`target`: the answer belongs to the concept; `unrelated`: it does not."""
    subject: str
    fact: str
    """Questions with the same fact ask for the same thing in other words; statistics count facts."""
    split: Split
    """`ranking` questions choose heads and dose, `heldout` ones measure; never both."""
    label: str = ""
    """In a classification: the class that a right answer names first."""
    image_name: str = ""
    """The image's name in its set."""

    @property
    def text(self) -> str:
        """What is asked, without the image."""
        return self.prompt.text if isinstance(self.prompt, ImagePrompt) else self.prompt


@dataclass(frozen=True)
class Task:
    """What a study measures."""

    name: str
    concept: str | Concept
    """The concept that the target answers belong to: its words, a built-in name, or a file."""
    questions: tuple[Question, ...]
    neutral_texts: tuple[str, ...]
    """Plain text about other things, for perplexity and divergence."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """In a classification: the words that name each class."""
    remarks: tuple[str, ...] = ()
    """What readers of its figures should know, one sentence each."""

    @property
    def words(self) -> Concept:
        """The concept, looked up.

        Raises:
            FileNotFoundError: If there is no such concept.
        """
        return self.concept if isinstance(self.concept, Concept) else load_concept(self.concept)

    @property
    def has_images(self) -> bool:
        """Whether any question is about an image."""
        return any(isinstance(q.prompt, ImagePrompt) for q in self.questions)

    @property
    def ranking_prompts(self) -> tuple[Prompt, ...]:
        """Prompts that heads are ranked on."""
        return tuple(q.prompt for q in self.questions if q.split == "ranking" and q.group == "target")

    @property
    def heldout(self) -> tuple[Question, ...]:
        """Questions that every arm answers."""
        return tuple(q for q in self.questions if q.split == "heldout")

    @property
    def selection(self) -> tuple[Question, ...]:
        """Questions that the dose is chosen on."""
        return tuple(q for q in self.questions if q.split == "ranking")

    def for_sweep(self) -> "Task":
        """The task with unrelated questions to choose a dose on.

        Where all of them are held out, those of every other fact are taken from there, so that none does both; but not
        those about images, since what else is asked about the same image stays held out.
        """
        if self.has_images or any(q.group == "unrelated" for q in self.selection):
            return self
        facts = dict.fromkeys(q.fact for q in self.questions if q.group == "unrelated")
        taken = set(list(facts)[::2])
        moved = (
            replace(q, split="ranking") if q.group == "unrelated" and q.fact in taken else q for q in self.questions
        )
        return replace(self, questions=tuple(moved))


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


def neutral_texts() -> tuple[str, ...]:
    """The paragraphs that damage is measured on."""
    return tuple(" ".join(p.split()) for p in shipped_text("neutral_text.txt").split("\n\n") if p.strip())


def shipped_text(name: str) -> str:
    """A data file of this folder."""
    return (files(__package__) / name).read_text(encoding="utf-8")
