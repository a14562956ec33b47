"""A task with enough questions to choose heads by, on a tiny random model whose own answers are the accepted ones."""

from functools import lru_cache

import tiny
import tiny_study

import headpursuit as hp
from headpursuit.concepts import Concept
from headpursuit.models import answer
from headpursuit.studies.tasks import Question, Task

N_TARGET, N_UNRELATED = 24, 30
PLANTED = {"L1H2": -1}
"""What takes the answers to target questions and leaves those to unrelated ones: they are chosen that way."""


@lru_cache
def _asked():
    """Prompts whose answer the planted edit changes, then prompts whose answer it leaves; what is answered."""
    model = model_of()
    prompts = [tiny.text_of([5 + i % 250, 40 + 7 * i % 250, 100 + 3 * i % 190]) for i in range(120)]
    said = [text.split() for text in answer(model, prompts, max_new_tokens=tiny_study.N_NEW)]
    with hp.rescale(model, PLANTED):
        edited = [text.split() for text in answer(model, prompts, max_new_tokens=tiny_study.N_NEW)]
    rows = list(zip(prompts, said, edited, strict=True))
    changed = [(p, s) for p, s, e in rows if s[0] not in e]
    kept = [(p, s) for p, s, e in rows if s[0] == e[0]]
    assert len(changed) >= N_TARGET and len(kept) >= N_UNRELATED, (len(changed), len(kept))
    return changed[:N_TARGET] + kept[:N_UNRELATED]


def task_of(n_words=1, **changes):
    """Answers are so many words of what the model says; a third ranks heads, a third selects, a third is held out."""
    questions = []
    for i, (prompt, words) in enumerate(_asked()):
        target = i < N_TARGET
        split = ("ranking", "selection", "heldout")[i % 3]
        accepted = (" ".join(words[:n_words]),)
        subject = "target" if target else ("early", "late")[i % 2]
        questions.append(Question(prompt, accepted, "target" if target else "unrelated", subject, f"fact {i}", split))
    given = dict(name="tiny", concept=Concept("colours", ("w20", "w61", "w133")), questions=tuple(questions))
    return Task(**{**given, "neutral_texts": tiny_study.NEUTRAL, **changes})


def model_of():
    return tiny.word_model()
