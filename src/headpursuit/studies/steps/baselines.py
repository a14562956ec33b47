"""Other ways to the same end than an edit of heads, as arms of a study: an instruction, and directions in the stream.

Each is chosen as an edit is: on questions that are not held out, the one that goes furthest of those within the damage
that is tolerated. An instruction has three wordings (twice as many where the model has a chat template that the study
does not use); a direction is the difference of mean streams between questions that ask for the concept and others, at
one of five depths, added at one of five strengths, or taken out after every layer.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.concepts import Concept
from headpursuit.heads import Edit
from headpursuit.media import Prompt
from headpursuit.models import (
    AnatomyError,
    Decoding,
    LanguageModel,
    answer,
    difference_of_means,
    log_probabilities,
    steer,
)
from headpursuit.settings import Chat
from headpursuit.studies.causal.measuring import TEXTS
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.kernel import Parts
from headpursuit.studies.measures import AnswerMeasure
from headpursuit.studies.results import Arm, ArmKind, Baseline, Damage
from headpursuit.studies.steps.study_run import StudyRun
from headpursuit.studies.steps.writing import decoding_of, losses_of
from headpursuit.studies.tasks import Question, Task, drawn, further_unrelated
from headpursuit.studies.text.instructions import instructed, instructions

STRENGTHS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Factors on a direction, mild first; where one breaks the model, stronger ones at its layer are not tried."""

DEPTHS = 5
"""Layers whose directions are tried, evenly spaced."""

QUESTIONS = 24
"""Questions of each group that candidates answer, at most."""

_NAMES: dict[ArmKind, str] = {"prompt": "prompt", "direction": "direction", "ablated": "ablated-direction"}

_TOO_FEW = "No prompt and no direction was compared: to choose them, target questions about two facts are needed."

_WORDS: dict[ArmKind, str] = {"prompt": "prompt", "direction": "direction", "ablated": "ablated direction"}

Candidate = tuple[str, Baseline]
"""Its name, and what is done."""


class CannotRun(Exception):
    """The reason that an instruction or a direction cannot be run."""


