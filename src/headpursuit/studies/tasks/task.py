"""A task: prompts whose outputs belong to a concept, questions about other things, and neutral text."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, Literal, get_args

from headpursuit.concepts import Concept, load_concept
from headpursuit.files import check_text, is_blank, parse_json, text_of
from headpursuit.media import ImagePrompt, Passage, Prompt, said
from headpursuit.words import compared

Group = Literal["target", "unrelated"]
Split = Literal["ranking", "selection", "heldout"]
Direction = Literal["suppress", "enhance"]
"""The aim of an edit: to make a concept rarer or more frequent."""


@dataclass(frozen=True)
class Question:
    """One prompt with its accepted answers."""

    prompt: Prompt
    answers: tuple[str, ...]
    """The accepted ones; none where what is written is judged without any."""
    group: Group
    """`target`: the output belongs to the concept; `unrelated`: it does not, and should stay as it is."""
    subject: str
    fact: str
    """Questions with the same fact ask for the same thing in other words; statistics count facts."""
    split: Split
    """`ranking` questions choose heads, `selection` ones the dose, `heldout` ones measure; never two of these."""
    label: str = ""
    """In a classification: the class that a right answer names first."""
    image_name: str = ""
    """The image's name in its set."""
    phrasing: str = ""
    """The words it is asked in, such as `The museum stands in {x}`; empty where there is but one way to ask."""
    draw: int = 0
    """The number of its draw, where it is asked several times."""
    reference: str = ""
    """All that should be written, where a model writes what it hears or translates."""

    def __post_init__(self) -> None:
        check_answers(self.answers, f"the question {self.text[:60]!r}")

    @property
    def text(self) -> str:
        """The question, without the image."""
        return said(self.prompt)


@dataclass(frozen=True)
class Rung:
    """A step on the way from a concept to everything else: the concept asked for in another way, or a sibling of it."""

    name: str
    questions: tuple[Question, ...]
    """All held out: of the group `target` where they ask for the concept itself, else `unrelated`."""

    @property
    def is_sibling(self) -> bool:
        """True if they ask for another concept, which should stay."""
        return any(question.group == "unrelated" for question in self.questions)


@dataclass(frozen=True)
class Task:
    """The questions that a study measures."""

    name: str
    concept: str | Concept
    """The concept that the target outputs belong to: its words, a built-in name, or a file."""
    questions: tuple[Question, ...]
    neutral_texts: tuple[str | Passage, ...]
    """Text about other things, for perplexity and divergence; where a model writes what it hears or translates, behind
    what it hears or reads."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """In a classification: the words that name each class."""
    remarks: tuple[str, ...] = ()
    """Remarks for readers of its figures, one sentence each."""
    metric: str = "contains"
    """The metric of the target outputs, by name. Unrelated answers count if they contain an accepted one."""
    direction: Direction = "suppress"
    scorer: str = "words"
    """The scorer of outputs where the metric is toxicity or sentiment."""
    judges: Concept | None = None
    """The words that judge outputs, where they are not the concept's own, which choose heads."""
    called: str = ""
    """The concept as an instruction names it: `names of countries`; empty for the concept's name."""
    rungs: tuple[Rung, ...] = ()
    """Further questions that tell how far an edit reaches, nearest first."""

    @property
    def words(self) -> Concept:
        """The concept, looked up.

        Raises:
            FileNotFoundError: If there is no such concept.
        """
        return self.concept if isinstance(self.concept, Concept) else load_concept(self.concept)

    @property
    def judged_by(self) -> Concept:
        """The words that judge outputs."""
        return self.judges or self.words

    @property
    def has_images(self) -> bool:
        """True if any question is about an image."""
        return any(isinstance(q.prompt, ImagePrompt) for q in self.questions)

    @property
    def restates(self) -> bool:
        """True if the model writes what it hears, or what it reads in another language."""
        return any(q.reference for q in self.questions)

    @property
    def ranking_prompts(self) -> tuple[Prompt, ...]:
        """Prompts that heads are ranked on."""
        return tuple(q.prompt for q in self.ranking_questions)

    @property
    def ranking_questions(self) -> tuple[Question, ...]:
        """Questions that heads are ranked on."""
        return tuple(q for q in self.questions if q.split == "ranking" and q.group == "target")

    @property
    def heldout(self) -> tuple[Question, ...]:
        """Questions that every arm answers."""
        return tuple(q for q in self.questions if q.split == "heldout")

    @property
    def selection(self) -> tuple[Question, ...]:
        """Questions that the dose is chosen on."""
        return tuple(q for q in self.questions if q.split == "selection")

    def split_for(self, *, sweep: bool, grow: bool = False) -> "Task":
        """The task with selection questions if a dose is to be chosen, and without them if not.

        Without a sweep, all selection questions rank heads. For one, where there are none, every other fact of the
        ranking questions becomes one; and where all unrelated questions are held out, those of every other fact of
        them, but not those about images, since what else is asked about the same image stays held out. An edit that is
        to be grown needs unrelated ranking questions, too: where there are none, every other fact of the selection ones
        becomes one, and of images those whose target questions rank heads.

        Raises:
            ValueError: If there are too few facts for both.
        """
        if not sweep:
            return self._moved(lambda q: q.split == "selection", "ranking")
        task = self
        selects = {q.group for q in self.selection}
        if "target" not in selects:
            taken = _every_other(q for q in task.questions if q.split == "ranking" and q.group == "target")
            if not taken:
                raise ValueError(
                    f"{self.name} has ranking prompts about a single fact; a dose sheet needs at least two facts, one "
                    "to rank heads on and one to choose the dose on"
                )
            task = task._moved(
                lambda q: (
                    q.split == "ranking" and (q.fact in taken if q.group == "target" else "unrelated" not in selects)
                ),
                "selection",
            )
        if not self.has_images and not any(q.group == "unrelated" for q in task.selection):
            others = _every_other(q for q in task.questions if q.group == "unrelated")
            task = task._moved(lambda q: q.group == "unrelated" and q.fact in others, "selection")
        if grow and not any(q.group == "unrelated" and q.split == "ranking" for q in task.questions):
            asked = [q for q in task.selection if q.group == "unrelated"]
            grown_on = {q.fact for q in asked} & {q.fact for q in task.ranking_questions} or _every_other(asked)
            task = task._moved(
                lambda q: q.group == "unrelated" and q.split == "selection" and q.fact in grown_on, "ranking"
            )
        return task

    def repeated(self, n_draws: int) -> "Task":
        """The task with every target question that does not rank heads asked so many times."""
        often = [
            replace(q, draw=draw)
            for q in self.questions
            if not q.draw
            for draw in range(n_draws if q.group == "target" and q.split != "ranking" else 1)
        ]
        return replace(self, questions=tuple(often))

    def _moved(self, which: Callable[[Question], bool], split: Split) -> "Task":
        return replace(self, questions=tuple(replace(q, split=split) if which(q) else q for q in self.questions))


