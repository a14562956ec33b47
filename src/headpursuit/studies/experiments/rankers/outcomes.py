"""Effects of every edit on held-out questions: by how likely right answers are, or by what the model answers."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from headpursuit.heads import Edit
from headpursuit.studies.causal.measuring import Answered, Probabilities, answered_of, probabilities
from headpursuit.studies.experiments.rankers.measuring import Run, name_of
from headpursuit.studies.figures.statistics import bootstrap, resampled_means
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.judging import check_base, sentences
from headpursuit.studies.kernel import Parts
from headpursuit.studies.kernel.progress import silent
from headpursuit.studies.measures import Break, BreakKind, Thresholds, answer_measure, counted, effects
from headpursuit.studies.results import Arm, Estimate
from headpursuit.studies.steps.arms import ArmRunner, PlannedArm
from headpursuit.studies.tasks import accepted_answers
from headpursuit.studies.text.scoring import score

Draws = Float[np.ndarray, " n_resamples"]
"""One figure in every resample of the facts."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """Effect and breakage of one edit."""

    effect: float
    """Fraction by which the base's target score falls, or rises."""
    drawn: Draws
    """The same in every resample."""
    signs: tuple[str, ...]
    """Breakage, in words; none for a whole model."""
    target: float
    unrelated: float | None
    """None where it was not measured, since the edit does nothing; or there are no such questions."""
    perplexity_ratio: float
    """On neutral text, against the base; 1 where it was not measured."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Effects of edits on the same questions."""

    counted: str
    """The outputs that a target score is the rate of."""
    base: Estimate
    n_facts: int
    """Target facts that are resampled."""
    n_target: int
    n_unrelated: int
    of: dict[Edit, Outcome]

    def most(self, edits: Collection[Edit]) -> Edit | None:
        """Of some edits the one that does most without breaking anything; None if all do."""
        whole = [edit for edit in edits if not self.of[edit].signs]
        return max(whole, key=lambda edit: self.of[edit].effect, default=None)


def by_answers(run: Run, edits: Collection[Edit]) -> Outcomes:
    """Each edit answers the held-out questions, scored by the task's metric.

    Answers that fall silent count as the unedited ones.

    Raises:
        ValueError: If the unedited model leaves nothing to change.
    """
    runner = ArmRunner(run.model, run.task, run.study, silent, run.questions)
    parts = Parts(run.folder / "arms", Arm, run.progress, "edit", 1 + len(edits))
    base = runner.kept(parts, "base", "base", Edit({}))
    planned: list[PlannedArm] = [(name_of(edit), "dose", edit) for edit in edits]
    arms = dict(zip(edits, runner.all_kept(parts, planned), strict=True))
    before, *after = summarise(run.task, run.concept, [base, *arms.values()], run.config.seed, run.questions)
    measure = answer_measure(run.task, run.study)
    check_base(before, measure)
    drawn = _answered_in_resamples(run, base, arms)
    found = {
        edit: Outcome(
            measure.effect(before, arm),
            drawn[edit],
            sentences.signs_of(measure.breaks(before, arm)),
            arm.target.score.value,
            arm.unrelated.score.value if arm.unrelated else None,
            arm.damage.perplexity / before.damage.perplexity,
        )
        for edit, arm in zip(arms, after, strict=True)
    }
    groups = [q.group for q in run.questions]
    n_facts = len({q.fact for q in run.questions if q.group == "target"})
    n_target, n_unrelated = groups.count("target"), groups.count("unrelated")
    return Outcomes(measure.metric.counted, before.target.score, n_facts, n_target, n_unrelated, found)


def _answered_in_resamples(run: Run, base: Arm, arms: dict[Edit, Arm]) -> dict[Edit, Draws]:
    """The effect of every arm in every resample of the target questions' facts."""
    chosen = [i for i, q in enumerate(run.questions) if q.group == "target"]
    questions = [run.questions[i] for i in chosen]
    accepted = accepted_answers(questions)

    def scored(arm: Arm) -> tuple[list[float], list[str]]:
        answers = [arm.answers[i] for i in chosen]
        return score(run.task, run.concept, questions, answers), answers

    before, _ = scored(base)
    rows = [before, *(counted(*scored(arm), before, run.task.direction, accepted) for arm in arms.values())]
    means = resampled_means(np.asarray(rows), [q.fact for q in questions], run.config.seed)
    return {
        edit: np.asarray(effects(means[:, 0], means[:, number], run.task.direction))
        for number, edit in enumerate(arms, start=1)
    }


