"""The tokens of each question whose probability is followed while heads are rescaled."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from headpursuit.models import (
    Continuation,
    LanguageModel,
    answer_ids,
    likelihoods,
    spelled,
    tokens_of,
)
from headpursuit.settings import Chat
from headpursuit.studies.config import StudyConfig
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.phrases import phrases

FEWEST_FACTS = 8
"""Facts of a group that heads are chosen by, at least."""

_MOST_ANSWERS = 8
"""Accepted answers of a question that are compared, at most."""


@dataclass(frozen=True)
class Followed:
    """Questions with what is followed of each."""

    questions: tuple[Question, ...]
    continuations: tuple[Continuation, ...]
    what: str
    """The tokens followed, in words, such as `the right answers`."""
    n_left_out: int = 0
    """Questions without a right answer to follow: none begins with a token of the model, or, where answers come late,
    the unedited model gives none."""
    mass: bool = False
    """True if the probability of what is followed counts, not its lead over other tokens."""

    @property
    def facts(self) -> tuple[str, ...]:
        """The fact that each question asks for."""
        return tuple(question.fact for question in self.questions)


def follow(model: LanguageModel, task: Task, questions: Sequence[Question], config: StudyConfig) -> Followed:
    """The tokens that are followed of some questions of one group.

    Where an answer comes at once, it is the accepted answer that the unedited model finds most likely, all its tokens,
    teacher-forced. Where answers come later (`positions` is `generated`), the model's own answer is read again, and
    the tokens of the accepted answer in it are followed; questions that it answers wrongly are left out. Where no
    answers are known, it is the probability of all the concept's tokens together, right behind the prompt.

    Raises:
        ValueError: If nothing can be followed: no answer is known and the concept has no token, or the model gives no
            right answer.
    """
    if not all(question.answers for question in questions):
        ids = tokens_of(model, task.words, config.ranking.multi_token).token_ids
        followed = tuple(Continuation(q.prompt, (tuple(ids),)) for q in questions)
        return Followed(tuple(questions), followed, "the concept's tokens", mass=True)
    if config.positions == "generated":
        return _late(model, questions, config)
    return _at_once(model, questions, config)


def _at_once(model: LanguageModel, questions: Sequence[Question], config: StudyConfig) -> Followed:
    """Of each question the accepted answer that is most likely."""
    spelt = [(q, _spelled(model, q, config.frame)[:_MOST_ANSWERS]) for q in questions]
    kept = [(q, answers) for q, answers in spelt if answers]
    if not kept:
        raise ValueError(
            f"no answer to {len(questions)} {questions[0].group} questions begins with a token of the model, such as "
            f"{questions[0].answers[0]!r}; give others, or choose heads by what they write"
        )
    found = [[Continuation(q.prompt, ids) for ids in answers] for q, answers in kept]
    several = [c for one in found if len(one) > 1 for c in one]
    likely = dict[int, float]()
    if several:
        read = likelihoods(model, several, batch_size=config.batch_size, chat=config.frame, every=0)
        likely = {id(c): value for c, value in zip(several, read.base.log_probability.tolist(), strict=True)}
    best = tuple(max(one, key=lambda c: likely.get(id(c), 0.0)) for one in found)
    return Followed(tuple(q for q, _ in kept), best, "the right answers", len(questions) - len(kept))


def _spelled(model: LanguageModel, question: Question, chat: Chat | bool) -> list[tuple[tuple[int, ...], ...]]:
    spaced = not chat and not question.text[-1:].isspace()
    ids = dict.fromkeys(spelled(model, answer, spaced=spaced) for answer in question.answers)
    return [tuple((token,) for token in tokens) for tokens in ids if tokens]


def _late(model: LanguageModel, questions: Sequence[Question], config: StudyConfig) -> Followed:
    """The right answers within what the unedited model says."""
    said = answer_ids(
        model,
        [q.prompt for q in questions],
        max_new_tokens=config.max_new_tokens,
        batch_size=config.batch_size,
        chat=config.frame,
    )
    found = [(q, _within(model, q, ids)) for q, ids in zip(questions, said, strict=True)]
    kept = [(q, c) for q, c in found if c is not None]
    if not kept:
        raise ValueError(
            f"the unedited model answers none of {len(questions)} {questions[0].group} questions rightly, so there is "
            "no answer to follow; ask what it knows, or give it more new tokens"
        )
    return Followed(
        tuple(q for q, _ in kept),
        tuple(c for _, c in kept),
        "the right answers within what the model says",
        len(found) - len(kept),
    )


def _within(model: LanguageModel, question: Question, said: Sequence[int]) -> Continuation | None:
    """The tokens of an accepted answer in what was said, and all before them."""

    def text(n: int) -> str:
        return str(model.tokenizer.decode(list(said[:n]), skip_special_tokens=True))

    # Of the whole: what begins like an accepted answer may go on to be another, as `seven` does in `seventeen`.
    whole = text(len(said))
    found = next(phrases(question.answers).matches(whole), None)
    if found is None:
        return None
    end = next(n for n in range(1, len(said) + 1) if text(n)[: found.end] == whole[: found.end])
    first = max(n for n in range(end) if len(text(n)) <= found.start)
    return Continuation(question.prompt, tuple((token,) for token in said[first:end]), tuple(said[:first]))


def check_following(task: Task, questions: Collection[Question], least: int = FEWEST_FACTS) -> None:
    """Refuse too few questions to choose heads by.

    Raises:
        ValueError: If a group has fewer facts than the least.
    """
    for group in ("target", "unrelated"):
        facts = {q.fact for q in questions if q.group == group}
        if len(facts) < least:
            raise ValueError(
                f"{task.name} has {len(facts)} {group} facts to choose heads by, and at least {least} are needed; "
                "ask more questions that are not held out, or choose heads by what they write"
            )
