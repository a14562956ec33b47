"""Words that settings choose from."""

from typing import Literal

Rule = Literal["l1", "l2", "forward"]
"""The rule by which a pursuit chooses atoms."""

Score = Literal["specificity", "explained"]
"""The figure that heads are sorted by."""

Null = Literal["any", "matched"]
"""The tokens that a concept's are compared with: any, or tokens written alike, about as frequent and as long."""

MultiToken = Literal["drop", "first"]
"""The fate of a spelling that takes several tokens: it is dropped, or its first token stands for it, if that holds
a whole character at least."""

Positions = Literal["last", "prompt", "generated", "image", "audio", "all"]
"""Token positions that are captured."""

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
"""The number format that a model is loaded in."""
