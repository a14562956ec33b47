"""Results in words: every sentence of a verdict and of a dose sheet. Nothing is decided here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from headpursuit.studies.judging.decision import Decision
from headpursuit.studies.judging.draws import Controls
from headpursuit.studies.judging.terms import WORDS, Terms, p_text, percent, terms_of
from headpursuit.studies.measures import AnswerMeasure, Break, BreakKind, Measure
from headpursuit.studies.results import (
    ArmKind,
    ArmSummary,
    Balance,
    Compared,
    DoseCell,
    DoseWord,
    Figures,
    Outcome,
    ScorerAgreement,
    Verdict,
    Why,
)

_WHERE: Mapping[ArmKind, str] = {"matched": "the same layers", "random": "any layer"}

_BESIDE: Mapping[ArmKind, str] = {
    "other": "As many heads that rank best for another concept on the same prompts",
    "image": "The same edit of image positions only",
    "text": "The same edit of everything but image positions",
    "dose": "The paper's dose",
}

_OTHERS: Mapping[ArmKind, str] = {
    "prompt": "a prompt",
    "direction": "a direction added to the stream",
    "ablated": "an ablated direction",
}

_OUTPUTS = {"target": "target answers", "unrelated": "unrelated answers", "captions": "captions"}


def verdict_of(decision: Decision[Figures], compared: Sequence[Compared] = ()) -> Verdict:
    """A decision with its sentence and the measurements behind it, and how the edit stands beside other ways."""
    beside = tuple(controls.beside() for controls in decision.controls)
    reasons = (*_reasons(decision), *_beside_others(decision, compared))
    return Verdict(decision.outcome, _sentence(decision), reasons, decision.why, beside, tuple(compared))


def signs_of(breaks: Sequence[Break]) -> tuple[str, ...]:
    """Everything that an edit breaks, a phrase each."""
    return tuple(_sign(found) for found in breaks)


def these(heads: Sequence[str]) -> str:
    """`this head`, or `these 3 heads`."""
    return "this head" if len(heads) == 1 else f"these {len(heads)} heads"


def nothing_to_change(base: ArmSummary, measure: AnswerMeasure) -> str:
    """That the unedited model leaves nothing to change, and what to do."""
    score, n, metric = base.target.score.value, base.target.n_questions, measure.metric
    enhance = "enhance, as a rise is measured relative to the base"
    nothing = "suppress" if measure.direction == "suppress" else enhance
    if metric.fraction and metric.needs_answers:
        return f"base answers {round(score * n)} of {n}: nothing to {nothing}; ask what the model knows"
    return (
        f"base scores {score:.2f} on {n} prompts ({metric.counted}): nothing to {nothing}; choose prompts that lead "
        "the model to the concept"
    )


def few_questions(measure: Measure[Figures], base: Figures) -> list[str]:
    """That there are too few questions to tell much; nothing if there are enough."""
    terms, fewest = terms_of(measure), measure.thresholds.fewest_questions
    few = " and ".join(f"{n}{group}" for group, n in terms.held_out(base).items() if n < fewest)
    rest = f"{terms.items} are held out: with fewer than {fewest} only large changes can be told."
    return [f"Only {few} {rest}"] if few else []


def shared(share: float) -> str:
    """The part of a dose's effect that random heads have, as a sign."""
    return f"random heads of the same layers reach {share:.0%} of the effect"


def choice(measure: Measure[Figures], base: Figures, cell: DoseCell[Figures]) -> str:
    """The reason for a dose, in words."""
    ending = "" if cell.n_heads > 1 else "s"
    dose = f"{cell.n_heads} head{'s' if cell.n_heads > 1 else ''} at scale {cell.scale:g}"
    changes = f"{dose} {WORDS[measure.direction].verb}{ending} {terms_of(measure).level} by {cell.effect:.0%}"
    wanted = f"{measure.thresholds.asked_effect:.0%}"
    if cell.word == DoseWord.GOOD:
        how = "surely" if measure.is_sure(base, cell.arm) else "seem to"
        which = f"the smallest of all doses that {how} reach {wanted} and break nothing else"
        return f"{changes} on the selection {terms_of(measure).items}, {which}."
    if cell.word == DoseWord.TOO_WEAK:
        start = f"No dose reaches {wanted} without breaking something else"
        return f"{start}; of those that break nothing, {changes}, the most."
    if cell.word == DoseWord.NOT_SPECIFIC:
        return f"No dose reaches {wanted} that random heads do not share; of {dose}, {cell.signs[0]}."
    return f"Every dose breaks something else; {dose} break{ending} the least: {'; '.join(cell.signs)}."


