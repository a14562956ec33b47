"""Answers of the model under an edit, without one, and with random heads; and what breaks."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from headpursuit.explore.jobs import Job
from headpursuit.explore.workbench import Workbench
from headpursuit.heads import Edit
from headpursuit.media import ImagePrompt, Prompt
from headpursuit.models import LanguageModel, rescale, stream_answer
from headpursuit.report.wording import amount
from headpursuit.studies.measures import Thresholds
from headpursuit.studies.steps.arms import matched_draw
from headpursuit.studies.text.metrics import is_empty, repetition

Arm = Literal["base", "edit", "random"]

SEED = 0
"""Of the draw of random heads: the same edit meets the same ones."""


@dataclass(frozen=True)
class Question:
    """One visitor's question: everything that decides the answers."""

    prompt: Prompt
    edit: Edit
    max_new_tokens: int = 24
    chat: bool = False
    random: bool = True
    """True if as many random heads of the same layers answer too."""


@dataclass(frozen=True)
class Answer:
    """One arm's answer, so far."""

    text: str = ""
    edit: Edit = Edit({})
    finished: bool = False


@dataclass(frozen=True)
class Damage:
    """The damage of an edit beside the concept."""

    perplexity_ratio: float
    """On a neutral paragraph, edited over unedited."""
    repetition: float
    """Fraction of the edited answer's word pairs that occurred in it before."""
    base_repetition: float
    signs: tuple[str, ...] = ()
    """Damage beyond what studies tolerate, in words; none if there is none."""


@dataclass(frozen=True)
class Table:
    """All answers to a question, so far."""

    answers: dict[Arm, Answer]
    damage: Damage | None = None
    """None until it is measured."""
    waiting: bool = False
    """True while another visitor has the model."""
    undrawn: bool = False
    """True if random heads were asked for, and the layers of the edit have not as many others."""


def ask(bench: Workbench, question: Question) -> Job[Table]:
    """Answer a question: the edited model first, then the unedited one and random heads, then the damage.

    Each table told is a little more complete than the one before. The edit is in the model for as long as its answer
    takes, and gone when the job ends in any way.

    Args:
        bench: The workbench; its model is had by one question at a time.
        question: The question.
    """
    return Job(partial(_answer_all, bench, question))


def _answer_all(bench: Workbench, question: Question, tell: Callable[[Table], None]) -> None:
    arms = _arms(bench, question)
    table = Table(arms, undrawn=question.random and "random" not in arms)

    def update(arm: Arm, text: str, finished: bool = False) -> None:
        nonlocal table
        answer = replace(table.answers[arm], text=text, finished=finished)
        table = replace(table, answers=table.answers | {arm: answer})
        tell(table)

    tell(table)
    with bench.turn(lambda: tell(replace(table, waiting=True))) as model:
        for arm in sorted(table.answers, key=("edit", "base", "random").index):
            edit = table.answers[arm].edit
            run = partial(_answer, model, question, edit, partial(update, arm))
            text = bench.once("answer", _key(question), run) if arm == "base" else run()
            update(arm, text, finished=True)
        tell(replace(table, damage=_damage(bench, model, question.edit, table)))


def _arms(bench: Workbench, question: Question) -> dict[Arm, Answer]:
    arms: dict[Arm, Answer] = {"base": Answer(), "edit": Answer(edit=question.edit)}
    drawn = matched_draw(question.edit, bench.model.anatomy, SEED) if question.random and question.edit else None
    return arms if drawn is None else {**arms, "random": Answer(edit=drawn)}


def _answer(model: LanguageModel, question: Question, edit: Edit, tell: Callable[[str], None]) -> str:
    with rescale(model, edit):
        return stream_answer(model, question.prompt, tell, max_new_tokens=question.max_new_tokens, chat=question.chat)


def _key(question: Question) -> tuple[object, ...]:
    """Everything that the unedited answer depends on."""
    prompt = question.prompt
    asked = (prompt.text, prompt.image) if isinstance(prompt, ImagePrompt) else prompt
    return asked, question.max_new_tokens, question.chat


def _damage(bench: Workbench, model: LanguageModel, edit: Edit, table: Table) -> Damage:
    before = bench.once("loss", None, lambda: bench.loss(model))
    # The text stands for what the model might write, so an edit of generated tokens acts on it too.
    with rescale(model, edit, prompt_length=0 if edit.scope == "generated" else None):
        difference = bench.loss(model) - before
    ratio = math.exp(min(difference, 700)) if math.isfinite(difference) else math.inf
    base, edited = table.answers["base"].text, table.answers["edit"].text
    found = Damage(ratio, repetition(edited), repetition(base))
    return replace(found, signs=_signs(found, base, edited))


def _signs(found: Damage, base: str, edited: str) -> tuple[str, ...]:
    most, signs = Thresholds(), []
    if not found.perplexity_ratio <= most.perplexity_ratio:
        signs.append(
            f"its perplexity on a neutral paragraph is {amount(found.perplexity_ratio)} times the unedited one"
        )
    if found.repetition - found.base_repetition > most.repetition_rise:
        signs.append(f"it repeats itself ({found.repetition:.0%} of its word pairs)")
    if is_empty(edited) and not is_empty(base):
        signs.append("it falls silent")
    return tuple(signs)
