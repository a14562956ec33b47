"""A tokenizer that has tokens: without its files, transformers raises, or makes one out of nothing."""

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

TOKEN_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt", "spiece.model")
"""Files that most tokenizers are read from."""

_MORE = ("sentencepiece.bpe.model", "tekken.json", "*.tiktoken")

_FEWEST = 0.01
"""Share of the embedding's rows that are tokens in the least: a tokenizer made of nothing has a handful."""

_REMEDY = (
    "put the files that it was published with (tokenizer.json, or tokenizer.model, or vocab.json and merges.txt) "
    "beside config.json"
)


def read_tokenizer(source: str, options: dict[str, Any]) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint.

    Raises:
        ValueError: If there are no files that it could be made of, or whatever transformers raises.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source, **options)
    except Exception as error:
        if Path(source).is_dir() and not options.get("gguf_file") and not has_tokenizer(Path(source)):
            raise ValueError(f"it has no tokenizer; {_REMEDY}") from error
        raise
    return tokenizer


def has_tokenizer(folder: Path) -> bool:
    """True for a folder with files that tokens are read from."""
    return any(True for pattern in (*TOKEN_FILES, *_MORE) for _ in folder.glob(pattern))


def check_tokenizer(name: str, tokenizer: PreTrainedTokenizerBase, network: PreTrainedModel) -> None:
    """Refuse a tokenizer that transformers made up because the checkpoint has none.

    Raises:
        ValueError: Naming what is missing.
    """
    embedding = network.get_input_embeddings()
    rows = int(getattr(getattr(embedding, "weight", None), "shape", (0,))[0])
    n_tokens = len(set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens))
    if n_tokens < _FEWEST * rows:
        raise ValueError(
            f"cannot load {name!r}: it has no tokenizer ({n_tokens} tokens for {rows:,} rows of the embedding); "
            f"{_REMEDY}"
        )