def candidates(
    model: LanguageModel, wordings: Sequence[str], n_layers: int, *, chat: bool = False, suppress: bool = True
) -> dict[ArmKind, list[list[Candidate]]]:
    """Everything that is tried, by kind of arm; in each list milder ones come first.

    Args:
        model: Its chat template is tried too, unless that writes the date.
        wordings: Instructions.
        n_layers: Layers of the decoder; 0 to try no direction.
        chat: The study's questions are in the chat template anyway.
        suppress: The concept is to become rarer; else no direction is taken out.
    """
    frames = [False]
    if not chat and model.has_chat_template:
        frame = model.dated(True)
        frames += [True] * (frame is not None and not frame.date)
    prompts = [
        [(f"prompt-{number}{'-chat' * framed}", Baseline(text, framed))]
        for framed in frames
        for number, text in enumerate(wordings, start=1)
    ]
    depths = sorted({n_layers * (i + 1) // (DEPTHS + 1) for i in range(DEPTHS)}) if n_layers else []
    sign = -1 if suppress else 1
    directions = [
        [(f"direction-{layer}x{sign * s:g}", Baseline(layer=layer, strength=sign * s)) for s in STRENGTHS]
        for layer in depths
    ]
    ablated = [[(f"ablated-{layer}", Baseline(layer=layer, strength=1.0, ablate=True))] for layer in depths]
    return {"prompt": prompts, "direction": directions, "ablated": ablated if suppress else []}


@dataclass(frozen=True, eq=False)
class Baselines:
    """The best instruction and directions, run."""

    arms: tuple[Arm, ...] = ()
    """On held-out questions."""
    remarks: tuple[str, ...] = ()
    """The ways there is none of, in sentences."""
    directions: Float[Tensor, "n_layers d_model"] = field(default_factory=partial(torch.zeros, 0, 0))
    """Of each layer; none where they could not be read."""


def baseline_arms(run: StudyRun, measure: AnswerMeasure) -> Baselines:
    """The best of each kind on held-out questions.

    Candidates are kept in the study's folder under `baselines`, and the arms with the others, each as it finishes.
    """
    task, remarks = choosing_task(run.task, run.concept), list[str]()
    if task is None:
        return Baselines(remarks=(_TOO_FEW,))
    wordings: tuple[str, ...] = ()
    try:
        wordings = instructions(run.task, run.concept)
    except ValueError as error:
        remarks.append(f"No prompt was compared: {error}.")
    directions = torch.zeros(0, 0)
    try:
        directions = _directions(run, task)
    except (AnatomyError, ValueError) as error:
        remarks.append(f"No direction was compared: {error}.")
    suppress = run.task.direction == "suppress"
    tried = candidates(run.model, wordings, len(directions), chat=run.config.chat, suppress=suppress)
    n_tried = sum(len(way) for kind in tried.values() for way in kind)
    try:
        chooser = _Chooser(run, task, measure, directions, n_tried)
    except CannotRun as error:
        return Baselines(remarks=(f"No prompt and no direction was compared: {error}.",))
    chosen, arms = dict[ArmKind, Baseline](), list[Arm]()
    for kind in (kind for kind, ways in tried.items() if ways):
        with _remarked(kind, remarks):
            chosen[kind] = chooser.best(kind, tried[kind])
    judged = BaselineRunner(run, run.task.heldout, [*map(str, run.task.neutral_texts)], directions)
    parts = Parts(run.folder / "arms", Arm, run.progress, "baselines", len(chosen))
    for kind, one in chosen.items():
        with _remarked(kind, remarks):
            arms.append(judged.kept(parts, _NAMES[kind], kind, one))
    return Baselines(tuple(arms), tuple(remarks), directions)


@contextmanager
def _remarked(kind: ArmKind, remarks: list[str]) -> Iterator[None]:
    """A kind that cannot be run costs a remark, and not the study."""
    try:
        yield
    except CannotRun as error:
        remarks.append(f"No {_WORDS[kind]} was compared: {error}.")


def choosing_task(task: Task, concept: Concept) -> Task | None:
    """The task without held-out questions: ranking ones, which make directions, and selection ones, which choose.

    Where it has no other unrelated questions, those that edits are grown on are asked. None where facts are too few.
    """
    own = tuple(q for q in task.questions if q.split != "heldout")
    if not any(q.group == "unrelated" for q in own):
        own += tuple(replace(q, split="selection") for q in further_unrelated(concept) if q.split != "heldout")
    if len({q.fact for q in own if q.group == "target"}) < 2:
        return None
    return replace(task, questions=own).split_for(sweep=True, grow=True)


def selection_of(task: Task, seed: int) -> tuple[Question, ...]:
    """The selection questions that candidates answer, of what `choosing_task` gave."""
    return drawn(task.selection, QUESTIONS, seed)


def _directions(run: StudyRun, task: Task) -> Float[Tensor, "n_layers d_model"]:
    """Of every layer, the direction from other ranking questions to those that ask for the concept."""
    others = [q.prompt for q in task.questions if q.split == "ranking" and q.group == "unrelated"]
    size, frame = run.config.batch_size, run.config.frame
    return difference_of_means(run.model, task.ranking_prompts, others, batch_size=size, chat=frame)


def answers_beside(
    run: StudyRun,
    prompts: Sequence[Prompt],
    baseline: Baseline,
    directions: Float[Tensor, "n_layers d_model"],
    stage: str,
    max_new_tokens: int = 0,
    decoding: Decoding | None = None,
) -> tuple[str, ...]:
    """Answers of the model instructed or steered, as long as the study's unless a length is given.

    Raises:
        AnatomyError, ValueError: If it cannot read or be steered so.
    """
    config = run.config
    asked = [instructed(p, baseline.instruction) if baseline.instruction else p for p in prompts]
    with _under(run.model, baseline, directions):
        found = answer(
            run.model,
            asked,
            max_new_tokens=max_new_tokens or config.max_new_tokens,
            batch_size=config.batch_size,
            chat=Chat() if baseline.chat else config.frame,
            progress=partial(run.progress, stage),
            decoding=decoding,
        )
    return tuple(found)


def _under(
    model: LanguageModel, baseline: Baseline, directions: Float[Tensor, "n_layers d_model"]
) -> AbstractContextManager[None]:
    if baseline.layer is None:
        return nullcontext()
    layer = None if baseline.ablate else baseline.layer
    direction = directions[baseline.layer]
    return steer(model, direction, layer=layer, strength=baseline.strength, ablate=baseline.ablate)


class BaselineRunner:
    """Runs instructions and directions on some questions and texts; damage is against the unedited model."""

    def __init__(
        self,
        run: StudyRun,
        questions: Sequence[Question],
        texts: Sequence[str],
        directions: Float[Tensor, "n_layers d_model"],
    ) -> None:
        self._run, self._directions, self._texts = run, directions, tuple(texts)
        self._questions = tuple(questions)
        self._prompts = [question.prompt for question in questions]

    def kept(self, parts: Parts[Arm], name: str, kind: ArmKind, baseline: Baseline | None) -> Arm:
        """Run one, or read it back; what was done in another way, or answered other questions, is refused."""

        def lacks(arm: Arm) -> str:
            if len(arm.answers) != len(self._prompts):
                return f"has {len(arm.answers)} answers to {len(self._prompts)} questions"
            return "" if arm.baseline == baseline else f"is of {arm.baseline}, not of {baseline}"

        return parts.part(name, partial(self.run, name, kind, baseline), lacks)

    def run(self, name: str, kind: ArmKind, baseline: Baseline | None) -> Arm:
        """Answer the questions, and read the texts; without a baseline unedited.

        Raises:
            CannotRun: If the model cannot read or be steered so: an instruction leaves no room, a direction is zero.
        """
        try:
            return self._run_one(name, kind, baseline)
        except (AnatomyError, ValueError) as error:
            raise CannotRun(str(error)) from error

    def _run_one(self, name: str, kind: ArmKind, baseline: Baseline | None) -> Arm:
        done, unedited = baseline or Baseline(), self._unedited  # read before anything is steered
        asked, task, config = self._questions, self._run.task, self._run.config
        decoding = decoding_of(task, config, asked)
        answers = answers_beside(self._run, self._prompts, done, self._directions, f"arm {name}", decoding=decoding)
        with _under(self._run.model, done, self._directions):
            damage = self._damage(done, unedited)
        losses = losses_of(self._run.model, task, config, asked, answers)
        return Arm(name, kind, Edit({}), answers, damage, 0, baseline, losses)

    def _damage(self, baseline: Baseline, unedited: Sequence[tuple[Tensor, Tensor]]) -> Damage:
        """On the texts themselves, also where an instruction stands before them; tokens it splits count nowhere."""
        instruction, losses, divergences = baseline.instruction, [], []
        texts = [str(instructed(text, instruction)) if instruction else text for text in self._texts]
        for (before, wanted), (after, tokens) in zip(unedited, self._read(texts), strict=True):
            n = min(len(wanted), len(tokens))  # 0 of a text of a single token
            before, wanted = before[len(before) - n :], wanted[len(wanted) - n :]
            after, tokens = after[len(after) - n :], tokens[len(tokens) - n :]
            alike = wanted == tokens
            old, new = before[alike], after[alike]
            losses.append(-new.gather(1, wanted[alike][:, None])[:, 0])
            divergences.append((old.exp() * (old - new)).sum(1))
        return Damage(float(torch.cat(losses).mean().exp()), float(torch.cat(divergences).mean().clamp_min(0)))

    @cached_property
    def _unedited(self) -> list[tuple[Tensor, Tensor]]:
        """Log-probabilities of the unedited model on each text, and its tokens."""
        return list(self._read(self._texts))

    def _read(self, texts: Sequence[str]) -> Iterator[tuple[Tensor, Tensor]]:
        return log_probabilities(self._run.model, texts, batch_size=1)


class _Chooser:
    """Measures candidates on selection questions, and takes the one that goes furthest within the damage allowed."""

    def __init__(
        self,
        run: StudyRun,
        task: Task,
        measure: AnswerMeasure,
        directions: Float[Tensor, "n_layers d_model"],
        n_candidates: int,
    ) -> None:
        self._task, self._concept, self._measure, self._seed = task, run.concept, measure, run.config.seed
        self._questions = selection_of(task, self._seed)
        self._runner = BaselineRunner(run, self._questions, [*map(str, task.neutral_texts[:TEXTS])], directions)
        self._parts = Parts(run.folder / "baselines", Arm, run.progress, "choose baselines", 1 + n_candidates)
        self._base = self._runner.kept(self._parts, "base", "base", None)

    def best(self, kind: ArmKind, ways: Sequence[Sequence[Candidate]]) -> Baseline:
        """The candidate of a kind that goes furthest within the damage; where none is within it, the least harmful.

        What cannot be run is passed over.

        Raises:
            CannotRun: If none can be.
        """
        found, refused = [], CannotRun("nothing was tried")
        for way in ways:
            enough = False
            for name, baseline in way:
                if enough:
                    self._parts.skip()
                    continue
                try:
                    arm = self._runner.kept(self._parts, name, kind, baseline)
                except CannotRun as error:
                    refused = error
                    self._parts.skip()
                    continue
                effect, damage = self._measured(arm)
                found.append(((damage <= 1, effect if damage <= 1 else -damage, -damage), baseline))
                enough = damage > 1
        if not found:
            raise refused
        return max(found, key=lambda each: each[0])[1]

    def _measured(self, arm: Arm) -> tuple[float, float]:
        """Effect, and damage in units of what is tolerated."""
        base, edited = summarise(self._task, self._concept, (self._base, arm), self._seed, self._questions)
        return self._measure.effect(base, edited), self._measure.damage(base, edited)
