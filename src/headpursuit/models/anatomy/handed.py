"""An anatomy that the user hands in, where heads are not found; it is certified like any other."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, get_args

from torch import nn
from transformers import PreTrainedModel

from headpursuit.files import read_yaml
from headpursuit.heads import Kind
from headpursuit.models.anatomy.locate import skipped_layers, with_layers
from headpursuit.models.anatomy.sites import Anatomy, HeadSite

GivenAnatomy: TypeAlias = Anatomy | Mapping[str, Mapping[str, Any]] | Path | str
"""An `Anatomy`; or output projections by name, `*` for a layer's number, with what their heads are:
`{"model.layers.*.mixer.out": {"n_heads": 8, "d_head": 64}}`, and `"kind": "cross"` for cross-attention, `"encoder"` in
an encoder; or a YAML file of that."""

_EXAMPLE = "{'model.layers.*.mixer.out': {'n_heads': 8, 'd_head': 64}}"


def handed_anatomy(network: PreTrainedModel, given: GivenAnatomy) -> Anatomy:
    """The anatomy that a user describes, each site with the flag `handed`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no description of one, the network has no such module, or it does not take as many inputs
            as its heads are wide.
    """
    if isinstance(given, Anatomy):
        sites, encoder = (tuple(map(_bare, part)) for part in (given.sites, given.encoder))
        return replace(given, sites=sites, encoder=encoder, final_norm=None)
    where, described = read_description(given)
    found = [site for name, how in described.items() for site in _sites(network, name, how, where)]
    twice = next((site.path for site in found if [other.path for other in found].count(site.path) > 1), None)
    if twice:
        raise ValueError(f"{where} names {twice} twice")
    numbered = sorted(with_layers(found), key=lambda site: (site.layer, site.kind != "self"))
    writing = [site for site in numbered if site.kind != "encoder"]
    encoder = tuple(site for site in numbered if site.kind == "encoder")
    return Anatomy(tuple(writing), skipped_layers(network, writing), encoder=encoder)


def read_description(given: GivenAnatomy) -> tuple[str, Mapping[str, Any]]:
    """A user's description, read from its file if need be, and how errors call it; not compared with any network.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no description of an anatomy.
    """
    is_file = isinstance(given, str | Path)
    where, content = (str(given), read_yaml(Path(str(given)))) if is_file else ("the anatomy", given)
    if isinstance(content, Anatomy):
        return where, {}
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{where} is no description of heads, but {content!r:.60}; give one like {_EXAMPLE}")
    return where, content


def _bare(site: HeadSite) -> HeadSite:
    """A site without what is measured again."""
    return replace(site, norm="", multiplier=1.0, flags=("handed", *(flag for flag in site.flags if flag == "looped")))


def _sites(network: nn.Module, name: Any, how: Any, where: str) -> Iterator[HeadSite]:
    if not isinstance(name, str) or not isinstance(how, Mapping):
        raise ValueError(f"{where}, {name!r}: expected n_heads and d_head of a module, like {_EXAMPLE}")
    n_heads: Any = how.get("n_heads")
    d_head: Any = how.get("d_head")
    kind = how.get("kind", "self")
    unknown = set(how) - {"n_heads", "d_head", "kind"}
    if unknown or kind not in get_args(Kind) or not all(type(n) is int and n > 0 for n in (n_heads, d_head)):
        raise ValueError(
            f"{where}, {name}: expected n_heads and d_head, whole numbers above 0, and for cross-attention "
            f"kind: cross; found {dict(how)!r:.120}"
        )
    pattern = re.compile(re.escape(name).replace(r"\*", r"\d+"))
    paths = [path for path, _ in network.named_modules() if path and pattern.fullmatch(path)]
    if not paths:
        raise ValueError(f"{where}: {type(network).__name__} has no module {name}")
    for path in paths:
        width = getattr(network.get_submodule(path), "in_features", n_heads * d_head)
        if width != n_heads * d_head:
            raise ValueError(
                f"{where}: {path} takes {width} inputs, but {n_heads} heads of width {d_head} give {n_heads * d_head}"
            )
        yield HeadSite(0, path, n_heads, d_head, kind, flags=("handed",))
