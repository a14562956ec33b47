"""Further questions, asked under what a study's arms did: the rungs of its ladder, and others for long answers."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from jaxtyping import Float
from torch import Tensor

from headpursuit.analysis import sha256_of_prompts
from headpursuit.media import Prompt
from headpursuit.models import AnatomyError, Decoding, answers_under, fitting
from headpursuit.studies.figures.rungs import rung_results
from headpursuit.studies.kernel import Parts
from headpursuit.studies.results import Arm, Asked, RungResult
from headpursuit.studies.steps.arms import rows_of
from headpursuit.studies.steps.baselines import answers_beside
from headpursuit.studies.steps.study_run import StudyRun
from headpursuit.studies.tasks import Rung, drawn

MOST_QUESTIONS = 60
"""Questions of a rung, at most."""

DRAWS = 3
"""Draws of random heads that are asked, of the edit's layers."""


def arms_asked(arms: Sequence[Arm]) -> list[Arm]:
    """Of a study's arms the unedited model, the edit, a few draws of random heads, and what is no edit of heads."""
    beside = [arm for arm in arms if arm.kind == "matched"][:DRAWS] + [arm for arm in arms if arm.baseline]
    return [arm for kind in ("base", "edit") for arm in arms if arm.kind == kind] + beside


def rungs_asked(rungs: Sequence[Rung], seed: int) -> tuple[Rung, ...]:
    """The rungs with as many questions as are asked."""
    return tuple(replace(rung, questions=drawn(rung.questions, MOST_QUESTIONS, seed)) for rung in rungs)


def ladder(run: StudyRun, arms: Sequence[Arm], directions: Float[Tensor, "n_layers d_model"]) -> tuple[RungResult, ...]:
    """The task's rungs, asked under the arms of its study; answers are kept in the study's folder under `ladder`."""
    rungs = rungs_asked(run.task.rungs, run.config.seed)
    if not rungs:
        return ()
    prompts = [question.prompt for rung in rungs for question in rung.questions]
    asked = Asking(run, prompts, directions, "ladder").answers(arms_asked(arms))
    return rung_results(run.task, run.concept, rungs, asked, run.config.seed)


class Asking:
    """Asks some questions under arms; each arm's answers are kept as they come."""

    def __init__(
        self,
        run: StudyRun,
        prompts: Sequence[Prompt],
        directions: Float[Tensor, "n_layers d_model"],
        folder: str,
        *,
        max_new_tokens: int = 0,
        decoding: Decoding | None = None,
    ) -> None:
        """Nothing is asked yet; answers will be as long as the study's, unless a length is given."""
        self._run, self._prompts, self._directions, self._folder = run, list(prompts), directions, folder
        self._max_new_tokens = max_new_tokens or run.config.max_new_tokens
        self._decoding = decoding
        self._sha256 = sha256_of_prompts(self._prompts)

    def answers(self, arms: Sequence[Arm]) -> list[Asked]:
        """The answers under each arm; of edits side by side. An instruction that leaves no room is passed over."""
        parts = Parts(self._run.folder / self._folder, Asked, self._run.progress, self._folder, len(arms))
        edited = [arm for arm in arms if arm.baseline is None and not parts.has(arm.name)]
        texts = dict(zip((arm.name for arm in edited), self._under_edits(edited), strict=True))
        found = []
        for arm in arms:
            try:
                found.append(parts.part(arm.name, partial(self._asked, arm, texts), partial(self._lacks, arm)))
            except _CannotAsk:
                parts.skip()
        return found

    def _lacks(self, arm: Arm, asked: Asked) -> str:
        if asked.prompts_sha256 != self._sha256 or len(asked.answers) != len(self._prompts):
            return "answers other questions"
        return "" if (asked.edit, asked.baseline) == (arm.edit, arm.baseline) else f"is of another edit than {arm.name}"

    def _asked(self, arm: Arm, texts: dict[str, tuple[str, ...]]) -> Asked:
        return Asked(arm.name, arm.kind, arm.edit, self._sha256, self._texts(arm, texts), arm.baseline)

    def _texts(self, arm: Arm, texts: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
        if arm.baseline is None:
            return texts[arm.name]
        try:
            stage = f"{self._folder} {arm.name}"
            return answers_beside(
                self._run,
                self._prompts,
                arm.baseline,
                self._directions,
                stage,
                self._max_new_tokens,
                self._decoding,
            )
        except (AnatomyError, ValueError) as error:
            raise _CannotAsk from error

    def _under_edits(self, arms: Sequence[Arm]) -> list[tuple[str, ...]]:
        """Answers under several edits, in batches that hold all of them."""
        if not arms:
            return []
        config = self._run.config
        ask = partial(
            answers_under,
            self._run.model,
            self._prompts,
            [arm.edit for arm in arms],
            max_new_tokens=self._max_new_tokens,
            chat=config.frame,
            progress=partial(self._run.progress, f"{self._folder} edits"),
            decoding=self._decoding,
        )
        found, _ = fitting(lambda size: ask(batch_size=size), rows_of(len(arms), config.batch_size))
        return [each.texts for each in found]


class _CannotAsk(Exception):
    """An instruction or a direction that cannot be run on these questions."""
