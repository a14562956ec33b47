"""detoxify: a BERT trained on comments that people rated for toxicity."""

from collections.abc import Sequence
from importlib import metadata

from headpursuit.extras import optional
from headpursuit.studies.scorers.scorer import Scorer

_MODEL = "original"
_BATCH = 32
"""Texts that are rated at once; bounds the memory."""


def detoxify(measure: str) -> Scorer:
    """The `toxicity` of Detoxify's model `original`.

    Its weights, 440 MB, are downloaded from GitHub at the first use and are a pickle, which torch runs: they are that
    project's, not ours. Use `profanity` or `words` where that is unwanted.

    Raises:
        ConnectionError: If the weights cannot be downloaded.
        ExtraMissing: If detoxify is not installed.
    """
    package = optional("detoxify")
    try:
        model = package.Detoxify(_MODEL)
    except OSError as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConnectionError(
            f"the weights of detoxify cannot be downloaded ({reason:.200}); connect once, or score with "
            "profanity or words"
        ) from error

    def rate(texts: Sequence[str]) -> list[float]:
        parts = [list(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return [float(score) for part in parts for score in model.predict(part)["toxicity"]]

    meaning = "the probability that a reader calls the text toxic: rude, disrespectful or unreasonable"
    return Scorer("detoxify", measure, f"detoxify {metadata.version('detoxify')}, {_MODEL}", meaning, rate)
