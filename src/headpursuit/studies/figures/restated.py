"""Word error rate, BLEU and chrF of what every arm wrote of the same held-out sentences."""

from collections.abc import Sequence
from typing import Any

from headpursuit.concepts import Concept
from headpursuit.extras import optional
from headpursuit.studies.results import Arm, Restatement
from headpursuit.studies.tasks import Question, Task
from headpursuit.studies.text.captions import without_words


def restated(task: Task, concept: Concept, arms: Sequence[Arm]) -> tuple[Restatement, ...]:
    """The sentences of each arm, compared with those that should be written; none for tasks that have no such text.

    Raises:
        ExtraMissing: If jiwer or sacrebleu is not installed.
    """
    if not task.restates:
        return ()
    rows = [i for i, question in enumerate(task.heldout) if question.group == "target"]
    asked = [task.heldout[i] for i in rows]
    return tuple(_restated(arm, asked, [arm.answers[i] for i in rows], concept) for arm in arms)


def check_comparing(task: Task) -> None:
    """Refuse to begin without the packages that compare.

    Raises:
        ExtraMissing: If one is not installed.
    """
    if task.restates:
        _ = optional("jiwer"), optional("sacrebleu")


def _restated(arm: Arm, asked: Sequence[Question], outputs: Sequence[str], concept: Concept) -> Restatement:
    sacrebleu: Any = optional("sacrebleu")
    references = [question.reference for question in asked]
    wanted = [_others(question.reference, question, concept) for question in asked]
    written = [_others(output, question, concept) for output, question in zip(outputs, asked, strict=True)]
    return Restatement(
        arm.name,
        arm.kind,
        float(optional("jiwer").wer(wanted, written)),
        float(sacrebleu.corpus_chrf(list(outputs), [references]).score),
        float(sacrebleu.corpus_bleu(list(outputs), [references]).score),
    )


def _others(text: str, question: Question, concept: Concept) -> str:
    """A text in plain words, without those of the concept, however they are written."""
    return without_words(text, (*concept.words, *question.answers))
