"""Ask tasks of lm-evaluation-harness of a model as it is, edited, and with random heads rescaled instead."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from headpursuit.analysis import SavedEdit, versions
from headpursuit.heads import Edit, site_order
from headpursuit.models import (
    Anatomy,
    HarnessAnswers,
    HarnessTasks,
    LanguageModel,
    ask_harness,
    harness_tasks,
)
from headpursuit.processes import launched
from headpursuit.pursuit.controls import random_heads
from headpursuit.studies.experiments.lm_eval.changes import change_of
from headpursuit.studies.experiments.lm_eval.result import KIND, HarnessArm, HarnessResult, HarnessRow
from headpursuit.studies.experiments.lm_eval.sentences import sentence_of
from headpursuit.studies.experiments.lm_eval.settings import EDIT, HarnessConfig, command
from headpursuit.studies.kernel import Parts, alone
from headpursuit.studies.kernel.progress import Progress, silent
from headpursuit.studies.steps.dates import dated
from headpursuit.studies.steps.identity import check_asks, check_model


@alone
def harness_study(
    model: LanguageModel,
    saved: SavedEdit,
    config: HarnessConfig,
    path: Path | str,
    *,
    tasks: HarnessTasks | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> HarnessResult:
    """Measure an edit on tasks of lm-evaluation-harness, beside the model as it is and beside random heads.

    Every finished arm is kept in the folder at once, so an interrupted run goes on where it stopped.

    Args:
        model: The model.
        saved: The edit; `config.edit` must be its scales and scope.
        config: Tasks, items, examples, controls.
        path: The folder of the results.
        tasks: What `harness_tasks(config.tasks, config.include_path)` returned, if it was called before.
        resume: Go on with a run of the same config in that folder.
        progress: Told about every arm.

    Raises:
        ExtraMissing: If lm-eval is not installed.
        FileExistsError: If the folder exists and `resume` is not asked for.
        ValueError: If the edit does not fit the model or the tasks, no random heads are left to compare with, a task
            cannot be had, the config differs from the one to resume, or several processes were launched.
        AnatomyError: If the model's heads cannot be certified.
    """
    if launched().count > 1:
        raise ValueError("lm-evaluation-harness is asked in one process; start it without torchrun")
    folder = Path(path)
    config = dated(model, config, folder, chat=config.chat)
    KIND.check(folder, config, resume=resume)
    saved.check(model)
    tasks = tasks or harness_tasks(config.tasks, config.include_path)
    tasks.check_scope(saved.edit)
    check_asks(model)
    planned = {"base": Edit({}), "edit": saved.edit, **_controls(saved.edit, model.anatomy, config)}
    KIND.begin(folder, config)
    saved.save(folder / EDIT)
    check_model(model, folder, {"lm_eval": (versions("lm_eval")["lm_eval"], "another version of lm-eval")})
    arms = Parts(folder / "arms", HarnessAnswers, progress, "arms", len(planned))
    answers = {
        name: arms.part(name, partial(_asked, model, tasks, edit, config, partial(progress, f"arm {name}")))
        for name, edit in planned.items()
    }
    rows = rows_of(answers, config.seed)
    result = HarnessResult(
        config,
        saved.concept,
        model.anatomy.summary(),
        command(config, folder),
        tuple(HarnessArm(n, e.to_json()["scales"], answers[n].n_forwards) for n, e in planned.items()),
        rows,
        sentence_of(rows),
        tuple(dict.fromkeys(text for found in answers.values() for text in found.warnings)),
        versions("lm_eval") | {"device": model.device.type, "dtype": model.dtype},
    )
    return KIND.finish(folder, result, model=config.model, versions=dict(result.versions))


def rows_of(answers: Mapping[str, HarnessAnswers], seed: int) -> tuple[HarnessRow, ...]:
    """Every figure of the base, set beside the same figure of the other arms."""
    named = ({(figure.task, figure.label): figure for figure in found.figures} for found in answers.values())
    base, edit, *controls = named
    return tuple(
        HarnessRow(
            task=figure.task,
            metric=figure.label,
            higher_is_better=figure.higher_is_better,
            n_items=figure.n_items,
            base=figure.value,
            base_stderr=figure.stderr,
            edit=edit[name].value,
            edit_stderr=edit[name].stderr,
            change=change_of(figure, edit[name], seed),
            controls=tuple(control[name].value - figure.value for control in controls if name in control),
        )
        for name, figure in base.items()
        if name in edit
    )


def _asked(
    model: LanguageModel, tasks: HarnessTasks, edit: Edit, config: HarnessConfig, progress: partial[None]
) -> HarnessAnswers:
    return ask_harness(
        model,
        tasks,
        edit,
        batch_size=config.batch_size,
        limit=config.limit,
        num_fewshot=config.num_fewshot,
        chat=config.frame,
        progress=progress,
    )


def _controls(edit: Edit, anatomy: Anatomy, config: HarnessConfig) -> dict[str, Edit]:
    """Random heads of the edit's layers; those of a layer get the scales that its edited heads have."""
    if not config.controls:
        return {}
    draws = random_heads(edit, anatomy.heads, config.controls, config.seed, layer_matched=True)
    scales = [edit[head] for head in sorted(edit, key=lambda head: site_order(head.site))]
    drawn = (sorted(heads, key=lambda head: site_order(head.site)) for heads in draws)
    return {
        f"matched-{number}": Edit(dict(zip(heads, scales, strict=True)), edit.scope)
        for number, heads in enumerate(drawn, start=1)
    }
