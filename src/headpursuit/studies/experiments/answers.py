"""The study of answers: heads ranked on some questions; base, edit and controls measured on others, and judged."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from headpursuit.analysis import count_of
from headpursuit.concepts import Concept
from headpursuit.media import AudioPrompt
from headpursuit.models import Framing, LanguageModel, encodings_kept, replay_memory
from headpursuit.studies.causal.choosing import check_choosing, grow
from headpursuit.studies.figures.agreement import agreement
from headpursuit.studies.figures.comparing import further
from headpursuit.studies.figures.restated import check_comparing, restated
from headpursuit.studies.figures.summaries import summarise
from headpursuit.studies.judging import check_base, compare, decide, sentences, verdict_of
from headpursuit.studies.judging.steadiness import steady
from headpursuit.studies.kernel import Experiment, Line, Shown, Table, alone
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.measures import AnswerMeasure, answer_measure
from headpursuit.studies.results import (
    AnswerSheet,
    Arm,
    ArmSummary,
    Balance,
    Estimate,
    Example,
    Grown,
    StudyConfig,
    StudyResult,
)
from headpursuit.studies.results.study_result import KIND
from headpursuit.studies.settings import check_openings, command, divided, find_task
from headpursuit.studies.settings import prepare as prepared_task
from headpursuit.studies.shown import (
    grown_shown,
    heads_shown,
    ladder_shown,
    long_shown,
    promised_shown,
    ranking_shown,
    restated_shown,
    sheet_shown,
)
from headpursuit.studies.steps.arms import BASE, ArmRunner, all_there_are, image_scopes, plan_arms
from headpursuit.studies.steps.asking import ladder
from headpursuit.studies.steps.baselines import Baselines, baseline_arms
from headpursuit.studies.steps.dates import dated
from headpursuit.studies.steps.long_answers import long_answers
from headpursuit.studies.steps.registration import followed
from headpursuit.studies.steps.steadiness import steadiness
from headpursuit.studies.steps.study_run import StudyRun, begin_study
from headpursuit.studies.steps.sweep import doses_left_out, sweep
from headpursuit.studies.steps.writing import reader_of
from headpursuit.studies.tasks import Task
from headpursuit.studies.text.metrics import METRICS
from headpursuit.studies.text.phrases import phrases
from headpursuit.studies.text.scoring import check_metric, is_free, metric_of, score


@alone
def study_answers(
    model: LanguageModel,
    config: StudyConfig,
    path: Path | str,
    *,
    task: Task | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> StudyResult:
    """`headpursuit.study` of a task with answers."""
    with encodings_kept(model, replay_memory(model)):
        return _studied(model, config, Path(path), task=task, resume=resume, progress=progress)


def _studied(
    model: LanguageModel, config: StudyConfig, path: Path, *, task: Task | None, resume: bool, progress: Progress
) -> StudyResult:
    config = dated(model, config, path, chat=config.chat)
    task = task or find_task(config)
    task = divided(task, config)
    check_metric(task)
    check_comparing(task)
    check_openings(task, config)
    measure, reader = answer_measure(task, config), reader_of(config)
    if config.by == "effect":
        check_choosing(task, config, model)
    run = begin_study(KIND, model, task, config, path, resume=resume, progress=progress)
    sheet = sweep(run) if config.sweep else None
    grown = _grown(run, measure) if config.by == "effect" else None
    dosed = replace(config, sweep=False, heads=str(sheet.n_heads), scale=sheet.scale) if sheet else config
    scopes, remark = image_scopes(model, task, config)
    planned = plan_arms(dosed, model.anatomy, *run.rankings, scopes, grown.edit if grown else None)
    runner = ArmRunner(model, task, config, progress, reader=reader)
    unedited = runner.measured(planned[:1], run.folder)
    check_base(summarise(task, run.concept, unedited, config.seed)[0], measure)
    _check_apart(task, run.concept, unedited[0])
    arms = runner.measured(planned, run.folder)
    beside = baseline_arms(run, measure) if config.baselines else Baselines()
    arms = [*arms, *beside.arms]
    summaries = summarise(task, run.concept, arms, config.seed)
    compared = compare(measure, summaries, partial(_further, run, arms))
    firm, unsteady = steadiness(run, count_of(dosed.heads, model.anatomy.n_heads))
    left_out = doses_left_out(sheet.counts, config, model) if sheet else ""
    whole, plan = all_there_are(config, planned), followed(run.plan, task, config)
    decision = decide(measure, summaries)
    scorers = agreement(task, arms[0], next(arm for arm in arms if arm.kind == "edit"), config.seed)
    promised, found = _promised(measure, sheet, grown), measure.balance(decision.base, decision.edit)
    kept = sentences.reproduced(promised, found, config.effect) if promised else ""
    another = sentences.another_way(decision) if config.by == "writing" else ""
    lacking = (remark, left_out, whole, unsteady, *beside.remarks, _worn(model, task, config))
    agreed = sentences.agreed(scorers) if scorers else ""
    notes = (*task.remarks, plan, kept, agreed, another, *lacking, _holding(task))
    result = StudyResult(
        **run.described(),
        arms=summaries,
        examples=_examples(task, run.concept, arms, run.thumbnails),
        verdict=verdict_of(decision, compared),
        classes=dict(task.classes),
        sheet=sheet,
        grown=grown,
        promised=promised,
        found=found if promised else None,
        remarks=tuple(filter(None, notes)),
        metric=measure.metric.name,
        direction=task.direction,
        ladder=ladder(run, arms, beside.directions) if config.rungs else (),
        long=long_answers(run, arms, beside.directions),
        steadiness=firm,
        restated=restated(task, run.concept, arms),
        agreement=scorers,
    )
    return KIND.finish(run.folder, result, task=task.name, model=config.model)


def _check_apart(task: Task, concept: Concept, base: Arm) -> None:
    """Refuse a scorer that rates every output of the unedited model alike.

    Raises:
        ValueError: If it does; what was measured is kept.
    """
    metric = metric_of(task)
    if metric.score is None:
        scores = score(task, concept, task.heldout, base.answers)
        rated = [value for q, value in zip(task.heldout, scores, strict=True) if q.group == "target"]
        if len(rated) > 1 and len(set(rated)) == 1:
            raise ValueError(sentences.all_alike(task.scorer, len(rated), rated[0]))


def _holding(task: Task) -> str:
    """A note on openings that hold words of the concept already, in a sentence."""
    if not is_free(task):
        return ""
    asked = [q.text for q in task.heldout if q.group == "target" and not q.draw]
    listed = (*task.words.words, *task.judged_by.words)
    held = [[" ".join(match.phrase) for match in phrases(listed).matches(text)] for text in asked]
    found = sorted({word for one in held for word in one})
    return sentences.holding(sum(map(bool, held)), len(asked), found)


def _further(run: StudyRun, arms: Sequence[Arm], name: str) -> Estimate:
    """The edit's lead over the arm of a name, in target score."""
    base, edit = (next(arm for arm in arms if arm.kind == kind) for kind in ("base", "edit"))
    other = next(arm for arm in arms if arm.name == name)
    return further(run.task, run.concept, edit, other, base, run.config.seed)


