"""Words for answers alone, for captions alone, and for directions."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from headpursuit.studies.judging.decision import Decision
from headpursuit.studies.measures import AnswerMeasure, Measure, effects
from headpursuit.studies.results import ArmKind, ArmSummary, CaptionArm, Estimate, Figures, FreeText, GroupSummary, Why
from headpursuit.studies.tasks import Direction


@dataclass(frozen=True)
class Words:
    """The words for a direction."""

    verb: str
    """Heads do it to a score: they `lower` it."""
    falls: str
    """The score does it."""
    noun: str
    undoes: str
    """A scale of the other direction does it: it `enhances`."""


WORDS: Mapping[Direction, Words] = {
    "suppress": Words("lower", "falls", "suppression", "enhances"),
    "enhance": Words("raise", "rises", "enhancement", "suppresses"),
}


def percent(fraction: float) -> str:
    """A fraction in a sentence: `34%`; what rounds to nothing is `0%`, of either sign."""
    text = f"{fraction:.0%}"
    return "0%" if text == "-0%" else text


_MOST = 0.5
"""An answer that is given to a larger fraction of the questions is named."""

_MOST_PHRASINGS = 8
"""More are not told one by one."""


def p_text(p: float) -> str:
    """A p-value: `p = 0.012`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


class Terms(ABC, Generic[Figures]):
    """The words for one kind of outputs alone."""

    level: str
    items: str
    told: tuple[ArmKind, ...]
    """Arms that are told beside the edit."""
    says_what_counts: bool

    @abstractmethod
    def at(self, value: float) -> str:
        """A level."""

    @abstractmethod
    def unclear(self, decision: Decision[Figures]) -> str:
        """The reason that the base leaves nothing to see."""

    @abstractmethod
    def done(self, decision: Decision[Figures]) -> str:
        """A specific edit's effect, and what it leaves."""

    @abstractmethod
    def compared(self, decision: Decision[Figures]) -> Iterator[str]:
        """Figures before and after."""

    @abstractmethod
    def beside(self, arm: Figures) -> str:
        """The figures of another arm."""

    @abstractmethod
    def named(self, arm: Figures) -> str:
        """The mark that tells another arm from others of its kind, in brackets."""

    @abstractmethod
    def held_out(self, base: Figures) -> Mapping[str, int]:
        """Numbers of held-out questions, by group."""


