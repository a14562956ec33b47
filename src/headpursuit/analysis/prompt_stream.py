"""A stream of prompts as a whole: what tells it from others, and the images and sounds of it that cannot be read."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from headpursuit.conversations import Conversation
from headpursuit.media import MediaPrompt, Prompt, checked, content_of


def sha256_of_prompts(prompts: Collection[Prompt]) -> str:
    """Hash of all prompts in order, and of what their images and sounds hold.

    Raises:
        TypeError: If one is no prompt; the text has its number.
    """
    digest = hashlib.sha256()
    for prompt in checked(prompts):
        if isinstance(prompt, str):
            digest.update(f"{len(prompt)} {prompt}".encode(errors="surrogatepass"))
        elif isinstance(prompt, Conversation):
            digest.update(f"messages {json.dumps(prompt.to_json())} ".encode())
        else:
            digest.update(f"{prompt.modality.name} {len(prompt.text)} {prompt.text} ".encode())
            digest.update(content_of(prompt.source))
    return digest.hexdigest()


def check_files(prompts: Iterable[Prompt]) -> None:
    """Find files of images and sounds that are missing before a model is loaded.

    Raises:
        FileNotFoundError: If one is; the text names the prompt and the file.
    """
    for number, prompt in enumerate(prompts, start=1):
        file = prompt.source if isinstance(prompt, MediaPrompt) else None
        if isinstance(prompt, MediaPrompt) and isinstance(file, Path) and not file.is_file():
            what = prompt.modality.file_noun
            raise FileNotFoundError(f"prompt {number}: there is no {what} {file}; mend the path, or `skip_bad=True`")


def check_chat(prompts: Iterable[Prompt], chat: bool) -> None:
    """Find conversations that have no chat template to go into, before a model is loaded.

    Raises:
        ValueError: If there is one, and `chat` is not asked for.
    """
    number = 0 if chat else next((n for n, one in enumerate(prompts, start=1) if isinstance(one, Conversation)), 0)
    if number:
        raise ValueError(f"prompt {number} is a conversation, which only the chat template can write; give `chat=True`")


@dataclass(frozen=True)
class Readable(Collection[Prompt]):
    """Prompts without some of them."""

    prompts: Collection[Prompt]
    left_out: frozenset[int]
    """Their numbers, from 0."""

    def __len__(self) -> int:
        return len(self.prompts) - len(self.left_out)

    def __iter__(self) -> Iterator[Prompt]:
        return (prompt for number, prompt in enumerate(self.prompts) if number not in self.left_out)

    def __contains__(self, prompt: object) -> bool:
        return any(prompt == other for other in self)


def readable(prompts: Collection[Prompt], skipped: Callable[[str], None]) -> Collection[Prompt]:
    """Leave out prompts whose images or sounds are missing or cannot be decoded; each is opened once for that.

    Args:
        prompts: Texts, texts with an image, and sounds.
        skipped: Told about each prompt that is left out, in one line that names the prompt and the file.

    Raises:
        ValueError: If none is left.
    """
    left_out = set()
    for number, prompt in enumerate(prompts):
        try:
            if isinstance(prompt, MediaPrompt):
                prompt.modality.open(prompt.source)
        except (OSError, ValueError) as error:
            left_out.add(number)
            skipped(f"prompt {number + 1} is skipped: {error}")
    if len(left_out) == len(prompts):
        raise ValueError("no prompt is left: none of the images or sounds can be read")
    return Readable(prompts, frozenset(left_out)) if left_out else prompts