def _grown(run: StudyRun, measure: AnswerMeasure) -> Grown:
    """An edit grown by what it does, if the unedited model leaves anything to change on held-out questions."""
    runner = ArmRunner(run.model, run.task, run.config, run.progress, reader=reader_of(run.config))
    unedited = runner.measured([BASE], run.folder)
    check_base(summarise(run.task, run.concept, unedited, run.config.seed)[0], measure)
    return grow(run, measure)


def _promised(measure: AnswerMeasure, sheet: AnswerSheet | None, grown: Grown | None) -> Balance | None:
    """The chosen edit on selection questions; None where it was given."""
    if sheet is not None:
        return measure.balance(sheet.base, sheet.chosen.arm)
    if grown is None or grown.base is None or grown.taken.arm is None:
        return None
    return measure.balance(grown.base, grown.taken.arm)


def _worn(model: LanguageModel, task: Task, config: StudyConfig) -> str:
    """A note on held-out questions that wear their frame already, in a sentence."""
    note = Framing.of(model, config.frame).note(question.prompt for question in task.heldout)
    return f"Of the held-out questions, {note}." if note else ""


def _examples(task: Task, concept: Concept, arms: list[Arm], thumbnails: dict[str, str]) -> tuple[Example, ...]:
    """Every held-out question with all answers."""
    scores = {arm.name: score(task, concept, task.heldout, arm.answers) for arm in arms}
    return tuple(
        Example(
            q.reference if isinstance(q.prompt, AudioPrompt) else q.text,
            q.answers,
            q.group,
            q.subject,
            {arm.name: arm.answers[i] for arm in arms},
            q.label,
            q.image_name,
            "" if isinstance(q.prompt, AudioPrompt) and q.group != "target" else thumbnails.get(q.image_name, ""),
            {name: of_arm[i] for name, of_arm in scores.items()},
        )
        for i, q in enumerate(task.heldout)
    )


