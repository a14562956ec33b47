"""A network's heads, found and proven once: remembered as long as it lives, and kept on disk for the same weights."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import PreTrainedModel

from headpursuit.models.anatomy import (
    Anatomy,
    AnatomyError,
    HeadSite,
    Poisonings,
    Probe,
    locate,
    overflow_in,
    poison_all,
    probe_input,
    with_flags,
)
from headpursuit.models.certificate import Certificate, certify
from headpursuit.models.compiled import plain_network, uncompiled
from headpursuit.models.finite import unusable_weights
from headpursuit.models.model_cache import cache_folder
from headpursuit.models.sharding import is_sharded
from headpursuit.records import from_record, to_record
from headpursuit.storage import read_json, version_of, write_json

Known = tuple[Anatomy, Certificate]

_known: WeakKeyDictionary[PreTrainedModel, tuple[Anatomy | None, Known]] = WeakKeyDictionary()
"""Networks whose heads were certified, with the anatomy that was handed in, if one was."""

_VALUES = 256
"""Values of each parameter that tell one set of weights from another: training changes them all."""


def known_anatomy(network: PreTrainedModel) -> Anatomy | None:
    """The anatomy of a network, if it was found before; nothing is run."""
    known = _known.get(plain_network(network))
    return known[1][0] if known else None


def certified(
    network: PreTrainedModel,
    probe: Probe | Callable[[], tuple[Probe, ...]] | None = None,
    *,
    handed: Anatomy | None = None,
    keep: bool = False,
    fresh: bool = False,
) -> Known:
    """The heads of a network and their certificate.

    Args:
        network: The model, in eval mode.
        probe: Inputs of a short forward pass of one prompt, where text alone will not do; or what makes them, and
            them again as the last row of a batch. A kept result is found by them, so they must be alike each time.
        handed: Where the heads are, as the user says; certified instead of what would be found. Once it is, it holds
            for the network wherever none is handed in.
        keep: Keep the result in the user's cache, and take it from there for the same weights, code and device.
        fresh: Look and measure again, whatever was found before.

    Raises:
        AnatomyError: If the heads cannot be found or certified.
    """
    network = plain_network(network)
    before, known = (handed, None) if fresh else _known.get(network, (handed, None))
    same = handed is None or handed == before
    # What was found with text alone may lack cross-attention.
    if known and same and (known[1].beyond_text or not callable(probe)):
        return known
    handed = handed or before
    probes = () if probe is None else probe() if callable(probe) else (probe,)
    file = _file(network, probes, handed) if keep else None
    found = _read(file) if file and not fresh else None
    if found is None:
        with uncompiled():
            found = _measure(network, handed, *probes)
        if file:
            _write(file, found)
    _known[network] = handed, found
    return found


def _measure(
    network: PreTrainedModel, handed: Anatomy | None, probe: Probe | None = None, beside: Probe | None = None
) -> Known:
    inputs = probe_input(network) if probe is None else probe
    try:
        poisonings = poison_all(network, inputs, [site.path for site in handed.every_site] if handed else ())
        found = _behind_norms(handed, poisonings) if handed else locate(network, inputs, poisonings)
        anatomy = with_flags(network, found, inputs)
        return anatomy, certify(network, anatomy, inputs, poisonings, beside)
    except AnatomyError as error:
        reason = _not_finite(network, inputs)
        if reason:  # the rest is what follows from that
            raise AnatomyError(reason) from error
        raise


def _behind_norms(handed: Anatomy, poisonings: Poisonings) -> Anatomy:
    """The anatomy with the flag of a norm over all heads before the projection, which `locate` sees by itself."""

    def seen(site: HeadSite) -> HeadSite:
        joint = poisonings.n_slices(site.path, site.call)[1]
        return replace(site, flags=(*site.flags, "joint_norm")) if joint else site

    return replace(handed, sites=tuple(map(seen, handed.sites)), encoder=tuple(map(seen, handed.encoder)))


def _not_finite(network: PreTrainedModel, probe: Probe) -> str:
    """The reason that nothing can be told of a network whose values are no numbers; empty if they are."""
    weights = unusable_weights(network)
    if weights:
        return f"the weights of {type(network).__name__} are not finite: {weights}"
    place = overflow_in(network, probe)
    dtype = str(network.dtype).removeprefix("torch.")
    other = "bfloat16 or float32" if network.dtype is torch.float16 else "another dtype"
    return (
        f"values overflow {dtype} at {place}, so no head can be seen behind it; load the model as {other}"
        if place
        else ""
    )


def certificates_folder() -> Path:
    """The folder of the certificates."""
    return cache_folder() / "certificates"


def _file(network: PreTrainedModel, probes: Sequence[Probe], handed: Anatomy | None = None) -> Path | None:
    """The file of a network's certificate; None for one that cannot be told from others by what lies in memory."""
    hooked = any(module._forward_pre_hooks or module._forward_hooks for module in network.modules())
    if hooked or is_sharded(network) or any(p.device.type == "meta" for p in network.parameters()):
        return None
    return certificates_folder() / f"{fingerprint(network, probes, handed)}.json"


@torch.no_grad()
def fingerprint(network: PreTrainedModel, probes: Sequence[Probe] = (), handed: Anatomy | None = None) -> str:
    """Hash of what a certificate depends on: code, config, device, probes, what the user handed in, and some values.

    A probe with an image is what the processor made of it: another processor gives another hash.
    """
    about = {
        "versions": [_code(), *(version_of(package) for package in ("torch", "transformers"))],
        "config": network.config.to_dict() | {"_name_or_path": "", "_commit_hash": ""},
        "attention": network.config._attn_implementation,
        "device": network.device.type,
        "handed": repr(handed),
        "modules": [f"{name} {type(module).__qualname__}" for name, module in network.named_modules()],
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
    for name, values in [*network.named_parameters(), *network.named_buffers()]:
        digest.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
        flat = values.detach().flatten()
        # Not at equal distances in whole numbers, which could all lie in one column.
        places = torch.linspace(0, max(len(flat) - 1, 0), min(_VALUES, len(flat)), dtype=torch.float64).long()
        digest.update(_bytes(flat[places.to(flat.device)]))
    for name, value in (item for probe in probes for item in sorted(probe.items())):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(_bytes(value))
    return digest.hexdigest()


def _bytes(values: Tensor) -> memoryview:
    return values.detach().cpu().flatten().contiguous().view(torch.uint8).numpy().data


@cache
def _code() -> str:
    """Hash of the code that finds and proves heads."""
    here = Path(__file__).parent
    files = sorted([*(here / "anatomy").glob("*.py"), here / "certificate.py"])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _read(file: Path) -> Known | None:
    """A kept certificate; None if there is none that can be read, and it is made anew."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        content = read_json(file)
        certificate = from_record(Certificate, content.pop("certificate"))
        return from_record(Anatomy, content), certificate
    return None


def _write(file: Path, known: Known) -> None:
    """Keep a certificate; where the cache cannot be written to, it is made anew the next time."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, to_record(known[0]) | {"certificate": to_record(known[1])})
