"""Tokens that the decoder of an encoder-decoder is given first, and nobody writes: start, language and task."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

from headpursuit.models.language_model import LanguageModel

TRANSCRIBE = "transcribe"
"""Whisper's task where its generation config names none."""


def start_ids(
    model: LanguageModel, source: Mapping[str, Tensor], n_rows: int, beginnings: Sequence[list[int]] = ()
) -> Int[Tensor, "n_rows n_start"]:
    """The tokens that the answers to a batch begin with.

    They are the start token, and what the generation config puts behind it: the language to translate into, or
    Whisper's language and task. Where Whisper is told no language, it says which one it hears.

    Args:
        model: An encoder-decoder.
        source: What its encoder reads.
        n_rows: Prompts in the batch.
        beginnings: Tokens that follow in each row, as many in all of them; of Donut, whose text names its task, they
            stand there alone.

    Raises:
        ValueError: If no start token is named, or Whisper lacks the language or task.
    """
    if beginnings and beginnings[0]:
        text = torch.tensor(beginnings, device=model.device)
        if "donut" in getattr(getattr(model.network.config, "encoder", None), "model_type", ""):
            return text
        return torch.cat([start_ids(model, source, n_rows), text], dim=1)
    config: Any = model.network.generation_config
    device = model.device
    first = [_start_token(model)]
    if hasattr(config, "no_timestamps_token_id"):
        if not getattr(config, "is_multilingual", hasattr(config, "lang_to_id")):
            return torch.tensor([[*first, config.no_timestamps_token_id]], device=device).expand(n_rows, -1)
        language = _language(model, config, source, n_rows)
        task = _known(getattr(config, "task_to_id", {}), getattr(config, "task", None) or TRANSCRIBE, "task")
        columns = [torch.full((n_rows,), i, device=device) for i in (*first, task, config.no_timestamps_token_id)]
        return torch.stack([columns[0], language.to(device), *columns[1:]], dim=1)
    forced = getattr(config, "forced_bos_token_id", None)
    return torch.tensor([[*first, *([] if forced is None else [forced])]], device=device).expand(n_rows, -1)


def _start_token(model: LanguageModel) -> int:
    configs: tuple[Any, ...] = (model.network.generation_config, model.network.config)
    names = ("decoder_start_token_id", "bos_token_id")
    found = next((v for name in names for one in configs if (v := getattr(one, name, None)) is not None), None)
    if found is None:
        raise ValueError(
            f"{model.name or 'the model'} names no token that its decoder starts with; set decoder_start_token_id in "
            "its generation_config.json"
        )
    return int(found)


def _language(model: LanguageModel, config: Any, source: Mapping[str, Tensor], n_rows: int) -> Int[Tensor, " n_rows"]:
    language = getattr(config, "language", None)
    if language is None:
        network: Any = model.network
        return network.detect_language(input_features=source["input_features"], generation_config=config)
    known = getattr(config, "lang_to_id", {})
    code = TO_LANGUAGE_CODE.get(str(language).lower(), language)
    named = language if language in known else f"<|{code}|>"
    return torch.full((n_rows,), _known(known, named, "language"))


def _known(ids: Mapping[str, int], name: str, what: str) -> int:
    if name not in ids:
        there = ", ".join(sorted(one.strip("<|>") for one in ids)) or "none"
        raise ValueError(f"the model lacks the {what} {name.strip('<|>')!r} of its generation config; it has {there}")
    return ids[name]
