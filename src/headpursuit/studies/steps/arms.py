"""The arms of a study, planned and run: questions and neutral text under an edit."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from headpursuit.analysis import Ranking, count_of
from headpursuit.heads import Edit, Head, parse_scope
from headpursuit.models import (
    Anatomy,
    AnswersUnder,
    LanguageModel,
    NeutralText,
    answers_under,
    fitting,
    neutral_text,
    processes_of,
    replay_memory,
    rescale,
)
from headpursuit.pursuit import random_heads
from headpursuit.studies.judging import sentences
from headpursuit.studies.kernel import Parts
from headpursuit.studies.kernel.progress import Progress
from headpursuit.studies.results import Arm, ArmKind, Damage, StudyConfig
from headpursuit.studies.steps.writing import Losses, decoding_of, losses_of
from headpursuit.studies.tasks import Question, Task

PlannedArm = tuple[str, ArmKind, Edit]
"""Name, kind and edit of an arm."""

BASE: PlannedArm = ("base", "base", Edit({}))
"""The unedited model."""


def plan_arms(
    config: StudyConfig,
    anatomy: Anatomy,
    ranking: Ranking,
    other: Ranking,
    scopes: Sequence[ArmKind] = (),
    edit: Edit | None = None,
) -> list[PlannedArm]:
    """Name, kind and edit of every arm, base first.

    The other concept's arm takes its best heads that are not the edit's. Heads of controls have the scales of the
    edit's heads, one each: in the edit's layers those of the heads they stand for.

    Args:
        config: Heads, scale, scope and number of draws.
        anatomy: All heads of the model.
        ranking: What the edit's heads are taken from.
        other: The other concept's.
        scopes: Kinds of arms that are the edit in another scope: `image`, `text`.
        edit: The edit, where it is not the best heads of the ranking at one scale.

    Raises:
        ValueError: If the edit cannot be controlled: too many heads, or too few others in a layer.
    """
    scope = parse_scope(config.scope)
    edit = Edit(ranking.edit(config.heads, config.scale) if edit is None else edit, scope)
    arms: list[PlannedArm] = [BASE, ("edit", "edit", edit)]
    arms += [(f"edit-{kind}", kind, Edit(edit, parse_scope(kind))) for kind in scopes]
    also = {count_of(heads, anatomy.n_heads) for heads in config.also} - {len(edit)}
    arms += [arm for heads in sorted(also) for arm in _other_dose(heads, config, anatomy, ranking)]
    kinds: tuple[tuple[ArmKind, bool], ...] = (("matched", True), ("random", False))
    for kind, layer_matched in kinds:
        near = config.near if layer_matched else 0
        draws = random_heads(edit, anatomy.heads, config.controls, config.seed, layer_matched=layer_matched, near=near)
        for number, heads in enumerate(draws, start=1):
            arms.append((f"{kind}-{number}", kind, _alike(heads, edit)))
    others = [entry.head for entry in other.entries if entry.head not in edit][: len(edit)]
    arms.append((f"other-{other.concept}", "other", _alike(others, edit)))
    return arms


def all_there_are(config: StudyConfig, planned: Sequence[PlannedArm]) -> str:
    """A remark where there are fewer different draws of the edit's layers than were asked for; else empty."""
    n = sum(kind == "matched" for _, kind, _ in planned)
    return sentences.all_there_are(n) if n < config.controls else ""


def _alike(heads: Sequence[Head], edit: Edit) -> Edit:
    """Other heads with the scales of an edit's, one each, in the order of heads."""
    return Edit(dict(zip(heads, edit.values(), strict=False)), edit.scope)


def image_scopes(model: LanguageModel, task: Task, config: StudyConfig) -> tuple[tuple[ArmKind, ...], str]:
    """The arms that show where an edit acts, at image positions or at all others; and why there are none, in words."""
    if not task.has_images or config.scope != "all":
        return (), ""
    try:
        with rescale(model, Edit.uniform(model.anatomy.heads[:1], 0, parse_scope("image"))):
            return ("image", "text"), ""
    except ValueError as error:
        return (), f"The edit was not measured at image positions alone: {error}."


def matched_draw(edit: Edit, anatomy: Anatomy, seed: int) -> Edit | None:
    """One draw of random heads from the edit's layers, rescaled alike; None where a layer has too few others.

    Its seed is none of a study's: the draw that a dose is chosen beside is not the one that it is judged beside, unless
    there are so few heads that all are drawn.
    """
    try:
        (heads,) = random_heads(edit, anatomy.heads, 1, f"beside a dose {seed}", layer_matched=True)
    except ValueError:
        return None
    return _alike(heads, edit)


def _other_dose(heads: int, config: StudyConfig, anatomy: Anatomy, ranking: Ranking) -> list[PlannedArm]:
    """As many ranked heads at the study's scale, and a draw beside them."""
    edit = ranking.edit(heads, config.scale, parse_scope(config.scope))
    draw = matched_draw(edit, anatomy, config.seed)
    arms: list[PlannedArm] = [(f"edit-{heads}", "dose", edit)]
    return arms if draw is None else [*arms, (f"edit-{heads}-matched", "dose", draw)]


AT_ONCE = 16
"""Arms that answer side by side."""


def rows_of(n_arms: int, batch_size: int) -> int:
    """Rows of a batch, prompts times arms: four times as many where arms share a batch, for they share much work."""
    rows = batch_size if n_arms == 1 else 4 * batch_size
    return rows if rows < n_arms else rows // n_arms * n_arms


def _asked(number: int, question: Question, once: bool) -> tuple[str, int]:
    """The number of a question, or its prompt where those that share one are answered once."""
    shared = once and bool(question.reference)
    return ("prompt", id(question.prompt)) if shared else ("question", number)


