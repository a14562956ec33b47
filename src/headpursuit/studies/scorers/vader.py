"""vader: the sentiment of a text by rated words and rules for negation and emphasis."""

from collections.abc import Sequence
from importlib import metadata

from headpursuit.extras import optional
from headpursuit.studies.scorers.scorer import Scorer


def vader(measure: str) -> Scorer:
    """VADER's compound score, -1 to 1: its positive part for `positive`, its negative part for `negative`.

    Raises:
        ExtraMissing: If vaderSentiment is not installed.

    Source: Hutto and Gilbert (2014).
    """
    analyser = optional("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
    sign = {"positive": 1, "negative": -1}[measure]

    def rate(texts: Sequence[str]) -> list[float]:
        return [max(0.0, sign * analyser.polarity_scores(text)["compound"]) for text in texts]

    meaning = f"how {measure} the whole text is: VADER's compound score, 0 where it leans the other way"
    return Scorer("vader", measure, f"vaderSentiment {metadata.version('vaderSentiment')}", meaning, rate)