def left_out(counts: Sequence[int]) -> str:
    """The reason that some numbers of heads are not on a dose sheet; empty if all are."""
    if not counts:
        return ""
    return (
        f"Doses of {', '.join(map(str, counts))} heads were left out: they take so many of one layer that no random "
        "heads of it are left to compare with."
    )


def all_there_are(n: int) -> str:
    """That no more draws of random heads of an edit's layers could be made."""
    return (
        f"There are no more than {_draws(n)} of random heads of the same layers, and all were made; `near` takes them "
        "from the layers beside too."
    )


def reproduced(promised: Balance, found: Balance, asked: float) -> str:
    """A dose's effect and loss on held-out questions, beside those on the ones it was chosen on."""
    less = f", less than the {asked:.0%} that was asked for" if found.effect < asked else ""
    return (
        f"The dose was chosen for an effect of {promised.effect:.0%} on the selection questions; on the held-out ones, "
        f"which share no fact with them, it is {percent(found.effect)}{less}. The loss of unrelated answers is "
        f"{percent(promised.loss)} there, and {percent(found.loss)} here."
    )


def another_way(decision: Decision[Figures]) -> str:
    """That heads can be chosen by what they do, where those that write the concept were no use; else empty."""
    if decision.outcome not in (Outcome.NO_EFFECT, Outcome.OVER_INTERVENED):
        return ""
    return (
        "These heads were chosen by what they write. That a head writes a concept's words does not mean that the model "
        "needs it: `--by effect` grows an edit from the heads that do most."
    )


def agreed(found: ScorerAgreement) -> str:
    """Two scorers on the same outputs, in a sentence."""
    return (
        f"Two scorers, {found.judge} (which judges) and {found.other}, agree over all target outputs with a rank "
        f"correlation of {found.correlation:.2f}; by {found.other} the effect is {percent(found.effect)}: "
        f"{found.before} before, {found.after} after."
    )


def all_alike(judge: str, n: int, score: float) -> str:
    """That a scorer tells nothing apart, and what to do."""
    return (
        f"the scorer {judge} rates all {n} target outputs of the unedited model {score:.2f}, so that no change "
        "could be seen; take another scorer, or other prompts"
    )


def holding(n: int, n_asked: int, words: Sequence[str]) -> str:
    """That prompts hold words of the concept already; empty if none does."""
    if not n:
        return ""
    return (
        f"{n} of {n_asked} held-out target prompts hold words of the concept already ({', '.join(words)}): outputs "
        "that repeat them count as if the model had said them of its own accord."
    )


def _sign(found: Break) -> str:
    if found.kind == BreakKind.UNRELATED:
        return f"unrelated questions lose {found.figure:.0%} of their correct answers"
    if found.kind == BreakKind.PERPLEXITY:
        return f"perplexity on neutral text is {found.figure:.1f} times the base's"
    if found.kind == BreakKind.LENGTH:
        return f"{_OUTPUTS[found.outputs or 'captions']} have {found.figure:.0%} of the base's words"
    if found.kind == BreakKind.WRITTEN:
        return f"what is written has {found.figure:.1f} times the base's perplexity, as the unedited model reads it"
    if found.kind == BreakKind.SAMENESS:
        return f"target answers have {found.figure:.0%} of the base's different word pairs"
    if found.kind == BreakKind.ONE_WORD:
        return f"{found.figure:.0%} of the concept's words repeat one of the same answer: one word, and no rise"
    if found.outputs is None:
        return f"{found.kind} is {found.figure:.0%} of the base's"
    if found.kind == BreakKind.EMPTY:
        return f"{found.figure:.0%} of the {_OUTPUTS[found.outputs]} are empty"
    return f"{_OUTPUTS[found.outputs]} repeat themselves ({found.figure:.0%} of word pairs)"