class ArmRunner:
    """Runs arms of one study; the base must be the first, every other arm is compared with it."""

    def __init__(
        self,
        model: LanguageModel,
        task: Task,
        config: StudyConfig,
        progress: Progress,
        questions: Sequence[Question] | None = None,
        reader: LanguageModel | None = None,
    ) -> None:
        self._model, self._task, self._config, self._progress = model, task, config, progress
        self._questions = task.heldout if questions is None else tuple(questions)
        self._reader = reader
        self._waiting: list[Edit] = []
        self._processes = processes_of(model)
        self._answered: dict[Edit, AnswersUnder] = {}
        self._damages: dict[Edit, Damage] = {}
        self._read: dict[bool, NeutralText] = {}
        self._most_rows = sys.maxsize

    def measured(self, planned: Sequence[PlannedArm], folder: Path) -> list[Arm]:
        """Run every arm, or read it back; each is kept in the study's folder as it finishes."""
        return self.all_kept(Parts(folder / "arms", Arm, self._progress, "arms", len(planned)), planned)

    def all_kept(self, arms: Parts[Arm], planned: Sequence[PlannedArm], folder: str = "") -> list[Arm]:
        """Run several arms side by side, or read them back, each as `kept`."""
        self._waiting = list(dict.fromkeys(edit for name, _, edit in planned if not arms.has(folder + name)))
        return [self.kept(arms, name, kind, edit, folder) for name, kind, edit in planned]

    def kept(self, arms: Parts[Arm], name: str, kind: ArmKind, edit: Edit, folder: str = "") -> Arm:
        """Run an arm, or read it back; one of another edit, or with another number of answers, is refused."""

        def lacks(arm: Arm) -> str:
            if len(arm.answers) != len(self._questions):
                return f"has {len(arm.answers)} answers to {len(self._questions)} questions"
            return "" if arm.edit == edit else f"is of another edit than {name}"

        return arms.part(folder + name, partial(self.run, name, kind, edit), lacks)

    def run(self, name: str, kind: ArmKind, edit: Edit) -> Arm:
        """Answer the questions (the held-out ones unless others were given) and read the neutral text under an edit.

        Arms that wait answer side by side with it.
        """
        if edit not in self._answered:
            self._answer(name, edit)
        answered = self._answered[edit]
        if edit and answered.n_forwards == 0:
            if edit.scope != "all":
                scope = ",".join(map(str, edit.scope)) if isinstance(edit.scope, tuple) else edit.scope
                raise ValueError(f"no question or answer has a token in scope {scope!r}; choose another")
            raise RuntimeError(f"the edit of arm {name} touched no forward pass; its answers would be the base's")
        return Arm(
            name,
            kind,
            edit,
            answered.texts,
            self._damages[edit],
            answered.n_forwards,
            losses=self._losses(self._model, answered.texts),
            reader_losses=self._losses(self._reader, answered.texts) if self._reader else (),
        )

    def _losses(self, reader: LanguageModel, answers: Sequence[str]) -> Losses:
        return losses_of(reader, self._task, self._config, self._questions, answers)

    def _answer(self, name: str, edit: Edit) -> None:
        """Answer the questions under an edit, and under those that wait behind it."""
        waiting = [other for other in self._waiting if other not in self._answered]
        first = waiting.index(edit) if edit in waiting else None
        together = [edit] if first is None else waiting[first : first + AT_ONCE]
        stage = f"arm {name}{f' and {len(together) - 1} more' * (len(together) > 1)}"
        shares = self._processes.shared(self._questions, partial(self._answers, stage, together))
        self._answered |= zip(together, map(AnswersUnder.of_shares, zip(*shares, strict=True)), strict=True)
        self._damages |= zip(together, self._processes.dealt(together, self._damage), strict=True)

    def _answers(self, stage: str, edits: Sequence[Edit], questions: Sequence[Question]) -> list[AnswersUnder]:
        """The answers to some questions under each edit, in batches that fit."""
        decoding = decoding_of(self._task, self._config, questions)
        # What answers several questions at once, as a transcript does, is written once.
        prompts = {_asked(i, q, decoding is None): q.prompt for i, q in enumerate(questions)}
        ask = partial(
            answers_under,
            self._model,
            list(prompts.values()),
            edits,
            max_new_tokens=self._config.max_new_tokens,
            chat=self._config.frame,
            progress=lambda done, total: self._progress(stage, done, total),
            decoding=decoding,
        )
        rows = rows_of(len(edits), self._config.batch_size)
        found, fitted = fitting(lambda size: ask(batch_size=size), min(rows, self._most_rows))
        self._most_rows = fitted if fitted < rows else self._most_rows
        number = {key: place for place, key in enumerate(prompts)}
        places = [number[_asked(i, q, decoding is None)] for i, q in enumerate(questions)]
        return [replace(one, texts=tuple(one.texts[place] for place in places)) for one in found]

    def _damage(self, edit: Edit) -> Damage:
        # The text stands for what the model might write, so an edit of generated tokens acts on it too.
        kl, loss = self._neutral(of_answers=edit.scope == "generated").over_all(edit)
        return Damage(float(torch.tensor(loss).exp()), max(kl, 0.0))

    def _neutral(self, *, of_answers: bool) -> NeutralText:
        """The neutral text as the unedited model reads it; read once."""
        if of_answers not in self._read:
            memory, texts = replay_memory(self._model), self._task.neutral_texts
            self._read[of_answers] = neutral_text(self._model, texts, scope_of_answers=of_answers, memory=memory)
        return self._read[of_answers]
