"""Names of tensors compared: what a file calls otherwise than the network, and where layers are missing."""

import re
from collections.abc import Collection, Iterable, Sequence

_WRAPPERS = {
    "_orig_mod": "torch.compile",
    "module": "DataParallel",
    "_fsdp_wrapped_module": "FSDP",
    "_checkpoint_wrapped_module": "activation checkpointing",
    "base_layer": "a PEFT adapter that was not merged",
    "base_model": "PEFT",
}
"""Parts of names that wrappers leave behind, and which ones."""


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names sorted, with layer 2 before layer 10."""
    return tuple(sorted(names, key=lambda name: re.sub(r"\d+", lambda number: number[0].zfill(9), name)))


def some(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def renamed_in_words(missing: Collection[str], left_out: Collection[str]) -> str:
    """The file's names for what is missing, and the cure; empty unless that is so of most that is left out."""
    wanted = set(missing)
    longer = {end: name for name in sorted(wanted) for end in _ends(name)}
    found: dict[str, str] = {}
    for name in sorted(left_out):
        bare = ".".join(part for part in name.split(".") if part not in _WRAPPERS)
        target = next((end for end in (bare, *_ends(bare)) if end in wanted), longer.get(bare))
        if target is not None:
            found[name] = target
    if not found or 2 * len(found) < len(left_out):
        return ""
    old = next((name for name in found if ".0." in name), next(iter(found)))
    wrappers = [f"{part} is left by {by}" for part, by in _WRAPPERS.items() if part in old.split(".")]
    why = f" ({', '.join(wrappers)})" if wrappers else ""
    return f"{len(found)} are in the file under other names{why}: rename {old} to {found[old]}, and the others alike"


def _ends(name: str) -> Iterable[str]:
    """A name without its first part, without its first two, and so on, as long as a layer's part is left."""
    parts = name.split(".")
    return (".".join(parts[start:]) for start in range(1, len(parts) - 1))


def layers_in_words(names: Collection[str], missing: Collection[str], left_out: Collection[str]) -> str:
    """Such as `the config has 4 layers, the file 3`; empty where both have the same."""
    absent = set(missing)
    expected, stored = _layers(names), _layers([*(name for name in names if name not in absent), *left_out])
    for place, numbers in expected.items():
        found = stored.get(place, set())
        if found and found != numbers:
            return f"the config has {len(numbers)} layers at {place}, the file {len(found)}"
    return ""


def _layers(names: Iterable[str]) -> dict[str, set[int]]:
    """Numbers of layers by the list they are in."""
    found: dict[str, set[int]] = {}
    for name in names:
        if match := re.match(r"(.*?)\.(\d+)\.", name):
            found.setdefault(match[1], set()).add(int(match[2]))
    return found
