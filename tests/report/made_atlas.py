"""Atlases written by hand, so that what must be found in them is known."""

from dataclasses import replace

import torch

from headpursuit.analysis import Atlas, AtlasConcept, AtlasConfig, CaptureConfig, Explanation
from headpursuit.heads import Head
from headpursuit.models import Identity

HEADS = (Head(0, 0), Head(0, 1), Head(1, 0), Head(1, 1))
TOKENS = {
    Head(0, 0): ((" red", " blue"), (3, 4), (0.4, 0.5)),
    Head(0, 1): (("<script>alert(1)</script>", " x"), (5, 6), (0.2, 0.25)),
    Head(1, 0): ((" France",), (7,), (0.9,)),
    Head(1, 1): ((), (), ()),
}
CONCEPTS = ("colours", "countries", "<b>own</b>")
Q = [[0.001, 1.0, 0.04], [0.2, 0.9, 1.0], [1.0, 0.002, 0.05], [1.0, 0.051, 1.0]]
SPECIFICITY = [[0.2, -0.1, 0.3], [0.05, 0.0, 0.0], [0.0, 0.6, 0.1], [0.0, 0.4, 0.0]]


def explanation(head, tokens=TOKENS):
    return Explanation(head, *tokens[head])


def made_atlas(tokens=TOKENS, **changes):
    specificity = torch.tensor(SPECIFICITY)
    atlas = Atlas(
        tuple(explanation(head, tokens) for head in HEADS),
        tuple(AtlasConcept(name, f"all {name}", (f" {name}",), ("lost",)) for name in CONCEPTS),
        specificity + 0.2,
        specificity,
        specificity * 10,
        torch.tensor(Q, dtype=torch.float64),
        AtlasConfig(),
        Identity("models/tiny", None, "float32", "u", "h"),
        "4 heads: layers 0-1 with 2 heads of width 8",
        "v",
        CaptureConfig(samples=0),
        n_prompts=12,
        n_samples=36,
        left_out={"weekdays": "none of its 7 words is a token of its own"},
        versions={"torch": "2"},
    )
    return replace(atlas, **changes)
