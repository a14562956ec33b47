"""The engine behind the page: one model, one capture, and what is asked of them again and again."""

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeVar

from headpursuit.analysis import Capture, Explanation, RankConfig, Ranking, Reading, Score, explain, rank_each, read
from headpursuit.concepts import Concept, builtin_concepts, load_concept
from headpursuit.explore.jobs import Aside
from headpursuit.explore.strongest import Strong, strongest
from headpursuit.heads import Head
from headpursuit.media import Prompt
from headpursuit.models import LanguageModel, log_probabilities, spell, token_text, tokens_of
from headpursuit.studies.tasks.task import neutral_texts
from headpursuit.user_errors import user_errors

T = TypeVar("T")

HEAD_ATOMS = 20
"""Tokens that a head is explained by."""

_KEPT = 64
"""Answers to earlier questions, of each kind, that are kept."""

_PAUSE = 0.1
"""Seconds between two lists that are ranked ahead, in which whoever waits has the turn."""


@dataclass(frozen=True)
class AuditedWord:
    """The tokens that a tokenizer makes of one word of a concept."""

    word: str
    tokens: tuple[str, ...]
    """Those that stand for it; none if it is dropped."""
    dropped: str = ""
    """The reason that no token stands for it; empty if one does."""


@dataclass(frozen=True)
class HeadDetail:
    """One head looked at closely."""

    explanation: Explanation
    strongest: tuple[Strong, ...]
    """Prompts at which it writes most; none where the capture kept no samples."""


class Workbench:
    """A model and a capture of it, shared by all visitors.

    What only reads weights (rankings, heads) runs beside everything else, one at a time and always in one thread. Every
    thread that ever did sums keeps OpenMP's workers waiting; with more of these than cores, sums take up to twice as
    long. So make a workbench in a thread that ends, if it will be asked for long.
    What runs the model takes `turn`: an edit is in the model for one visitor at a time, and never longer than that
    visitor's answer.
    """

    def __init__(self, model: LanguageModel, capture: Capture, prompts: Sequence[Prompt] | None = None) -> None:
        """Check that they belong together.

        Args:
            model: The model.
            capture: A capture of it.
            prompts: What was captured, to show a head's strongest prompts; their numbers are shown if None.

        Raises:
            ValueError: If the capture is of another model, or has another number of prompts.
        """
        if prompts is not None and len(prompts) != capture.n_prompts:
            raise ValueError(
                f"there are {len(prompts)} prompts, but {capture.n_prompts} were captured; give the captured ones"
            )
        self.model, self.capture, self.prompts = model, capture, prompts
        self.reading: Reading = read(model, capture).kept()
        self._model_lock, self._cache_lock = threading.Lock(), threading.Lock()
        self._reader = Aside()
        self._cache: dict[str, dict[Hashable, Any]] = {}
        self._making: dict[tuple[str, Hashable], threading.Lock] = {}

    @property
    def heads(self) -> tuple[Head, ...]:
        """Every head of the model."""
        return tuple(self.model.anatomy.heads)

    @contextmanager
    def turn(self, waiting: Callable[[], None] = lambda: None) -> Iterator[LanguageModel]:
        """The model, for oneself alone.

        Args:
            waiting: Called every now and then while others have it; an error it raises ends the wait.
        """
        while not self._model_lock.acquire(timeout=0.2):
            waiting()
        try:
            yield self.model
        finally:
            self._model_lock.release()

    def audit(self, concept: Concept) -> tuple[AuditedWord, ...]:
        """Each word of a concept and the tokens that stand for it."""
        return self.once("audit", (concept.name, concept.words), lambda: self._audited(concept))

    def _audited(self, concept: Concept) -> tuple[AuditedWord, ...]:
        found = spell(self.model, concept)
        words = []
        for word in concept.words:
            of_word = [s for s in found.spellings if s.word == word]
            tokens = dict.fromkeys(s.pieces[0] for s in of_word if not s.dropped)
            words.append(AuditedWord(word, tuple(tokens), "" if tokens else of_word[0].dropped))
        return tuple(words)

    def rank(self, concept: Concept, score: Score = "specificity") -> Ranking:
        """All heads for a concept, as `rank` ranks them; a concept that was asked for before costs nothing.

        Raises:
            ValueError: If no token stands for the concept.
        """
        ranking: Ranking = self.once("ranking", (concept.name, concept.words), lambda: self._ranked(concept))
        if score == ranking.config.score:
            return ranking
        entries = tuple(sorted(ranking.entries, key=lambda entry: (-getattr(entry, score), entry.head)))
        return replace(ranking, entries=entries, config=replace(ranking.config, score=score))

    def rank_ahead(self) -> None:
        """Rank the built-in lists in a thread of its own, so that who picks one waits for nothing.

        Long lists take longest, and these are the long ones. A visitor's own words go in between two lists.
        """
        threading.Thread(target=self._rank_lists, daemon=True).start()

    def _rank_lists(self) -> None:
        for name in builtin_concepts():
            with suppress(*user_errors()):  # a vocabulary may know none of the words
                self.audit(load_concept(name))
                self.rank(load_concept(name))
            time.sleep(_PAUSE)

    def _ranked(self, concept: Concept) -> Ranking:
        found = tokens_of(self.model, concept)
        ranking = partial(rank_each, self.model, self.capture, [found], RankConfig(), reading=self.reading)
        return self._reader.do(ranking)[0]

    def detail(self, head: Head) -> HeadDetail:
        """The tokens that explain a head, and the prompts at which it writes most.

        Raises:
            ValueError: If the model has no such head.
        """
        return self.once("detail", head, lambda: self._reader.do(partial(self._looked_at, head)))

    def _looked_at(self, head: Head) -> HeadDetail:
        site = self.model.anatomy.site_of(head)
        (found,) = explain(self.model, self.capture, heads=[head], n_atoms=HEAD_ATOMS, reading=self.reading)
        return HeadDetail(found, strongest(self.model, self.capture, site, head))

    @cached_property
    def neutral_text(self) -> str:
        """The paragraph that damage is measured on."""
        return neutral_texts()[0]

    def loss(self, model: LanguageModel) -> float:
        """Mean negative log-likelihood of the neutral paragraph, in nats a token, by the model as it is now."""
        ((log_p, tokens),) = log_probabilities(model, [self.neutral_text])
        return float(-log_p.gather(1, tokens[:, None]).mean())

    def token(self, token_id: int) -> str:
        """A token as text."""
        return token_text(self.model, token_id)

    def once(self, kind: str, key: Hashable, make: Callable[[], T]) -> T:
        """The result made before for the same question, or made now; the oldest is forgotten."""
        with self._cache_lock:
            kept = self._cache.setdefault(kind, {})
            if key in kept:
                kept[key] = kept.pop(key)
                return kept[key]
            making = self._making.setdefault((kind, key), threading.Lock())
        with making:  # who asks for the same meanwhile waits for it
            if key in kept:
                return kept[key]
            try:
                made = make()
                with self._cache_lock:
                    kept[key] = made
                    while len(kept) > _KEPT:
                        del kept[next(iter(kept))]
                return made
            finally:
                with self._cache_lock:
                    self._making.pop((kind, key), None)
