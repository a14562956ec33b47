"""Words that a concept may lack: whole words of the vocabulary whose rows lie near the concept's."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.models import (
    ConceptTokens,
    LanguageModel,
    VocabularyWord,
    VocabularyWords,
    token_text,
    unembedding,
    vocabulary_words,
)
from headpursuit.pursuit import closeness, mean_row, nearest


@dataclass(frozen=True)
class Suggestion:
    """A word that may be missing from a concept. It is shown, and never added by itself."""

    word: str
    """As its nearest token writes it, without the leading space."""
    score: float
    """Cosine of that token's row with the concept's mean direction, the vocabulary's mean taken off, -1 to 1."""
    like: str
    """The concept's token that is nearest to it."""


class Suggestions:
    """Suggests words for concepts of one model.

    A word scores by its token whose row of the unembedding is nearest to the mean direction of the concept's rows. (The
    mean finds more of the words that were left out of a list than the nearest rows do; see docs/sensitivity.md.)

    Args:
        model: The model.
        gain: Multiply rows by the final norm's gain.
    """

    def __init__(self, model: LanguageModel, *, gain: bool = False) -> None:
        self._model = model
        self._vectors: Float[Tensor, "vocab d_model"] = unembedding(model, gain=gain).vectors
        self._mean = mean_row(self._vectors)
        self.vocabulary: VocabularyWords = vocabulary_words(model)

    def of(self, found: ConceptTokens, n_words: int) -> tuple[Suggestion, ...]:
        """The words nearest to a concept, best first; none that is in it, however written."""
        best = self._best(found, n_words)
        ids = torch.tensor([token for token, _, _ in best], dtype=torch.int64)
        like = nearest(self._vectors, self._mean, torch.tensor(found.token_ids), ids).tolist() if best else []
        return tuple(
            Suggestion(self.vocabulary.texts[token].strip(), score, token_text(self._model, other))
            for (token, score, _), other in zip(best, like, strict=True)
        )

    def words(self, found: ConceptTokens, n_words: int) -> tuple[VocabularyWord, ...]:
        """The same words as the vocabulary has them."""
        return tuple(word for _, _, word in self._best(found, n_words))

    def _best(self, found: ConceptTokens, n_words: int) -> list[tuple[int, float, VocabularyWord]]:
        scores = closeness(self._vectors, self._mean, torch.tensor(found.token_ids)).tolist()
        others = self.vocabulary.without(found.concept.words, found.token_ids)
        tokens = (max(word.token_ids.values(), key=lambda i: (scores[i], -i)) for word in others)
        rated = [(token, scores[token], word) for token, word in zip(tokens, others, strict=True)]
        return sorted(rated, key=lambda row: (-row[1], row[0]))[:n_words]