class _AnswerTerms(Terms[ArmSummary]):
    level, items, told, says_what_counts = "the target score", "questions", ("other", "image", "text"), False

    def __init__(self, measure: AnswerMeasure) -> None:
        self._measure, self._metric = measure, measure.metric

    def at(self, value: float) -> str:
        return f"target score {value:.2f}"

    def unclear(self, decision: Decision[ArmSummary]) -> str:
        score = decision.base.target.score.value
        if decision.why == Why.WEAK_BASE:
            return f"The unedited model's score is only {score:.2f} ({self._metric.counted}): nothing to suppress."
        if decision.why == Why.NO_BASE:
            return "The unedited model's score is 0: a rise cannot be measured relative to nothing."
        return f"The unedited model's score is {score:.2f} already: no room for a rise."

    def done(self, decision: Decision[ArmSummary]) -> str:
        base, edit, reached, direction = decision.base, decision.edit, decision.effect, self._measure.direction
        takes, lost = direction == "suppress" and self._metric.counts_right_answers, ""
        if base.unrelated and edit.unrelated and self._measure.knows_unrelated(base):
            loss = self._measure.loss(base, edit)
            share = f"{loss:.0%}" if loss >= 0.005 else "none"
            lost = (
                f" and {share} of the unrelated ones"
                if takes
                else f" and takes {share} of the correct unrelated answers"
            )
        if takes:
            return f"takes {reached:.0%} of the correct target answers{lost}"
        what = f"{self._metric.counted}, {base.target.score.value:.2f} before"
        return f"{WORDS[direction].verb}s the target score ({what}) by {reached:.0%}{lost}"

    def compared(self, decision: Decision[ArmSummary]) -> Iterator[str]:
        base, edit = decision.base, decision.edit
        yield _compare(f"Target ({self._metric.counted})", base.target.score, edit.target.score)
        if base.unrelated and edit.unrelated:
            yield _compare("Unrelated answers that are right", base.unrelated.score, edit.unrelated.score)
            yield from worst_subject(base.unrelated, edit.unrelated)
        if not self._measure.knows_unrelated(base):
            known = "The task has no unrelated questions"
            if base.unrelated:
                n, right = base.unrelated.n_questions, base.unrelated.score.value
                known = f"The unedited model answers only {round(right * n)} of {n} unrelated questions"
            yield (
                f"{known}: whether the edit is specific was judged on neutral text, on empty and repeating answers, "
                "and on other heads alone."
            )
        if self._metric.name != "names-concept":
            rates = base.target.concept_rate, edit.target.concept_rate
            yield _compare("Outputs that name any word of the concept", *rates)
        if self._measure.still_names(base, edit):
            yield (
                "Most answers still name some word of the concept: the edit changes which one the model names, not "
                "whether it names one."
            )

        yield from self._written(base.target.text, edit.target.text)
        yield from self._by_phrasing(decision)
        for name, before, after in (
            ("target", base.target, edit.target),
            ("unrelated", base.unrelated, edit.unrelated),
        ):
            if before and after and after.commonest_share > _MOST >= before.commonest_share:
                yield (
                    f'{after.commonest_share:.0%} of the {name} answers are one and the same, "{after.commonest}": '
                    f"{before.n_distinct} different ones before, {after.n_distinct} after."
                )

    def _written(self, base: FreeText | None, edit: FreeText | None) -> Iterator[str]:
        """Free text before and after: its length and variety, how it reads, and which word of the concept is said."""
        if base is None or edit is None:
            return
        yield (
            f"Target outputs: {base.length:.1f} words before, {edit.length:.1f} after; different word pairs "
            f"{base.distinct:.2f} and {edit.distinct:.2f} of all."
        )
        if base.perplexity is not None and edit.perplexity is not None:
            read = f"{base.perplexity:.1f} before, {edit.perplexity:.1f} after"
            if base.reader_perplexity is not None and edit.reader_perplexity is not None:
                read += f"; as a second model reads it, {base.reader_perplexity:.1f} and {edit.reader_perplexity:.1f}"
            yield f"Perplexity of what is written, as the unedited model reads it: {read}."
        if base.named and edit.named:
            yield (
                f'Of the words that count, "{base.named}" is said most before ({base.named_share:.0%}), "{edit.named}" '
                f"after ({edit.named_share:.0%}); {base.said_again:.0%} and {edit.said_again:.0%} repeat one of the "
                "same output."
            )

    def _by_phrasing(self, decision: Decision[ArmSummary]) -> Iterator[str]:
        """The target score by phrasing, and where one of them carries the effect alone."""
        pairs = list(zip(decision.base.target.phrasings, decision.edit.target.phrasings, strict=False))
        if not 1 < len(pairs) <= _MOST_PHRASINGS:
            return
        texts = [f'"{" ".join(then.text.split())}"' for then, _ in pairs]
        scores = (f"{text} {a.score:.2f} and {b.score:.2f}" for text, (a, b) in zip(texts, pairs, strict=True))
        yield f"By phrasing, before and after: {', '.join(scores)}."
        direction = self._measure.direction
        sign = 1 if direction == "suppress" else -1
        moved = [sign * (then.score - now.score) * now.n_questions for then, now in pairs]
        carrying = moved.index(max(moved))
        rest = [pair for i, pair in enumerate(pairs) if i != carrying]
        before, after = (sum(one.score * one.n_questions for one in each) for each in zip(*rest, strict=True))
        left = float(effects(before, after, direction))
        if decision.effect >= self._measure.thresholds.smallest_effect > left:
            yield f"One phrasing carries the effect, {texts[carrying]}; in the others it is {percent(left)}."

    def beside(self, arm: ArmSummary) -> str:
        return self.at(arm.target.score.value)

    def named(self, arm: ArmSummary) -> str:
        return f" ({arm.name})" if arm.kind == "other" else ""

    def held_out(self, base: ArmSummary) -> Mapping[str, int]:
        unrelated = {" unrelated": base.unrelated.n_questions} if base.unrelated else {}
        return {" target": base.target.n_questions, **unrelated}


class _CaptionTerms(Terms[CaptionArm]):
    level, items, told = "the concept's frequency", "images", ("other", "image", "text", "dose")
    says_what_counts = True

    def at(self, value: float) -> str:
        return f"{value:.2f} words per caption"

    def unclear(self, decision: Decision[CaptionArm]) -> str:
        base, names = decision.base, "The unedited model names the concept in"
        if decision.why == Why.WEAK_BASE:
            return f"{names} only {base.naming.value:.0%} of its captions: nothing to suppress."
        if decision.why == Why.NO_BASE:
            return "The unedited model never names the concept: a rise cannot be measured relative to nothing."
        if decision.why == Why.NO_ROOM:
            return f"{names} {base.naming.value:.0%} of its captions already: no room for a rise."
        cider = base.cider_without if decision.measure.direction == "suppress" else base.cider
        return (
            "The unedited model's captions have hardly anything in common with the references (CIDEr "
            f"{cider.value:.2f}): whether they stay good cannot be seen."
        )

    def done(self, decision: Decision[CaptionArm]) -> str:
        direction = decision.measure.direction
        kept = decision.edit.kept_cider(decision.base, direction)
        without = " without them" if direction == "suppress" else ""
        return (
            f"{WORDS[direction].verb}s the frequency of the concept's words by {decision.effect:.0%} and keeps "
            f"{kept:.0%} of the CIDEr{without}"
        )

    def compared(self, decision: Decision[CaptionArm]) -> Iterator[str]:
        base, edit = decision.base, decision.edit
        yield _compare("Words of the concept per caption", base.frequency, edit.frequency)
        yield _compare("Captions that name the concept", base.naming, edit.naming)
        yield _compare("CIDEr", base.cider, edit.cider)
        yield _compare("CIDEr without the concept's words", base.cider_without, edit.cider_without)
        for name, before in base.others.items():
            if before.value or edit.others[name].value:
                yield _compare(f"Words of {name} per caption", before, edit.others[name])
        yield (
            f"Words per caption: {base.length.value:.1f} before, {edit.length.value:.1f} after; repetition "
            f"{base.repetition:.2f} and {edit.repetition:.2f}; empty captions {base.empty:.0%} and {edit.empty:.0%}."
        )

    def beside(self, arm: CaptionArm) -> str:
        return f"{self.at(arm.frequency.value)}, CIDEr {arm.cider.value:.2f}"

    def named(self, arm: CaptionArm) -> str:
        return f" ({len(arm.heads)} heads at scale {arm.scale:g})" if arm.kind == "dose" else ""

    def held_out(self, base: CaptionArm) -> Mapping[str, int]:
        return {"": base.n_images}


def worst_subject(base: GroupSummary, edit: GroupSummary) -> Iterator[str]:
    """The subject that loses most, in a sentence, where there are several."""
    worst, several = edit.worst(base), f"Of {len(edit.subjects)} unrelated subjects"
    if worst is None:
        return
    before, after = worst
    if after.score < before.score:
        yield (
            f"{several}, {before.subject} lose most: {before.score:.2f} before, {after.score:.2f} after "
            f"({before.n_questions} questions)."
        )
    else:
        yield f"{several}, none loses any right answers."


def _compare(what: str, before: Estimate, after: Estimate) -> str:
    return f"{what}: {before} before, {after} after."


def terms_of(measure: Measure[Figures]) -> Terms[Any]:
    """The terms of a measure's kind of outputs."""
    return _AnswerTerms(measure) if isinstance(measure, AnswerMeasure) else _CaptionTerms()
