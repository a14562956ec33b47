"""concepts list and concepts audit."""

from typing import Annotated

import typer

from headpursuit.cli.console import one_line_errors, print_table, say
from headpursuit.cli.opening import open_model
from headpursuit.cli.options import MultiTokenOption

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
    """Which tokens each word becomes, which words are dropped and why, and what is shared with other concepts."""
    from headpursuit.concepts import builtin_concepts, load_concept
    from headpursuit.models import collisions, spell

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
    say(
        f"{len(words.words)} words, {len(found.token_ids)} tokens, {len(found.dropped_words)} words dropped "
        f"(policy for words of several tokens: {multi_token})"
    )
    for other, shared in collisions(loaded, found, others, multi_token).items():
        say(f"shared with {other}: " + " ".join(repr(token) for token in shared))
