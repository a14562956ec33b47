"""The cost of a study: forward passes and tokens counted, time measured on a few batches."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from headpursuit.analysis import capture, count_of, explain, rank
from headpursuit.images import Prompt
from headpursuit.models import LanguageModel, answer, batches, log_probabilities
from headpursuit.studies.judging.doses import head_counts
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.steps.ranked import capture_config
from headpursuit.studies.steps.study_run import NOTE_ATOMS
from headpursuit.studies.steps.sweep import MOST_DRAWN, sweep_questions
from headpursuit.studies.tasks import CAPTIONING, Task

_BATCHES = 2
"""Batches that are timed, after one that warms up."""


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


@dataclass(frozen=True)
class Plan:
    """The cost of a study, part by part."""

    parts: tuple[Part, ...]
    remarks: tuple[str, ...]

    @property
    def whole(self) -> Part:
        """All parts together."""
        runs, forwards, tokens = (sum(getattr(p, name) for p in self.parts) for name in ("runs", "forwards", "tokens"))
        return Part("together", runs, forwards, tokens, sum(part.minutes for part in self.parts))


def plan_study(model: LanguageModel, task: Task, config: StudyConfig, progress: Progress = silent) -> Plan:
    """Count what a study will run, and time a few batches of it on this machine.

    The dose sheet may end earlier than planned, where the model falls apart; so this is the most it will cost.

    Raises:
        ValueError: If the prompts cannot be read, or the config does not fit the model.
    """
    task = task.split_for(sweep=config.sweep or config.by == "effect", grow=config.by == "effect")
    meter = _Meter(model, config, progress)
    ranking_prompts, heldout = task.ranking_prompts, [q.prompt for q in task.heldout]
    parts = [meter.capture(ranking_prompts), meter.ranking(task)]
    neutral, whole = meter.neutral(task.neutral_texts), meter.answers(heldout)
    if config.sweep:
        asked = [q.prompt for q in sweep_questions(task, config)]
        parts.append(_together("dose sheet", meter.answers(asked), neutral).times(_n_doses(model, config)))
    parts.append(_together("arms", whole, neutral).times(_n_arms(model, task, config)))
    timed = min(_BATCHES * config.batch_size, len(heldout))
    how = f"Timed on {timed} of {len(heldout)} held-out questions, on {model.device.type} in {model.dtype}."
    early = (
        "The dose sheet ends early where the model falls apart; small layers have fewer draws." if config.sweep else ""
    )
    other = f"What {config.ranker} takes to score the heads is not counted." if config.ranker else ""
    grown = "What it takes to grow the edit by effect is not counted." if config.by == "effect" else ""
    return Plan(tuple(parts), tuple(filter(None, (how, early, other, grown))))


class _Meter:
    """Times parts of a study on a few batches, and scales them up."""

    def __init__(self, model: LanguageModel, config: StudyConfig, progress: Progress) -> None:
        self._model, self._config, self._progress = model, config, progress
        self._seconds_each: float | None = None

    def answers(self, prompts: Sequence[Prompt]) -> Part:
        """Answering prompts once."""
        config = self._config
        answer_some = partial(
            answer,
            self._model,
            max_new_tokens=config.max_new_tokens,
            batch_size=config.batch_size,
            chat=config.frame,
        )
        if self._seconds_each is None:
            some = list(prompts[: _BATCHES * config.batch_size])
            answer_some(some[:2])  # warms up
            self._seconds_each = _seconds(lambda: answer_some(some, progress=partial(self._progress, "time answers")))
            self._seconds_each /= len(some)
        n_batches, tokens = self._size(prompts)
        new = config.max_new_tokens
        minutes = self._seconds_each * len(prompts) / 60
        return Part("answers", 1, n_batches * new, tokens + len(prompts) * (new - 1), minutes)

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
        """Ranking all heads for two concepts, and naming them; no forward pass."""
        self._progress("time ranking", 0, 1)
        how = self._config.ranking
        site = self._model.anatomy.sites[0].heads
        for_both = 2 * _seconds(lambda: rank(self._model, self._captured, task.words, how))
        naming = _seconds(lambda: explain(self._model, self._captured, heads=site, n_atoms=NOTE_ATOMS))
        naming *= self._model.anatomy.n_heads / len(site)
        self._progress("time ranking", 1, 1)
        return Part("rank and name heads", 1, 0, 0, (for_both + naming) / 60)

    def neutral(self, texts: Sequence[str]) -> Part:
        """Reading the neutral text once."""
        seconds = _seconds(lambda: list(log_probabilities(self._model, texts)))
        found = batches(self._model, texts, 8)
        return Part("neutral", 1, len(found), sum(int(b.attention_mask.sum()) for b in found), seconds / 60)

    def _size(self, prompts: Sequence[Prompt]) -> tuple[int, int]:
        """Batches, and tokens as far as a few batches tell."""
        config: Any = self._config
        found = batches(self._model, prompts, config.batch_size, chat=config.frame, room=config.max_new_tokens)
        first = list(islice(found, _BATCHES))
        tokens = sum(int(batch.attention_mask.sum()) for batch in first)
        return len(found), round(tokens * len(prompts) / max(1, sum(len(batch.indices) for batch in first)))


def _n_doses(model: LanguageModel, config: StudyConfig) -> int:
    """Runs of the dose sheet, or of both: the base, every dose, and the draws beside the best."""
    sheets = [config.scales, *([config.enhance_scales] if config.task == CAPTIONING else [])]
    counts = len(head_counts(config, model.anatomy.n_heads))
    return 1 + sum(counts * len(scales) + min(MOST_DRAWN, counts * len(scales)) for scales in sheets)


def _n_arms(model: LanguageModel, task: Task, config: StudyConfig) -> int:
    """Arms on the held-out questions, at most."""
    directions = 2 if config.task == CAPTIONING else 1
    scopes = 2 if task.has_images and config.scope == "all" else 0
    also = 2 * len({count_of(heads, model.anatomy.n_heads) for heads in config.also})
    paper = 1 if config.task == CAPTIONING else 0
    return 1 + directions * (1 + scopes + also + 2 * config.controls + 1 + paper)


def _together(name: str, *parts: Part) -> Part:
    forwards, tokens = (sum(getattr(part, key) for part in parts) for key in ("forwards", "tokens"))
    return Part(name, 1, forwards, tokens, sum(part.minutes for part in parts))


def _seconds(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun
