"""Packages that only some uses need, and the error where one is missing."""

from importlib import import_module
from types import ModuleType

_EXTRAS = {
    "datasets": ("data sets of the Hugging Face hub", "datasets", "data"),
    "pyarrow": ("Parquet files", "pyarrow", "data"),
    "pyarrow.parquet": ("Parquet files", "pyarrow", "data"),
    "soundfile": ("sound files", "soundfile", "audio"),
    "soxr": ("sounds of another rate than the model's", "soxr", "audio"),
    "jiwer": ("word error rates", "jiwer", "audio"),
    "sacrebleu": ("scores of transcripts and translations", "sacrebleu", "audio"),
    "peft": ("adapters", "peft", "export"),
    "lm_eval": ("tasks of lm-evaluation-harness", "lm-eval", "lm-eval"),
    "gradio": ("live pages", "gradio", "explore"),
    "detoxify": ("toxicity scores by detoxify", "detoxify", "toxicity"),
    "profanity_check": ("toxicity scores by profanity", "alt-profanity-check", "profanity"),
    "vaderSentiment.vaderSentiment": ("sentiment scores by vader", "vaderSentiment", "sentiment"),
}
"""By module: its use, its package, and the extra that installs it."""


class ExtraMissing(ImportError):
    """An optional package is needed and not installed."""

    def __init__(self, use: str, package: str, extra: str, cause: ImportError) -> None:
        super().__init__(
            f"{use} need the package {package} ({cause}); install it with: pip install 'headpursuit[{extra}]'"
        )


def optional(module: str) -> ModuleType:
    """A module that only some uses need, one of `_EXTRAS`.

    Raises:
        ExtraMissing: If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ExtraMissing(*_EXTRAS[module], error) from error
