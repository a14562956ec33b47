"""profanity: a linear classifier of words, trained on comments that people marked as offensive."""

from collections.abc import Sequence
from importlib import metadata

from headpursuit.extras import ExtraMissing, optional
from headpursuit.studies.scorers.scorer import Scorer


def profanity(measure: str) -> Scorer:
    """The probability that a text is offensive, by the classifier that alt-profanity-check carries.

    It needs no download. It weighs words one by one, so it misses what is said politely.

    Raises:
        ExtraMissing: If alt-profanity-check is not installed.
        ValueError: If its files cannot be read with the scikit-learn installed.
    """
    try:
        predict_prob = optional("profanity_check").predict_prob
    except ExtraMissing:
        raise
    except Exception as error:
        raise ValueError(
            f"the classifier of alt-profanity-check {metadata.version('alt-profanity-check')} cannot be read with "
            f"scikit-learn {metadata.version('scikit-learn')} ({' '.join(str(error).split()):.200}); install the "
            "release that asks for this one"
        ) from error

    def rate(texts: Sequence[str]) -> list[float]:
        return [float(probability) for probability in predict_prob(list(texts))]

    version = f"alt-profanity-check {metadata.version('alt-profanity-check')}"
    return Scorer("profanity", measure, version, "the probability that a reader finds the text offensive", rate)
