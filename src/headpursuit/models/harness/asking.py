"""Tasks of lm-evaluation-harness asked of a model under an edit, by lm-eval's own code."""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from headpursuit.extras import optional
from headpursuit.heads import Edit
from headpursuit.models.harness.answers import HarnessAnswers, figures_of
from headpursuit.models.harness.finding import HarnessTasks
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.rescale import rescale
from headpursuit.models.templates import clock_at
from headpursuit.settings import Chat

_BOOTSTRAP = 1_000
"""Resamples behind lm-eval's standard errors, for metrics that are no mean; its own 100,000 take minutes each."""


def ask_harness(
    model: LanguageModel,
    tasks: HarnessTasks,
    edit: Edit,
    *,
    batch_size: int = 8,
    limit: int | None = None,
    num_fewshot: int | None = None,
    chat: Chat | bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> HarnessAnswers:
    """Run tasks once, with lm-eval's wrapper of a transformers model, while heads are rescaled.

    Seeds, prompts and scores are lm-eval's own, so that an empty edit gives what `lm_eval --model hf` gives.

    Args:
        model: The model.
        tasks: What `harness_tasks` returned.
        edit: Heads and scales; an empty edit measures the model as it is.
        batch_size: Requests per batch.
        limit: Only so many items of each task, the first ones.
        num_fewshot: Examples in each prompt; by default what each task says.
        chat: Put prompts into the chat template; a `Chat` also has its system prompt and settings.
        progress: Called after each request with the requests done and all requests.

    Raises:
        ExtraMissing: If lm-eval is not installed.
        ValueError: If the edit's scope cannot be followed, the edit touched nothing, the tokenizer has no end token,
            the chat template cannot write what it is told, or lm-eval refuses a task.
    """
    optional("lm_eval")
    from lm_eval.evaluator import simple_evaluate

    tasks.check_scope(edit)
    frame = model.dated(chat)
    if frame is not None:
        model.as_message("a question", chat=frame)  # lm-eval would only warn, and leave the system prompt out
    with _as_loaded(tasks), rescale(model, edit) as applied, _quietly() as warnings:
        wrapped = _wrapped(model, batch_size, frame)
        if progress:
            wrapped.set_cache_hook(_Counter(tasks, progress))
        try:
            found = simple_evaluate(
                model=wrapped,
                tasks=list(tasks.specs),
                task_manager=tasks.manager,
                limit=limit,
                num_fewshot=num_fewshot,
                apply_chat_template=frame is not None,
                system_instruction=frame.system or None if frame else None,
                bootstrap_iters=_BOOTSTRAP,
            )
        except AssertionError as error:  # how lm-eval says that a task does not fit a model
            raise ValueError(f"lm-eval cannot ask {', '.join(tasks.names)} of this model: {error}") from error
        touched = applied.n_forwards
    if edit and touched == 0:
        raise ValueError("the edit touched no forward pass; no prompt or answer has a token in its scope")
    return HarnessAnswers(figures_of(found), touched, tuple(warnings))


def _wrapped(model: LanguageModel, batch_size: int, frame: Chat | None) -> Any:
    from lm_eval.models.huggingface import HFLM

    if model.tokenizer.eos_token_id is None:
        raise ValueError(
            f"the tokenizer of {model.name or 'this model'} has no end token, which lm-eval needs; set its eos_token"
        )
    told = frame or Chat()

    class Framed(HFLM):
        def apply_chat_template(self, *args: Any, **kwargs: Any) -> Any:
            with clock_at(told.moment):
                return super().apply_chat_template(*args, **kwargs)

    level = logging.getLogger("lm_eval.models.huggingface")
    before = level.level
    level.setLevel(logging.ERROR)  # it warns that a model in hand is not loaded by name
    try:
        return Framed(
            pretrained=model.network,
            tokenizer=model.tokenizer,
            batch_size=batch_size,
            chat_template_args=dict(told.template),
        )
    finally:
        level.setLevel(before)


@contextmanager
def _as_loaded(tasks: HarnessTasks) -> Iterator[None]:
    """Put back the number of examples that each task says: lm-eval writes the one asked for into its settings."""
    before = [task.get_config("num_fewshot") for task in tasks.tasks]
    try:
        yield
    finally:
        for task, number in zip(tasks.tasks, before, strict=True):
            task.set_config("num_fewshot", number)


class _Counter:
    """Takes the place of lm-eval's cache, which is told of every answered request."""

    def __init__(self, tasks: HarnessTasks, progress: Callable[[int, int], None]) -> None:
        self._tasks, self._progress, self._done, self._total = tasks, progress, 0, 0

    def add_partial(self, *_: object) -> None:
        """One more request was answered."""
        if not self._total:  # lm-eval makes the requests when it is called
            self._total = sum(request.repeats for task in self._tasks.tasks for request in task.instances)
        self._done += 1
        self._progress(self._done, self._total)


class _Heard(logging.Handler):
    """Keeps the first warning of each place in the code."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.by_place: dict[tuple[str, int], str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.by_place.setdefault((record.pathname, record.lineno), " ".join(record.getMessage().split()))


@contextmanager
def _quietly() -> Iterator[list[str]]:
    """Keep lm-eval's prints, bars and warnings off the terminal; the warnings are in the list afterwards."""
    from tqdm import std

    heard, logger, warnings = _Heard(), logging.getLogger("lm_eval"), list[str]()
    init, propagated = std.tqdm.__init__, logger.propagate

    def without_bar(bar: Any, *args: Any, **kwargs: Any) -> None:
        init(bar, *args, **kwargs | {"disable": True})

    logger.addHandler(heard)
    logger.propagate = False
    std.tqdm.__init__ = without_bar  # some of its bars have no switch
    try:
        with redirect_stdout(io.StringIO()):
            yield warnings
    finally:
        std.tqdm.__init__ = init
        logger.propagate = propagated
        logger.removeHandler(heard)
        warnings += heard.by_place.values()