def shown(result: StudyResult) -> Iterator[Shown]:
    """Ranking, dose, arms, an example and verdict."""
    yield from ranking_shown(result.ranking, 10)
    if result.sheet is not None:
        unedited = _rates(result.sheet.base)
        title = f"dose sheet: target score / unrelated answers that are right, unedited {unedited}"
        yield from sheet_shown(result.sheet, title, _rates)
    if result.grown is not None:
        yield from grown_shown(result.grown)
    yield from heads_shown(result.edit.heads, result.notes)
    if result.steadiness is not None:
        yield Line(steady(result.steadiness))
    yield _arms(result)
    if result.grown is not None and result.promised is not None and result.found is not None:
        yield promised_shown(result.grown, result.promised, result.found)
    yield from ladder_shown(result.ladder)
    yield from long_shown(result.long)
    yield from restated_shown(result.restated)
    yield from _example(result)
    yield Line(f"\n{result.verdict.outcome.upper()}: {result.verdict.sentence}", strong=True)
    yield from (Line(f"  {text}") for text in (*result.verdict.reasons, *result.remarks))


def _arms(result: StudyResult) -> Table:
    rows = [
        (
            arm.name,
            " ".join(arm.heads),
            str(arm.target.score),
            str(arm.unrelated.score) if arm.unrelated else "-",
            f"{arm.damage.perplexity:.1f}",
            f"{arm.damage.kl:.3f}",
        )
        for arm in result.arms
    ]
    columns = ("arm", "heads", f">{METRICS.find(result.metric).short}", ">unrelated", ">ppl", ">KL")
    scales = ", ".join(f"{scale:g}" for scale in sorted(set(result.rescaled.values())))
    title = f"held-out questions, heads at scale {scales}; target: {METRICS.find(result.metric).counted}"
    return Table(title, columns, tuple(rows))


def _example(result: StudyResult) -> Iterator[Line]:
    """The first target question whose unedited answer counts."""
    example = next((e for e in result.examples if e.group == "target" and e.scores["base"] >= 0.5), None)
    if example is not None:
        yield Line(f"{example.prompt!r}{f' ({example.image_name})' if example.image_name else ''}")
        for arm in ("base", "edit", "matched-1"):
            yield Line(f"  {arm}: {example.answers[arm]!r}")


def _rates(arm: ArmSummary) -> str:
    unrelated = f" / {arm.unrelated.score.value:.2f}" if arm.unrelated else ""
    return f"{arm.target.score.value:.2f}{unrelated}"


def prepare(config: StudyConfig) -> dict[str, Any]:
    """The task; whatever is missing, or too little to choose an edit by, is refused before a model is loaded."""
    prepared = prepared_task(config)
    check_comparing(prepared["task"])
    check_openings(prepared["task"], config)
    if config.by == "effect":
        check_choosing(prepared["task"], config)
    return prepared


EXPERIMENT = Experiment("study", KIND, study_answers, shown, command, prepare)
