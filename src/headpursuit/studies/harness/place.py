"""The folder of a run, which fills up arm by arm."""

from dataclasses import asdict
from pathlib import Path

from headpursuit.analysis import versions
from headpursuit.models import LanguageModel, unembedding
from headpursuit.studies.filling import Wording, begin_folder, check_fillable
from headpursuit.studies.harness.settings import HarnessConfig
from headpursuit.studies.place import kept

_WORDING = Wording(
    "run of lm-eval", "an unfinished run", "{folder} is finished; see its result.json, or choose another output"
)


def check_harness_place(folder: Path, config: HarnessConfig, *, resume: bool) -> None:
    """Check that a run can be written to a folder: that it is free, or holds the beginning of the same run.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or the run in it is finished.
        ValueError: If the run in it has other settings.
    """
    check_fillable(folder, asdict(config), lambda kept: asdict(HarnessConfig.from_json(kept)), _WORDING, resume=resume)


def begin(folder: Path, config: HarnessConfig, model: LanguageModel) -> None:
    """Make the folder with its config, or check that the model in it is the same.

    Raises:
        ValueError: If it was begun with another model, or another version of lm-eval.
    """
    begin_folder(folder, asdict(config))
    (folder / "arms").mkdir(exist_ok=True)
    identity = {
        "unembedding_sha256": unembedding(model).sha256,
        "revision": model.revision,
        "dtype": model.dtype,
        "lm_eval": versions("lm_eval")["lm_eval"],
    }
    begun = kept(folder / "model.json", lambda: identity)
    if begun != identity:
        raise ValueError(
            f"{folder} was begun with another model, revision, dtype or version of lm-eval (model.json); choose "
            "another output"
        )
