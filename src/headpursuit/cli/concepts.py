"""concepts list and concepts audit."""

import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from headpursuit.cli.console import one_line_errors, print_table, quoted, say
from headpursuit.cli.opening import open_model
from headpursuit.cli.options import MultiTokenOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpursuit.models import ConceptTokens

_MOST = 10
"""Tokens that a line names, and lines about tokens, at most."""

app = typer.Typer(help="Word lists, and what a tokenizer makes of them.", no_args_is_help=True)


@app.command("list")
@one_line_errors
def list_concepts() -> None:
    """The built-in concepts."""
    from headpursuit.concepts import builtin_concepts, load_concept

    concepts = [load_concept(name) for name in builtin_concepts()]
    rows = [(c.name, str(len(c.words)), c.description, c.source) for c in concepts]
    print_table("built-in concepts", ("name", ">words", "what", "source"), rows)


@app.command("audit")
@one_line_errors
def audit(
    concept: Annotated[str, typer.Argument(help="A built-in concept, or a text file with one word a line.")],
    model: Annotated[str, typer.Option(help="The model whose tokenizer counts.")] = "smollm2-135m",
    against: Annotated[
        list[str] | None,
        typer.Option(help="Other concepts to look for shared tokens in; all built-in ones by default."),
    ] = None,
    multi_token: MultiTokenOption = "drop",
    spellings: Annotated[bool, typer.Option("--spellings", help="Show every spelling that was tried.")] = False,
) -> None:
    """The tokens that each word becomes, the words that are dropped and why, and those shared with other concepts."""
    from headpursuit.concepts import WordsChanged, builtin_concepts, load_concept
    from headpursuit.models import collisions, spell

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WordsChanged)  # told below, as a part of the audit
        words = load_concept(concept)
    others = [load_concept(name) for name in against or builtin_concepts() if name != concept]
    loaded = open_model(model, weights=False)
    found = spell(loaded, words, multi_token)
    if spellings:
        every = [
            (s.word, repr(s.text), str(s.token_ids[0]) if not s.dropped else "", s.dropped) for s in found.spellings
        ]
        print_table(
            f"spellings of {words.name} under {model}", ("word", "spelling", ">token id", "dropped because"), every
        )
    rows = []
    for word in words.words:
        kept = [s for s in found.spellings if s.word == word and not s.dropped]
        lost = [s for s in found.spellings if s.word == word and s.dropped]
        ids = {s.token_ids[0]: s.pieces[0] for s in kept}
        rows.append((word, "  ".join(f"{piece!r} {i}" for i, piece in ids.items()), "" if ids else lost[0].dropped))
    print_table(f"{words.name} under {model}", ("word", "tokens (text, id)", "dropped because"), rows)
    for note in words.notes:
        say(note)
    n_words, n_dropped = len(words.words), len(found.dropped_words)
    say(
        f"{_counted(n_words, 'word')}, {_counted(len(found.token_ids), 'token')} for {n_words - n_dropped} of them, "
        f"{_counted(n_dropped, 'word')} dropped (policy for words of several tokens: {multi_token})"
    )
    if multi_token == "first":
        _say_what_first_tokens_do(found)
    for other, shared in collisions(loaded, found, others, multi_token).items():
        say(f"shared with {other}: {quoted(shared)}")


def _say_what_first_tokens_do(found: "ConceptTokens") -> None:
    """First tokens that stand for several words, and single letters, which begin very many others."""
    texts = {s.token_ids[0]: s.pieces[0] for s in found.spellings if not s.dropped}
    begins = {s.token_ids[0] for s in found.spellings if not s.dropped and len(s.token_ids) > 1}
    for token, words in list(found.shared.items())[:_MOST]:
        say(f"{texts[token]!r} stands for {len(words)} words: {_some(words, ', ')}")
    if len(found.shared) > _MOST:
        say(f"and {_counted(len(found.shared) - _MOST, 'more token')} for several words each")
    letters = [texts[token] for token in sorted(begins) if _is_letter(texts[token].strip())]
    if letters:
        say(
            f"{_counted(len(letters), 'first token')} of one letter, which begins very many other words: "
            f"{_some([repr(letter) for letter in letters], ' ')}"
        )


def _is_letter(text: str) -> bool:
    """A single letter of an alphabet with capitals, which alone means nothing."""
    return len(text) == 1 and text.lower() != text.upper()


def _some(parts: "Sequence[str]", between: str) -> str:
    more = f"{between}and {len(parts) - _MOST} more" if len(parts) > _MOST else ""
    return between.join(parts[:_MOST]) + more


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
