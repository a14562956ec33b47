"""Build the atlas of a captured model.

1. Every concept becomes tokens; those that no token stands for are left out, with the reason.
2. Every head is scored for every concept, against random tokens written alike and about as frequent.
3. A head's pooled p-value for a concept compares it with the random dictionaries of that concept over all heads, as in
   a ranking. They are not pooled over concepts too: random dictionaries of ten tokens have another shape than those of
   two hundred, and short lists would find more than their share.
4. Benjamini and Hochberg's procedure runs over all heads and all concepts at once, so that asking for more concepts
   does not buy findings. Its level of 5 % is proven for exact p-values of independent or positively dependent tests,
   which pooled ones of overlapping concepts need not be: docs/calibration.md says what was measured.
5. Every head is named by the tokens of the whole vocabulary that explain it best.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from headpursuit.analysis.atlases.atlas import Atlas, AtlasConcept
from headpursuit.analysis.atlases.weights_alone import weights_capture
from headpursuit.analysis.captures import Capture
from headpursuit.analysis.explaining import explain
from headpursuit.analysis.ranking_heads import score_each
from headpursuit.analysis.readings import read
from headpursuit.concepts import Concept, Words, builtin_concepts, concepts_of
from headpursuit.heads import Head
from headpursuit.models import (
    ConceptTokens,
    GivenModel,
    LanguageModel,
    model_of,
    spell,
    token_text,
    vocabulary_sha256,
    why_no_token,
)
from headpursuit.pursuit import Scores, benjamini_hochberg, pooled_p
from headpursuit.settings import AtlasConfig, RankConfig
from headpursuit.storage import versions


def build_atlas(
    model: GivenModel,
    capture: Capture | None,
    config: AtlasConfig | None = None,
    concepts: Iterable[Words] | Words | None = None,
    *,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    tokenizer: Any = None,
) -> Atlas:
    """Name every head by its tokens and by the concepts it is specific for.

    A concept here is compared with *matched* random tokens by default, which is stricter than the default of `rank`,
    and its q-values count all concepts; so a head may be found there and not here. What a head is specific for says
    nothing about causes: for that there are studies.

    Args:
        model: The model that was captured: what `load` returned, or a transformers model with its tokenizer.
        capture: The capture; moments suffice, samples are needed by the l1 rule alone. None: heads are named from their
            weights alone, by the singular directions of their value-output maps (see `weights_capture`).
        config: Options.
        concepts: Each as `rank` takes one, or `{name: words, ...}`; all built-in ones if None.
        progress: Told the stage, how much of it is done, and of how much.
        tokenizer: Of a transformers model: its tokenizer, or its processor if prompts hold images.

    Raises:
        FileNotFoundError: If there is no such concept.
        TypeError: If a concept or one of its words is something else.
        ValueError: If two concepts have one name, no concept has a token in the vocabulary, or as `rank` and `explain`.
    """
    model = model_of(model, tokenizer)
    capture = weights_capture(model) if capture is None else capture
    config = config or AtlasConfig()
    chosen = check_concepts(concepts_of(builtin_concepts() if concepts is None else concepts))
    lists, left_out = _spelled(model, chosen, config.ranking)
    rule = config.ranking.rule
    reading = read(model, capture, rule=rule, centre=config.ranking.centre, gain=config.ranking.gain)
    scored = score_each(
        model, capture, lists, config.ranking, reading=reading, progress=lambda *done: progress("concepts", *done)
    )
    columns = _columns(scored)
    explanations = explain(
        model,
        capture,
        n_atoms=config.n_tokens,
        rule=rule,
        reading=reading,
        progress=lambda *done: progress("tokens of heads", *done),
    )
    return Atlas(
        tuple(explanations),
        tuple(_known(model, found) for found in lists),
        **columns,
        config=config,
        identity=capture.identity,
        anatomy=model.anatomy.summary(),
        vocabulary_sha256=vocabulary_sha256(model),
        capture=capture.config,
        n_prompts=capture.n_prompts,
        n_samples=capture.n_samples,
        left_out=left_out,
        versions=versions(),
    )


def _columns(scored: Iterable[tuple[tuple[Head, ...], Scores]]) -> dict[str, Float[Tensor, "n_heads n_concepts"]]:
    """The atlas's scores of all heads, in their order, for all concepts."""
    heads, scores = zip(*scored, strict=True)
    order = torch.tensor(sorted(range(len(heads[0])), key=heads[0].__getitem__))
    columns = {
        name: torch.stack([getattr(of_concept, name) for of_concept in scores], dim=1)
        for name in ("explained", "specificity", "z")
    }
    p = torch.stack([pooled_p(of_concept) for of_concept in scores], dim=1)
    columns["q"] = benjamini_hochberg(p.flatten()).view_as(p)
    return {name: column[order] for name, column in columns.items()}


def check_concepts(concepts: Sequence[Concept]) -> tuple[Concept, ...]:
    """The concepts, each once.

    Raises:
        ValueError: If there are none, or two different ones have the same name.
    """
    if not concepts:
        raise ValueError("an atlas needs at least one concept")
    by_name: dict[str, Concept] = {}
    for concept in concepts:
        if by_name.setdefault(concept.name, concept) != concept:
            raise ValueError(
                f"two different concepts are called {concept.name!r}; rename one (a list is called like its file)"
            )
    return tuple(by_name.values())


def _spelled(
    model: LanguageModel, concepts: Sequence[Concept], ranking: RankConfig
) -> tuple[list[ConceptTokens], dict[str, str]]:
    """The tokens of each concept, and why others have none."""
    found = [spell(model, concept, ranking.multi_token) for concept in concepts]
    left_out = {
        each.concept.name: f"none of its {len(each.concept.words)} words is a token of its own"
        for each in found
        if not each.token_ids
    }
    if len(left_out) == len(found):
        raise ValueError(
            f"no concept has a token in the vocabulary of {model.name or 'this model'}; of {found[0].concept.name}, "
            f"{why_no_token(found[0])}"
        )
    return [each for each in found if each.token_ids], left_out


def _known(model: LanguageModel, found: ConceptTokens) -> AtlasConcept:
    tokens = tuple(token_text(model, i) for i in found.token_ids)
    return AtlasConcept(found.concept.name, found.concept.description, tokens, found.dropped_words)
