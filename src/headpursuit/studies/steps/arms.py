"""The arms of a study, planned and run: questions and neutral text under an edit."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from headpursuit.analysis import Ranking, count_of
from headpursuit.heads import Edit, Head, parse_scope
from headpursuit.models import Anatomy, LanguageModel, answer, log_probabilities, rescale
from headpursuit.pursuit import random_heads
from headpursuit.studies.judging import sentences
from headpursuit.studies.kernel import Parts
from headpursuit.studies.kernel.progress import Progress
from headpursuit.studies.results import Arm, ArmKind, Damage, StudyConfig
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


class ArmRunner:
    """Runs arms of one study; the base must be the first, every other arm is compared with it."""

    def __init__(
        self,
        model: LanguageModel,
        task: Task,
        config: StudyConfig,
        progress: Progress,
        questions: Sequence[Question] | None = None,
    ) -> None:
        self._model, self._task, self._config, self._progress = model, task, config, progress
        self._prompts = [q.prompt for q in (task.heldout if questions is None else questions)]
        self._base_log_probabilities: list[Tensor] | None = None

    def measured(self, planned: Sequence[PlannedArm], folder: Path) -> list[Arm]:
        """Run every arm, or read it back; each is kept in the study's folder as it finishes."""
        arms = Parts(folder / "arms", Arm, self._progress, "arms", len(planned))
        return [self.kept(arms, name, kind, edit) for name, kind, edit in planned]

    def kept(self, arms: Parts[Arm], name: str, kind: ArmKind, edit: Edit, folder: str = "") -> Arm:
        """Run an arm, or read it back; one of another edit, or with another number of answers, is refused."""

        def lacks(arm: Arm) -> str:
            if len(arm.answers) != len(self._prompts):
                return f"has {len(arm.answers)} answers to {len(self._prompts)} questions"
            return "" if arm.edit == edit else f"is of another edit than {name}"

        return arms.part(folder + name, partial(self.run, name, kind, edit), lacks)

    def run(self, name: str, kind: ArmKind, edit: Edit) -> Arm:
        """Answer the questions (the held-out ones unless others were given) and read the neutral text under an edit."""
        with rescale(self._model, edit) as applied:
            answers = answer(
                self._model,
                self._prompts,
                max_new_tokens=self._config.max_new_tokens,
                batch_size=self._config.batch_size,
                chat=self._config.frame,
                progress=lambda done, total: self._progress(f"arm {name}", done, total),
            )
            touched = applied.n_forwards
        if edit and touched == 0:
            if edit.scope != "all":
                scope = ",".join(map(str, edit.scope)) if isinstance(edit.scope, tuple) else edit.scope
                raise ValueError(f"no question or answer has a token in scope {scope!r}; choose another")
            raise RuntimeError(f"the edit of arm {name} touched no forward pass; its answers would be the base's")
        return Arm(name, kind, edit, tuple(answers), self._damage(edit), touched)

    def _damage(self, edit: Edit) -> Damage:
        base = self._base()
        losses, divergences = [], []
        # The text stands for what the model might write, so an edit of generated tokens acts on it too.
        prompt_length = 0 if edit.scope == "generated" else None
        with rescale(self._model, edit, prompt_length=prompt_length):
            for before, (after, tokens) in zip(
                base, log_probabilities(self._model, self._task.neutral_texts), strict=True
            ):
                losses.append(-after.gather(1, tokens[:, None])[:, 0])
                divergences.append((before.exp() * (before - after)).sum(1))
        return Damage(float(torch.cat(losses).mean().exp()), float(torch.cat(divergences).mean().clamp_min(0)))

    def _base(self) -> list[Tensor]:
        """The unedited model's log-probabilities on the neutral text; read once."""
        if self._base_log_probabilities is None:
            self._base_log_probabilities = [p for p, _ in log_probabilities(self._model, self._task.neutral_texts)]
        return self._base_log_probabilities
