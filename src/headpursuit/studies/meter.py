"""The parts of a study: forward passes and tokens counted, time measured on a few batches."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from random import Random
from typing import Any

from headpursuit.analysis import capture, count_of, explain, rank
from headpursuit.heads import Edit
from headpursuit.media import Passage, Prompt, prompts_behind
from headpursuit.models import (
    Continuation,
    LanguageModel,
    answers_under,
    batches,
    every_within,
    layer_sizes,
    likelihoods,
    neutral_text,
    replay_memory,
    replay_refusal,
)
from headpursuit.studies.causal.growing import FINALISTS, MOST_QUESTIONS, most_heads, most_tried
from headpursuit.studies.causal.measuring import BATCH, COPIES, TEXTS
from headpursuit.studies.causal.screening import choosing_questions
from headpursuit.studies.kernel.progress import Progress
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.steps.arms import AT_ONCE, rows_of
from headpursuit.studies.steps.asking import DRAWS, rungs_asked
from headpursuit.studies.steps.baselines import candidates, choosing_task, selection_of
from headpursuit.studies.steps.long_answers import long_questions
from headpursuit.studies.steps.ranked import capture_config
from headpursuit.studies.steps.study_run import NOTE_ATOMS
from headpursuit.studies.steps.sweep import sweep_questions
from headpursuit.studies.tasks import Task

BATCHES = 2
"""Batches that are timed, after one that warms up."""

_WORDINGS = ("",) * 3
"""As many as there are instructions."""

_LONG = 10
"""Minutes that trying heads may take before a shortlist is advised."""


@dataclass(frozen=True)
class Part:
    """One part of a study."""

    name: str
    runs: int
    """Number of times that it is done: an arm or a dose each time."""
    forwards: int
    """Forward passes of the model, over all runs; one batch is one pass."""
    tokens: int
    """Tokens that go through the model, over all runs; those of a cached prompt count once."""
    minutes: float

    def times(self, runs: int) -> "Part":
        """The same so many times."""
        return Part(self.name, runs, runs * self.forwards, runs * self.tokens, runs * self.minutes)

    def shared(self, name: str, share: float) -> "Part":
        """The same with that part of its time, under another name."""
        return Part(name, self.runs, self.forwards, self.tokens, share * self.minutes)


class Meter:
    """A watch that times parts of a study on a few batches, and scales them up."""

    def __init__(self, model: LanguageModel, config: StudyConfig, progress: Progress) -> None:
        """Nothing is timed yet."""
        self._model, self._config, self._progress = model, config, progress
        self._answering: list[float] = []
        self.remarks: list[str] = []
        """Remarks on growing an edit, in sentences."""

    def answers(self, prompts: Sequence[Prompt], groups: Sequence[int] = (1,)) -> Part:
        """Answering prompts once, or under edits of which so many answer side by side in each group."""
        sizes = [min(AT_ONCE, n - first) for n in groups for first in range(0, n, AT_ONCE)]
        new, passes, seconds = self._config.max_new_tokens, 0, 0.0
        for size in sizes:
            rows = rows_of(size, self._config.batch_size)
            passes += len(batches(self._model, prompts, rows, chat=self._config.frame, room=new, times=size)) * new
            seconds += self._seconds_each(prompts, size) * len(prompts) * size
        n_arms, tokens = sum(sizes), self._size(prompts)[1] + len(prompts) * (new - 1)
        return Part("answers", n_arms, passes, n_arms * tokens, seconds / 60)

    def _seconds_each(self, prompts: Sequence[Prompt], size: int) -> float:
        """Seconds of one answer where so many edits answer side by side, from one alone and from as many as may be.

        The heads of the edits are drawn at random: which ones will be edited is not known.
        """
        config, anatomy = self._config, self._model.anatomy
        if not self._answering:
            drawn, n_heads = Random(config.seed), count_of(config.heads, anatomy.n_heads)
            edits = [Edit.uniform(drawn.sample(anatomy.heads, n_heads), config.scale) for _ in range(AT_ONCE)]
            self._under(prompts[:2], edits[:1])  # warms up
            for some in (edits[:1], edits):
                few = prompts[: max(1, BATCHES * config.batch_size // len(some))]
                seconds = _seconds(partial(self._under, few, some))
                self._answering.append(seconds / (len(few) * len(some)))
        alone, many = self._answering
        return many + (alone - many) / size

    def _under(self, prompts: Sequence[Prompt], edits: Sequence[Edit]) -> None:
        config = self._config
        answers_under(
            self._model,
            prompts,
            edits,
            max_new_tokens=config.max_new_tokens,
            batch_size=rows_of(len(edits), config.batch_size),
            chat=config.frame,
            progress=partial(self._progress, "time answers"),
        )

    def arms(self, name: str, prompts: Sequence[Prompt], neutral: Part, groups: Sequence[int]) -> Part:
        """Arms that answer side by side, so many in each group, and read the neutral text one by one."""
        answers = self.answers(prompts, groups)
        return replace(together(name, answers, neutral.times(answers.runs)), runs=answers.runs)

    def capture(self, prompts: Sequence[Prompt]) -> Part:
        """Capturing the ranking prompts."""
        some = list(prompts[: self._config.batch_size])
        settings = capture_config(self._config)
        self._captured = capture(self._model, some, settings)  # warms up
        seconds = _seconds(lambda: capture(self._model, some, settings))
        n_batches, tokens = self._size(prompts)
        passes, new = 1, 0
        if self._config.positions in ("generated", "all"):
            passes, new = 1 + self._config.max_new_tokens, self._config.max_new_tokens
        minutes = seconds * len(prompts) / len(some) / 60
        return Part("capture", 1, n_batches * passes, tokens + 2 * new * len(prompts), minutes)

    def ranking(self, task: Task) -> Part:
        """Ranking all heads for two concepts, and again for resampled prompts, and naming them; no forward pass."""
        self._progress("time ranking", 0, 1)
        how = self._config.ranking
        site = self._model.anatomy.sites[0].heads
        again = 0 if self._config.ranker or self._config.by == "effect" else self._config.bootstraps
        rankings = (2 + again) * _seconds(lambda: rank(self._model, self._captured, task.words, how))
        naming = _seconds(lambda: explain(self._model, self._captured, heads=site, n_atoms=NOTE_ATOMS))
        naming *= self._model.anatomy.n_heads / len(site)
        self._progress("time ranking", 1, 1)
        return Part("rank and name heads", 1, 0, 0, (rankings + naming) / 60)

    def neutral(self, texts: Sequence[str | Passage]) -> Part:
        """Reading the neutral text once."""
        seconds = _seconds(lambda: neutral_text(self._model, texts, memory=0))
        found = batches(self._model, prompts_behind(texts), 8)
        return Part("neutral", 1, len(found), sum(int(b.attention_mask.sum()) for b in found), seconds / 60)

    def baselines(self, task: Task) -> Part:
        """Choosing an instruction and directions, and running them: as if every strength were tried."""
        chosen_on = choosing_task(task, task.words)
        if chosen_on is None:
            return Part("baselines", 0, 0, 0, 0.0)
        config, n_layers = self._config, len(self._model.anatomy.sites)
        tried = candidates(self._model, _WORDINGS, n_layers, chat=config.chat, suppress=task.direction == "suppress")
        n_tried = 1 + sum(len(way) for ways in tried.values() for way in ways)
        some = self.answers([q.prompt for q in selection_of(chosen_on, config.seed)])
        choosing = together("choose", some, self.neutral(task.neutral_texts[:TEXTS])).times(n_tried)
        whole = self.answers([q.prompt for q in task.heldout])
        arms = together("judge", whole, self.neutral(task.neutral_texts)).times(
            sum(bool(ways) for ways in tried.values())
        )
        return replace(together("baselines", choosing, arms), runs=choosing.runs + arms.runs)

    def ladder(self, task: Task) -> Part:
        """Asking the task's rungs: under edits side by side, and under each instruction or direction."""
        asked = rungs_asked(task.rungs, self._config.seed)
        prompts = [question.prompt for rung in asked for question in rung.questions]
        if not prompts:
            return Part("ladder", 0, 0, 0, 0.0)
        return replace(self.answers(prompts, self._asked(task)), name="ladder")

    def long(self, task: Task) -> Part:
        """Long answers, greedily and sampled."""
        prompts = [question.prompt for question in long_questions(task, self._config.seed)]
        at_length = Meter(self._model, replace(self._config, max_new_tokens=self._config.long), self._progress)
        return replace(together("long", *(at_length.answers(prompts, self._asked(task)),) * 2), runs=2)

    def _asked(self, task: Task) -> tuple[int, ...]:
        """Arms that are asked further questions: edits side by side, and each instruction or direction by itself."""
        n_beside = 2 + (task.direction == "suppress") if self._config.baselines else 0
        return (2 + DRAWS, *(1,) * n_beside)

    def growth(self, task: Task) -> list[Part]:
        """Screening heads, growing an edit from the best, and finalists that answer selection questions.

        Passes are replayed from the first edited layer: over all heads, they take half the work of whole ones. How many
        edits are tried is not known beforehand: they are counted as if every step tried all that it may.
        """
        config, anatomy = self._config, self._model.anatomy
        asked = [[q.prompt for q in group] for group in choosing_questions(task, MOST_QUESTIONS, config.seed)]
        texts = task.neutral_texts[:TEXTS]
        target, unrelated, neutral = self._pass(asked[0]), self._pass(asked[1]), self.neutral(texts)
        share = 1.0 if replay_refusal(self._model) else 0.5
        n_heads = count_of(config.among, anatomy.n_heads) if config.among else anatomy.n_heads
        n_effects, n_damages = most_tried(most_heads(anatomy.n_heads), len(config.scales))
        screening = target.times(n_heads).shared("screen", share)
        damages = together("damages", unrelated, neutral).times(n_damages)
        growing = replace(
            together("grow", target.times(n_effects), damages).shared("grow", share), runs=n_effects + n_damages
        )
        asked_again = [q.prompt for q in sweep_questions(task, config)]
        finalists = self.arms("finalists", asked_again, self.neutral(task.neutral_texts), (1, FINALISTS))
        alone = 2 * together("alone", target, unrelated, neutral).minutes * anatomy.n_heads * share
        self.remarks += [*_shortlist(screening, n_heads), self._kept([*asked, prompts_behind(texts)])]
        self.remarks.append(f"`screen`, which measures damage of all heads, at two scales takes {alone:.1f} minutes.")
        return [screening, growing, finalists]

    def _kept(self, asked: Sequence[Sequence[Prompt]]) -> str:
        """The memory of replays, in a sentence."""
        size = min(BATCH, self._config.batch_size)
        read = [b for prompts in asked for b in batches(self._model, prompts, size, chat=self._config.frame)]
        most, (n_layers, n_bytes) = replay_memory(self._model), layer_sizes(self._model, read)
        every = every_within(n_layers, n_bytes, most // COPIES)
        n_kept = n_layers // every if every else 0
        return (
            f"Replays will keep {n_kept} of {n_layers} layers, {COPIES * n_kept * n_bytes / 1e9:.2g} GB at most, of "
            f"{most / 1e9:.2g} that they may take (a quarter of what is free)."
        )

    def _pass(self, prompts: Sequence[Prompt]) -> Part:
        """Reading prompts once, without answers."""
        size = min(BATCH, self._config.batch_size)
        some = [Continuation(prompt, ((0,),)) for prompt in prompts[: BATCHES * size]]
        read = partial(likelihoods, self._model, batch_size=size, chat=self._config.frame, every=0)
        read(some[:2])  # warms up
        minutes = _seconds(lambda: read(some)) / 60 * len(prompts) / len(some)
        found = batches(self._model, prompts, size, chat=self._config.frame)
        return Part("pass", 1, len(found), self._size(prompts)[1], minutes)

    def _size(self, prompts: Sequence[Prompt]) -> tuple[int, int]:
        """Batches, and tokens as far as a few batches tell."""
        config: Any = self._config
        found = batches(self._model, prompts, config.batch_size, chat=config.frame, room=config.max_new_tokens)
        first = list(islice(found, BATCHES))
        tokens = sum(int(batch.attention_mask.sum()) for batch in first)
        return len(found), round(tokens * len(prompts) / max(1, sum(len(batch.indices) for batch in first)))


def _shortlist(screening: Part, n_heads: int) -> Iterator[str]:
    """Advice on how many heads to try."""
    if screening.minutes <= _LONG:
        yield f"Trying {n_heads} heads takes under {_LONG} minutes."
        return
    few = max(1, int(n_heads * _LONG / screening.minutes))
    yield (
        f"Trying {n_heads} heads takes {screening.minutes:.0f} minutes; `--among {few}` tries the best {few} of the "
        f"ranking, in about {_LONG}."
    )


def together(name: str, *parts: Part) -> Part:
    """Several parts as one."""
    forwards, tokens = (sum(getattr(part, key) for part in parts) for key in ("forwards", "tokens"))
    return Part(name, 1, forwards, tokens, sum(part.minutes for part in parts))


def _seconds(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun
