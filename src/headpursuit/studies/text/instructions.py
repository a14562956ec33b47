"""Instructions about a concept, in a task's words, and prompts with one before them."""

from dataclasses import replace

from headpursuit.concepts import Concept
from headpursuit.conversations import Conversation
from headpursuit.media import MediaPrompt, Prompt, prompt_about
from headpursuit.studies.tasks.task import Task, accepted_answers
from headpursuit.words import compared

_EXAMPLES = 3
"""Words of the concept that one of the wordings gives; none that is a held-out answer."""


def instructions(task: Task, concept: Concept) -> tuple[str, ...]:
    """Three wordings of what an edit is to do: not to name the concept, or to name it.

    Args:
        task: Its direction, and what it calls what belongs to the concept.
        concept: Its name, where the task has no words for it.

    Raises:
        ValueError: If the concept cannot be said.
    """
    called = task.called or concept.name.replace("_", " ").replace("-", " ").strip()
    if not compared(called):
        raise ValueError(
            f"an instruction cannot say {concept.name!r}; give the task `called`, like `called: names of countries`"
        )
    answers = set(map(compared, accepted_answers(task.heldout)))
    examples = [word.strip() for word in concept.words if compared(word) not in answers][:_EXAMPLES]
    such = f", such as {', '.join(examples)}" if examples else ""
    if task.direction == "enhance":
        return (
            f"Name as many {called} as you can.",
            f"Always answer with {called}{such}.",
            f"You must mention {called} in your answer, whatever the question is.",
        )
    return (
        f"Do not name any {called}.",
        f"Answer without {called}{such}.",
        f"You must never mention {called}. Where the answer would be one, say something else.",
    )


def instructed(prompt: Prompt, instruction: str) -> Prompt:
    """A prompt with an instruction before it; of a conversation, before its last message.

    Raises:
        ValueError: If it is an image or a sound without a text.
    """
    if isinstance(prompt, Conversation):
        *before, last = prompt.messages
        return Conversation((*before, replace(last, content=_joined(instruction, last.content))))
    if isinstance(prompt, MediaPrompt):
        if not prompt.text:
            raise ValueError(f"no instruction can be written before {prompt.modality.many} without a text")
        return prompt_about(prompt.modality, _joined(instruction, prompt.text), prompt.source)
    return _joined(instruction, prompt)


def _joined(instruction: str, text: str) -> str:
    return f"{instruction}\n\n{text}"