def check_answers(answers: Iterable[str], where: str) -> None:
    """Refuse accepted answers without a visible character: no output could be right.

    Raises:
        ValueError: If there is one; the text says where it stands.
    """
    for answer in answers:
        if not compared(answer):
            raise ValueError(
                f"{where}: the accepted answer {answer!a} is empty or invisible, so that no output is right; fill it "
                "in, or leave it out"
            )


def accepted_answers(questions: Iterable[Question]) -> tuple[str, ...]:
    """Accepted answers of all questions, each once: who says one of them is not silent, right or wrong."""
    return tuple(dict.fromkeys(answer for question in questions for answer in question.answers))


def _every_other(questions: Iterable[Question]) -> frozenset[str]:
    """The second, fourth, ... of the facts that some questions ask for; in a classification, class by class.

    Classes of an odd number of facts take turns in giving one more.
    """
    class_of: dict[str, str] = {}
    for question in questions:
        class_of.setdefault(question.fact, question.label)
    places = {label: place for place, label in enumerate(dict.fromkeys(class_of.values()))}
    return frozenset(sorted(class_of, key=lambda fact: places[class_of[fact]])[1::2])


def every_other_selects(questions: Sequence[Question]) -> tuple[Question, ...]:
    """Questions, of which those of every other fact choose finalists or a dose."""
    taken = _every_other(questions)
    return tuple(replace(q, split="selection") if q.fact in taken else q for q in questions)


def drawn(questions: Sequence[Question], most: int, seed: int) -> tuple[Question, ...]:
    """So many questions of each group at most, drawn at random, in their order; each as often as it is asked."""
    rng = random.Random(seed)
    chosen: list[int] = []
    for group in get_args(Group):
        of_group = [i for i, question in enumerate(questions) if question.group == group and not question.draw]
        chosen += rng.sample(of_group, min(most, len(of_group)))
    # The draws of a question stand behind its first.
    firsts = [i - question.draw for i, question in enumerate(questions)]
    return tuple(question for question, first in zip(questions, firsts, strict=True) if first in set(chosen))


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
            questions.append(_question(parse_json(line)))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{origin}, line {number}: no question ({error})") from error
    return tuple(questions)


def _question(row: Mapping[str, Any]) -> Question:
    if not isinstance(row, Mapping):
        raise TypeError("it is no JSON object")
    for name in ("prompt", "subject", "fact", "label", "image_name", "phrasing"):
        value = row.get(name, "")
        if not isinstance(value, str) or (name == "prompt" and is_blank(value)):
            raise TypeError(f"{name} is {value!r:.60}, where text belongs")
        check_text(value, name)
    question = Question(**{**row, "answers": _answers(row["answers"])})
    for value, allowed in ((question.group, get_args(Group)), (question.split, get_args(Split))):
        if value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    return question


def _answers(given: Any) -> tuple[str, ...]:
    """One accepted answer or a list of them."""
    return tuple(text_of(one, "answers") for one in (given if isinstance(given, list) else [given]))


def neutral_texts() -> tuple[str, ...]:
    """The paragraphs that damage is measured on."""
    return paragraphs(shipped_text("neutral_text.txt"))


def paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs between empty lines, each on one line."""
    return tuple(" ".join(p.split()) for p in text.split("\n\n") if p.strip())


def shipped_text(name: str) -> str:
    """A data file of this folder."""
    return (files(__package__) / name).read_text(encoding="utf-8")
