"""A task with enough questions to choose heads by, on a tiny random model whose own answers are the accepted ones."""

import tiny
import tiny_study

from headpursuit.concepts import Concept
from headpursuit.models import answer
from headpursuit.studies.tasks import Question, Task

N_TARGET, N_UNRELATED = 24, 20


def task_of(model, n_words=2, **changes):
    """Answers are so many words of what the model says; of targets eight rank, eight select, eight are held out."""
    prompts = [tiny_study.prompt(i) for i in range(N_TARGET + N_UNRELATED)]
    said = answer(model, prompts, max_new_tokens=tiny_study.N_NEW)
    questions = []
    for i, (prompt, text) in enumerate(zip(prompts, said, strict=True)):
        target = i < N_TARGET
        split = ("ranking", "selection", "heldout")[i % 3] if target else ("selection", "heldout")[i % 2]
        group = "target" if target else "unrelated"
        accepted = (" ".join(text.split()[:n_words]),)
        questions.append(Question(prompt, accepted, group, "subject", f"fact {i}", split))
    given = dict(name="tiny", concept=Concept("colours", ("w20", "w61", "w133")), questions=tuple(questions))
    return Task(**{**given, "neutral_texts": tiny_study.NEUTRAL, **changes})


def model_of():
    return tiny.word_model()
