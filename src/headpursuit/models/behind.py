"""The likelihood of texts behind prompts: how natural a model finds what was written, by whomever."""

from collections.abc import Sequence

import torch

from headpursuit.media import Prompt
from headpursuit.models.batches import batches, followed_by
from headpursuit.models.language_model import LanguageModel
from headpursuit.models.text import read_logits
from headpursuit.settings import Chat


@torch.no_grad()
def losses_behind(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    texts: Sequence[str],
    *,
    batch_size: int = 16,
    chat: Chat | bool = False,
) -> list[float | None]:
    """Mean negative log-probability of the tokens of each text behind its prompt, nats.

    Args:
        model: The model that reads; its perplexity of a text is the exponential.
        prompts: The prompts.
        texts: One behind each.
        batch_size: Prompts per batch.
        chat: Put each prompt into the chat template; a `Chat` also has its system prompt and settings.

    Returns:
        One for each text; None for one without a token.

    Raises:
        ValueError: If a prompt cannot be read, or leaves no room for the texts (see `batches`).
    """
    ids = [model.tokenizer.encode(text, add_special_tokens=False) for text in texts]
    spoken = [i for i, tokens in enumerate(ids) if tokens]
    found: list[float | None] = [None] * len(texts)
    if not spoken:
        return found
    room = max(len(ids[i]) for i in spoken)
    for batch in batches(model, [prompts[i] for i in spoken], batch_size, chat=chat, room=room):
        numbers = [spoken[i] for i in batch.indices]
        longest = max(len(ids[i]) for i in numbers)
        rows = torch.tensor([ids[i] + [0] * (longest - len(ids[i])) for i in numbers], device=batch.input_ids.device)
        read = torch.tensor([[1] * len(ids[i]) + [0] * (longest - len(ids[i])) for i in numbers], device=rows.device)
        logits = read_logits(model, followed_by(model, batch, rows, read), logits_to_keep=longest + 1)
        likely = logits[:, :-1].float().log_softmax(-1).gather(-1, rows[..., None])[..., 0]
        means = -(likely * read).sum(1) / read.sum(1)
        for i, mean in zip(numbers, means.tolist(), strict=True):
            found[i] = mean
    return found
