"""The folder of a run, which fills up arm by arm."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from headpursuit.analysis import versions
from headpursuit.models import LanguageModel, unembedding
from headpursuit.storage import MANIFEST, read_json, refuse_existing, understood, write_json
from headpursuit.studies.harness.settings import HarnessConfig
from headpursuit.studies.place import kept


def check_harness_place(folder: Path, config: HarnessConfig, *, resume: bool) -> None:
    """Check that a run can be written to a folder: that it is free, or holds the beginning of the same run.

    Raises:
        FileExistsError: If it exists and `resume` is not asked for, or the run in it is finished.
        ValueError: If the run in it has other settings.
    """
    if not folder.exists():
        refuse_existing(folder)
        return
    if not resume:
        raise FileExistsError(
            f"{folder} exists already; choose another output, or continue an unfinished run with --resume"
        )
    if (folder / MANIFEST).exists():
        raise FileExistsError(f"{folder} is finished; see its result.json, or choose another output")
    if not (folder / "config.json").is_file():
        raise FileExistsError(f"{folder} exists and is no run of lm-eval; choose another output")
    with understood(folder / "config.json", "config of lm-eval"):
        begun = HarnessConfig.from_json(read_json(folder / "config.json"))
    if begun != config:
        was, now = asdict(begun), asdict(config)
        changed = "; ".join(f"{name} was {was[name]!r}, is {now[name]!r}" for name in was if was[name] != now[name])
        raise ValueError(f"{folder} was begun with other settings ({changed}); give those, or choose another output")


def begin(folder: Path, config: HarnessConfig, model: LanguageModel) -> None:
    """Make the folder with its config, or check that the model in it is the same.

    Raises:
        ValueError: If it was begun with another model, or another version of lm-eval.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            write_json(partial / "config.json", asdict(config))
            (partial / "arms").mkdir()
            partial.chmod(0o755)
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
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
