"""From captions to figures."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from headpursuit.concepts import Concept
from headpursuit.studies.figures.statistics import bootstrap
from headpursuit.studies.measures import counted
from headpursuit.studies.results import Arm, CaptionArm, Estimate
from headpursuit.studies.tasks import Direction, Question
from headpursuit.studies.text.captions import concept_frequency, n_words, without_words
from headpursuit.studies.text.cider import Cider
from headpursuit.studies.text.metrics import is_empty, repetition


class CaptionScorer:
    """Measures captions of some images.

    Args:
        questions: The images, with their references as answers.
        concept: The concept that is switched.
        others: Concepts that should stay as they are.
        seed: Of the bootstrap.
    """

    def __init__(self, questions: Sequence[Question], concept: Concept, others: Sequence[Concept], seed: int) -> None:
        self._words, self._others, self._seed = concept.words, tuple(others), seed
        self._images = [question.fact for question in questions]
        self._cider = Cider([question.answers for question in questions])
        self._cider_without = Cider([[self._without(text) for text in question.answers] for question in questions])

    def figures(self, arm: Arm, base: Arm, direction: Direction | None = None) -> CaptionArm:
        """An arm's figures; changes are measured from `base`."""
        scales = set(arm.edit.values())
        counts, before = self.counts(arm), self.counts(base)
        kept = counts if direction is None else counted(counts, arm.answers, before, direction)
        changes = [now - then for now, then in zip(kept, before, strict=True)]
        return CaptionArm(
            name=arm.name,
            direction=direction,
            kind=arm.kind,
            heads=tuple(str(head) for head in arm.edit),
            scale=scales.pop() if len(scales) == 1 else None,
            n_images=len(arm.answers),
            frequency=self._mean(counts),
            frequency_change=None if arm.kind == "base" else self._estimate(changes),
            naming=self._mean([float(count > 0) for count in counts], fraction=True),
            cider=self._mean(self._cider.scores(arm.answers)),
            cider_without=self._mean(self._cider_without.scores([self._without(text) for text in arm.answers])),
            others={other.name: self._mean(_counted(arm, other.words)) for other in self._others},
            length=self._mean([float(n_words(caption)) for caption in arm.answers]),
            repetition=fmean(map(repetition, arm.answers)),
            empty=fmean(map(is_empty, arm.answers)),
            damage=arm.damage,
            n_forwards=arm.n_forwards,
            silenced=fmean(now - plain for now, plain in zip(kept, counts, strict=True)),
            cider_change=None if direction is None else self._cider_change(arm, base, direction),
        )

    def _cider_change(self, arm: Arm, base: Arm, direction: Direction) -> Estimate:
        """Of the CIDEr that the direction is judged by."""
        scorer, read = (self._cider_without, self._without) if direction == "suppress" else (self._cider, str)
        now, then = (scorer.scores([read(text) for text in each.answers]) for each in (arm, base))
        return self._estimate([after - before for after, before in zip(now, then, strict=True)])

    def counts(self, arm: Arm) -> list[float]:
        """The concept's words in every caption."""
        return _counted(arm, self._words)

    def _without(self, text: str) -> str:
        return without_words(text, self._words)

    def _mean(self, scores: Sequence[float], *, fraction: bool = False) -> Estimate:
        """Of scores that are never negative, so that their interval is not either."""
        estimate = self._estimate(scores, fraction=fraction)
        return replace(estimate, low=max(estimate.low, 0.0))

    def _estimate(self, scores: Sequence[float], *, fraction: bool = False) -> Estimate:
        return bootstrap(scores, self._images, self._seed, fraction=fraction)


def _counted(arm: Arm, words: Sequence[str]) -> list[float]:
    return [float(concept_frequency(caption, words)) for caption in arm.answers]
