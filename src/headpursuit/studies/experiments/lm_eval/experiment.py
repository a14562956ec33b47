"""The run of lm-evaluation-harness as one of the experiments."""

from pathlib import Path
from typing import Any

from headpursuit.analysis import SavedEdit
from headpursuit.heads import Edit
from headpursuit.models import LanguageModel, harness_tasks
from headpursuit.studies.experiments.lm_eval.evaluating import harness_study
from headpursuit.studies.experiments.lm_eval.result import KIND, HarnessResult
from headpursuit.studies.experiments.lm_eval.sentences import shown
from headpursuit.studies.experiments.lm_eval.settings import HarnessConfig, command
from headpursuit.studies.kernel import Experiment


def _prepare(config: HarnessConfig) -> dict[str, Any]:
    saved, tasks = SavedEdit(Edit.from_json(config.edit)), harness_tasks(config.tasks, config.include_path)
    tasks.check_scope(saved.edit)
    return {"saved": saved, "tasks": tasks}


def _run(model: LanguageModel, config: HarnessConfig, folder: Path, *, saved: SavedEdit, **given: Any) -> HarnessResult:
    return harness_study(model, saved, config, folder, **given)


EXPERIMENT = Experiment("lm-eval", KIND, _run, shown, command, _prepare)