def _sentence(decision: Decision[Figures]) -> str:
    edit, reached, terms = decision.edit, decision.effect, terms_of(decision.measure)
    if decision.outcome == Outcome.SPECIFIC:
        return f"Rescaling {these(edit.heads)} {terms.done(decision)}; random heads do not do the same."
    if decision.why == Why.BROKEN:
        together = "" if any(found.ratio > 1 for found in decision.breaks) else "together "
        return f"The edit {together}breaks more than the concept: {'; '.join(signs_of(decision.breaks))}."
    if decision.why == Why.RANDOM_HEADS and (alike := decision.alike()):
        return (
            f"Random heads of {_WHERE[alike.kind]} reach {max(alike.share, 0):.0%} of the effect on average, the "
            f"strongest of {len(alike.effects)} draws {alike.strongest:.0%} ({_p_of(alike, decision.measure)}); these "
            "heads are not special."
        )
    if decision.why == Why.FEW_DRAWS and (few := decision.too_few()):
        return f"{_too_few(few)}: whether these heads are special cannot be said; ask for more draws."
    words = WORDS[decision.measure.direction]
    if decision.why == Why.WRONG_SIDE:
        return f"A scale of {edit.scale:g} {words.undoes}, but this study measures {words.noun}."
    if decision.outcome == Outcome.UNDECIDABLE:
        return terms.unclear(decision)
    if decision.why == Why.SMALL and terms.says_what_counts:
        least = decision.measure.thresholds.smallest_effect
        return (
            f"Rescaling {these(edit.heads)} {words.verb}s {terms.level} by {reached:.0%} only; at least {least:.0%} "
            f"counts as {words.noun}."
        )
    sure = f"{decision.measure.thresholds.sure_effect:.0%}"
    return f"Rescaling {these(edit.heads)} does not reliably {words.verb} {terms.level} by {sure}."


def _reasons(decision: Decision[Figures]) -> Iterator[str]:
    base, edit, terms = decision.base, decision.edit, terms_of(decision.measure)
    yield from terms.compared(decision)
    for controls in decision.controls:
        yield _of_draws(controls, decision.measure, terms)
    for kind in _BESIDE:
        yield from (
            f"{_BESIDE[kind]}{terms.named(arm)}: {terms.beside(arm)}."
            for arm in decision.arms
            if arm.kind == kind and kind in terms.told
        )
    yield from few_questions(decision.measure, base)
    damage = decision.measure.damage_interval(base, edit)
    beyond = "; the interval reaches beyond it" if damage.value <= 1 < damage.high else ""
    yield f"All damage together: {damage} times what is tolerated{beyond}."
    ratio = edit.damage.perplexity / base.damage.perplexity
    yield f"Neutral text: perplexity {ratio:.2f} times the base's, KL {edit.damage.kl:.3f} nats per token."


def _beside_others(decision: Decision[Any], compared: Sequence[Compared]) -> Iterator[str]:
    """The edit beside a prompt and directions, in one sentence."""
    arms = {arm.name: arm for arm in decision.arms}
    found = []
    for one in compared:
        arm = arms[one.name]
        level = f"{arm.baseline}: {terms_of(decision.measure).beside(arm)}, difference {one.difference}"
        harm = f"damage {decision.measure.damage(decision.base, arm):.2f}" + ", which breaks the model" * one.breaks
        found.append(f"{one.word} {_OTHERS[arm.kind]} ({level}; {harm})")
    if found:
        yield f"Beside other ways, each chosen within the same tolerated damage, the edit is {'; '.join(found)}."


def _of_draws(controls: Controls[Figures], measure: Measure[Figures], terms: Terms[Any]) -> str:
    levels = controls.levels
    return (
        f"{_draws(len(levels))} of random heads of {_WHERE[controls.kind]}: {terms.at(float(np.mean(levels)))} on "
        f"average ({min(levels):.2f} to {max(levels):.2f}), {controls.n_as_strong} as far as the edit: "
        f"{_p_of(controls, measure)}; {_broken(sum(controls.broken))}."
    )


def _p_of(controls: Controls[Figures], measure: Measure[Figures]) -> str:
    """The p over draws; where it is as small as it can be and yet too large, what follows if draws are normal."""
    p = f"p = {controls.p:.2g} over draws"
    if controls.n_as_strong or controls.p <= measure.thresholds.significance:
        return p
    return (
        f"{p}, the smallest that {len(controls.effects)} can give, and {p_text(controls.student_p)} if draws are "
        "normally distributed"
    )


def _broken(n: int) -> str:
    if not n:
        return "none of them breaks the model"
    does = "breaks the model and counts" if n == 1 else "break the model and count"
    return f"{n} of them {does} by what the tolerated damage takes"


def _too_few(controls: Controls[Figures]) -> str:
    n, where = len(controls.effects), f"random heads of {_WHERE[controls.kind]}"
    if all(controls.broken):
        return f"None of {_draws(n)} of {where} leaves the model whole"
    return f"There {'is' if n == 1 else 'are'} only {_draws(n)} of {where}"


def _draws(n: int) -> str:
    return f"{n} draw{'s' if n > 1 else ''}"