@dataclass(frozen=True)
class _Read:
    """One edit's reading, as it is kept."""

    target: Answered
    unrelated: Answered | None = None
    """None where it does nothing to the target, so that nobody asks what it breaks."""
    strain: float = 0.0
    """0 where too many unrelated answers are lost already."""


def by_probabilities(run: Run, edits: Collection[Edit]) -> Outcomes:
    """Each edit is measured by the right answers to the held-out questions, teacher-forced; nothing is generated.

    An edit that does nothing to the target, or the contrary, counts as none. Damage is measured of the others: right
    unrelated answers lost, and perplexity on neutral text, by the lines of a verdict.

    Raises:
        ValueError: If nothing can be followed, or too few questions are left or answered rightly.
    """
    target, unrelated = ([q for q in run.questions if q.group == group] for group in ("target", "unrelated"))
    if not unrelated:
        raise ValueError(f"{run.task.name} has no unrelated questions held out; measure by answers (`generate=True`)")
    run.progress("read questions", 0, 1)
    measured = probabilities(run.model, run.task, target, unrelated, run.study)
    run.progress("read questions", 1, 1)
    parts = Parts(run.folder / "probabilities", _Read, run.progress, "edit", len(edits))
    lines = answer_measure(run.task, run.study).thresholds

    def lacks(found: _Read) -> str:
        n, asked = len(found.target.margin), len(measured.base.target.margin)
        return f"has {n} answers to {asked} questions" * (n != asked)

    read = {e: parts.part(name_of(e), partial(_read, measured, e, lines.unrelated_loss), lacks) for e in edits}
    (followed, others), before = measured.followed, measured.base
    rows = np.stack([before.target.right, *(each.target.right for each in read.values())])
    means = resampled_means(rows, followed.facts, run.config.seed)
    found = {}
    for number, (edit, each) in enumerate(read.items(), start=1):
        effect = float(effects(rows[0].mean(), rows[number].mean(), run.task.direction))
        drawn = np.asarray(effects(means[:, 0], means[:, number], run.task.direction))
        if each.unrelated is None:
            found[edit] = Outcome(0.0, np.zeros_like(drawn), (), float(rows[number].mean()), None, 1.0)
            continue
        loss = float(effects(before.unrelated.right.mean(), each.unrelated.right.mean(), "suppress"))
        found[edit] = Outcome(
            effect,
            drawn,
            sentences.signs_of(_breaks(lines, loss, each.strain)),
            float(rows[number].mean()),
            float(each.unrelated.right.mean()),
            1 + each.strain,
        )
    base = bootstrap(rows[0].tolist(), followed.facts, run.config.seed)
    what = f"{followed.what}, teacher-forced"
    n_facts = len(set(followed.facts))
    return Outcomes(what, base, n_facts, len(followed.questions), len(others.questions), found)


def _read(measured: Probabilities, edit: Edit, tolerated: float) -> _Read:
    """The effect of an edit, as far as it counts: one that breaks one thing need not be asked what else it breaks."""
    target = answered_of(measured.target.under(edit, measured.processes), measured.followed[0])
    if effects(measured.base.target.right.mean(), target.right.mean(), measured.direction) <= 0:
        return _Read(target)
    unrelated = answered_of(measured.unrelated.under(edit, measured.processes), measured.followed[1])
    if effects(measured.base.unrelated.right.mean(), unrelated.right.mean(), "suppress") > tolerated:
        return _Read(target, unrelated)
    return _Read(target, unrelated, measured.strain_of(measured.neutral.loss_under(edit, measured.processes).tolist()))


def _breaks(lines: Thresholds, loss: float, strain: float) -> list[Break]:
    """Damage beyond what is tolerated."""
    found = [
        Break(BreakKind.UNRELATED, loss / lines.unrelated_loss, loss),
        Break(BreakKind.PERPLEXITY, strain / (lines.perplexity_ratio - 1), 1 + strain),
    ]
    return [each for each in found if not each.ratio <= 1]
