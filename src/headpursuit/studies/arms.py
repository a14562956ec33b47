"""Run one arm: the held-out questions and the neutral text under an edit."""

import torch
from torch import Tensor

from headpursuit.analysis import Ranking
from headpursuit.heads import Edit, parse_scope
from headpursuit.models import Anatomy, LanguageModel, answer, log_probabilities, rescale
from headpursuit.pursuit import random_heads
from headpursuit.studies.progress import Progress
from headpursuit.studies.results import Arm, ArmKind, Damage, StudyConfig
from headpursuit.studies.tasks import Task


def plan_arms(
    config: StudyConfig, anatomy: Anatomy, ranking: Ranking, other: Ranking
) -> list[tuple[str, ArmKind, Edit]]:
    """Name, kind and edit of every arm, base first.

    The other concept's arm takes its best heads that are not the edit's.

    Raises:
        ValueError: If the edit cannot be controlled: too many heads, or too few others in a layer.
    """
    scope = parse_scope(config.scope)
    edit = Edit(ranking.edit(config.heads, config.scale), scope)
    arms: list[tuple[str, ArmKind, Edit]] = [("base", "base", Edit({})), ("edit", "edit", edit)]
    kinds: tuple[tuple[ArmKind, bool], ...] = (("matched", True), ("random", False))
    for kind, layer_matched in kinds:
        draws = random_heads(edit, anatomy.heads, config.controls, config.seed, layer_matched=layer_matched)
        for number, heads in enumerate(draws, start=1):
            arms.append((f"{kind}-{number}", kind, Edit.uniform(heads, config.scale, scope)))
    others = [entry.head for entry in other.entries if entry.head not in edit][: len(edit)]
    arms.append((f"other-{other.concept}", "other", Edit.uniform(others, config.scale, scope)))
    return arms


class ArmRunner:
    """Runs arms of one study; the base must be the first, every other arm is compared with it."""

    def __init__(self, model: LanguageModel, task: Task, config: StudyConfig, progress: Progress) -> None:
        self._model, self._task, self._config, self._progress = model, task, config, progress
        self._base_log_probabilities: list[Tensor] | None = None

    def run(self, name: str, kind: ArmKind, edit: Edit) -> Arm:
        """Answer the held-out questions and read the neutral text under an edit."""
        prompts = [question.prompt for question in self._task.heldout]
        with rescale(self._model, edit) as applied:
            answers = answer(
                self._model,
                prompts,
                max_new_tokens=self._config.max_new_tokens,
                batch_size=self._config.batch_size,
                chat=self._config.chat,
                progress=lambda done, total: self._progress(f"arm {name}", done, total),
            )
            touched = applied.n_forwards
        if edit and touched == 0:
            if edit.scope != "all":
                raise ValueError(f"no question or answer has a token in scope {self._config.scope!r}; choose another")
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
