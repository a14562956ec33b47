"""The cost of a study: forward passes and tokens counted, time measured on a few batches."""

from dataclasses import dataclass

from headpursuit.analysis import count_of
from headpursuit.models import LanguageModel
from headpursuit.studies.judging.doses import head_counts
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.meter import BATCHES, Meter, Part
from headpursuit.studies.results import StudyConfig
from headpursuit.studies.settings import divided
from headpursuit.studies.steps.sweep import MOST_DRAWN, sweep_questions, waves
from headpursuit.studies.tasks import CAPTIONING, Task


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
    task = divided(task, config)
    meter = Meter(model, config, progress)
    ranking_prompts, heldout = task.ranking_prompts, [q.prompt for q in task.heldout]
    parts = [meter.capture(ranking_prompts), meter.ranking(task)]
    neutral = meter.neutral(task.neutral_texts)
    if config.sweep:
        asked = [q.prompt for q in sweep_questions(task, config)]
        parts.append(meter.arms("dose sheet", asked, neutral, _doses_together(model, config)))
    parts.append(meter.arms("arms", heldout, neutral, _arms_together(model, task, config)))
    timed = min(BATCHES * config.batch_size, len(heldout))
    how = f"Timed on {timed} of {len(heldout)} held-out questions, on {model.device.type} in {model.dtype}."
    early = (
        "The dose sheet ends early where the model falls apart; small layers have fewer draws." if config.sweep else ""
    )
    if config.by == "effect":
        parts[-1:-1] = meter.growth(task)
    if config.baselines:
        parts.append(meter.baselines(task))
    if config.rungs and task.rungs:
        parts.append(meter.ladder(task))
    if config.long:
        parts.append(meter.long(task))
    other = f"What {config.ranker} takes to score the heads is not counted." if config.ranker else ""
    return Plan(tuple(parts), tuple(filter(None, (how, early, other, *meter.remarks))))


def _doses_together(model: LanguageModel, config: StudyConfig) -> list[int]:
    """Runs of the dose sheet, or of both, that go side by side: the base, every dose, and the draws beside the best."""
    counts, found = head_counts(config, model.anatomy.n_heads), [1]
    for scales in [config.scales, *([config.enhance_scales] if config.task == CAPTIONING else [])]:
        doses = [(count, scale) for count in counts for scale in scales]
        found += [len(wave) for wave in waves(doses)] + [1] * min(MOST_DRAWN, len(doses))
    return found


def _arms_together(model: LanguageModel, task: Task, config: StudyConfig) -> tuple[int, ...]:
    """Arms on the held-out questions, at most, that go side by side: where they are answers, the base by itself."""
    n_arms = _n_arms(model, task, config)
    return (n_arms,) if config.task == CAPTIONING else (1, n_arms - 1)


def _n_arms(model: LanguageModel, task: Task, config: StudyConfig) -> int:
    """Arms on the held-out questions, at most."""
    directions = 2 if config.task == CAPTIONING else 1
    scopes = 2 if task.has_images and config.scope == "all" else 0
    also = 2 * len({count_of(heads, model.anatomy.n_heads) for heads in config.also})
    paper = 1 if config.task == CAPTIONING else 0
    return 1 + directions * (1 + scopes + also + 2 * config.controls + 1 + paper)
