"""The sensitivity study as one of the experiments."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headpursuit.analysis import Capture
from headpursuit.concepts import load_concept
from headpursuit.models import LanguageModel
from headpursuit.studies.experiments.sensitivity.config import SensitivityConfig, command
from headpursuit.studies.experiments.sensitivity.result import (
    KIND,
    SensitivityResult,
)
from headpursuit.studies.experiments.sensitivity.run import check_inputs, study_sensitivity
from headpursuit.studies.experiments.sensitivity.sentences import shown
from headpursuit.studies.experiments.sensitivity.synonyms import read_synonyms
from headpursuit.studies.kernel import Experiment, WantedModel
from headpursuit.studies.settings import find_task, usual_config


def _prepare(config: SensitivityConfig) -> dict[str, Any]:
    concept = load_concept(config.concept)
    task = find_task(usual_config(config.task, config.model)) if config.task else None
    check_inputs(concept, task, config)
    if config.synonyms:
        read_synonyms(config.synonyms, concept)
    return {"capture": Capture.load(config.capture), "concept": concept, "task": task}


def _model(config: SensitivityConfig, prepared: Mapping[str, Any]) -> WantedModel:
    made = prepared["capture"].identity
    dtype = made.dtype if config.dtype == "auto" else config.dtype
    advice = f"the capture was made with {made.model!r}: say where it is with `model`"
    return WantedModel(config.model, config.revision, config.device, dtype, config.anatomy, advice)


def _run(
    model: LanguageModel, config: SensitivityConfig, folder: Path, *, capture: Capture, **given: Any
) -> SensitivityResult:
    return study_sensitivity(model, capture, config, folder, **given)


EXPERIMENT = Experiment("sensitivity", KIND, _run, shown, command, _prepare, _model)
