"""Answers to the same prompts under several edits, side by side in full batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

from headpursuit.heads import Edit
from headpursuit.media import Prompt
from headpursuit.models.alike import rescale_alike
from headpursuit.models.batches import batches
from headpursuit.models.decoding import Decoding
from headpursuit.models.encoding import crossed, encoded, encodes_alike
from headpursuit.models.framing import tell_of_frames
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.text import continue_batch, end_ids
from headpursuit.processes import interleaved
from headpursuit.settings import Chat


@dataclass(frozen=True)
class AnswersUnder:
    """Answers under one edit."""

    texts: tuple[str, ...]
    """Without special tokens, in the order of the prompts."""
    n_forwards: int
    """Forward passes in which the edit acted, those of each prompt by themselves."""

    @classmethod
    def of_shares(cls, shares: "Sequence[AnswersUnder]") -> "AnswersUnder":
        """The answers to all prompts, from those to the shares of several processes."""
        return cls(tuple(interleaved([share.texts for share in shares])), sum(share.n_forwards for share in shares))


def answers_under(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    edits: Sequence[Edit],
    *,
    max_new_tokens: int = 12,
    batch_size: int = 64,
    chat: Chat | bool = False,
    progress: Callable[[int, int], None] | None = None,
    decoding: Decoding | None = None,
) -> list[AnswersUnder]:
    """The answers that `answer` gives under each edit, in the order of the edits.

    All edits of a prompt share a batch that has room for them; what they have in common is computed once (`alike`).

    Args:
        model: The model.
        prompts: Texts, and texts with an image.
        edits: The edits; `Edit({})` for the unedited model.
        max_new_tokens: Length of the answers.
        batch_size: Most rows of a batch, prompts times edits; with fewer rows than edits, so many edits share a batch.
        chat: Put each prompt into the chat template; a `Chat` also has its system prompt and settings.
        progress: Called after each batch with the answers done and all answers.
        decoding: Another way than greedily up to the answer's end.

    Raises:
        FileNotFoundError: If an image is missing.
        ValueError: As `answer` and `rescale`.
    """
    n_edits, n_answers = len(edits), len(prompts) * len(edits)
    tell_of_frames(model, prompts, chat)
    found: list[list[str]] = [[""] * len(prompts) for _ in edits]
    touched, done = [0] * n_edits, 0
    at_once = max(1, min(batch_size, n_edits))
    for part in (range(n_edits)[i : i + at_once] for i in range(0, n_edits, at_once)):
        rows = batch_size // len(part) * len(part)
        for batch in batches(model, prompts, rows, chat=chat, room=max_new_tokens, times=len(part)):
            of = list(zip(batch.indices, cycle(part), strict=False))
            batch = crossed(model, encoded(model, batch)) if encodes_alike(edits) else batch
            start = batch.input_ids.shape[1]
            asked, under = [prompt for prompt, _ in of], [edits[edit] for _, edit in of]
            with rescale_alike(model, under, asked, frozenset(end_ids(model))) as applied:
                full = continue_batch(model, batch, max_new_tokens, decoding)
            for (prompt, edit), ids, mask in zip(of, full.input_ids, full.attention_mask, strict=True):
                kept = ids[start:][mask[start:].bool()].tolist()
                found[edit][prompt] = str(model.tokenizer.decode(kept, skip_special_tokens=True))
            for (_, edit), counter in zip(of, applied, strict=True):
                touched[edit] += counter.n_forwards
            done += len(of)
            if progress:
                progress(done, n_answers)
    return [AnswersUnder(tuple(texts), n) for texts, n in zip(found, touched, strict=True)]
