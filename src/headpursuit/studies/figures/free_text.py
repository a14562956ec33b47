"""Figures of free text, beside what counts in it: has it stayed text?"""

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from headpursuit.concepts import Concept
from headpursuit.studies.results import FreeText
from headpursuit.studies.text.phrases import phrases
from headpursuit.words import words


def free_text(
    outputs: Sequence[str],
    concept: Concept,
    losses: Sequence[float | None] = (),
    reader_losses: Sequence[float | None] = (),
) -> FreeText:
    """Figures of one arm's outputs.

    Args:
        outputs: The outputs.
        concept: Whose words are counted.
        losses: Of each output under the unedited model, where it was read.
        reader_losses: The same under a second model.
    """
    said = [words(text) for text in outputs]
    pairs = [pair for one in said for pair in zip(one, one[1:], strict=False)]
    listed = phrases(concept.words)
    named = [[match.phrase for match in listed.matches(text)] for text in outputs]
    mentions = Counter(word for one in named for word in one)
    n_named = mentions.total()
    ((commonest, n_commonest),) = mentions.most_common(1) or [((), 0)]
    return FreeText(
        length=fmean(map(len, said)),
        distinct=len(set(pairs)) / len(pairs) if pairs else 1.0,
        said_again=1 - sum(len(set(one)) for one in named) / n_named if n_named else 0.0,
        named=" ".join(commonest),
        named_share=n_commonest / n_named if n_named else 0.0,
        perplexity=_perplexity(losses),
        reader_perplexity=_perplexity(reader_losses),
    )


def _perplexity(losses: Sequence[float | None]) -> float | None:
    """Of the outputs that have a token, each counting alike; None where none was read."""
    read = [loss for loss in losses if loss is not None]
    return math.exp(fmean(read)) if read else None
