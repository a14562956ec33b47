"""A capture: what a run over prompts recorded of every head, in memory and on disk."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from headpursuit.analysis.samples import Samples
from headpursuit.given import listed
from headpursuit.heads import site_order
from headpursuit.models import Identity
from headpursuit.notebook import html_table
from headpursuit.pursuit import Moments
from headpursuit.records import from_record
from headpursuit.settings import CaptureConfig
from headpursuit.storage import new_folder, read_manifest, understood


@dataclass(frozen=True, eq=False)
class Capture:
    """Moments of every head's mixed values, and some of the values themselves."""

    moments: dict[str, Moments]
    """By site, such as `L12`."""
    samples: Samples | None
    """A uniform sample of the captured positions; None if none were asked for."""
    config: CaptureConfig
    identity: Identity
    n_prompts: int
    versions: dict[str, str] = field(default_factory=dict)
    """Packages it was made with."""

    @property
    def n_samples(self) -> int:
        """Captured token positions, all of which are in the moments."""
        return next(iter(self.moments.values())).count

    def _repr_html_(self) -> str:
        """A table of model, prompts and positions, in notebooks."""
        kept = 0 if self.samples is None else len(self.samples)
        rows = {
            "model": self.identity.model or "without a name",
            "prompts": f"{self.n_prompts} ({self.config.positions})",
            "positions": f"{self.n_samples}, {kept} of them kept one by one",
            "heads": f"{sum(len(found.total) for found in self.moments.values())} in {len(self.moments)} attentions",
        }
        return html_table("capture", rows.items())

    def save(self, path: Path | str) -> None:
        """Write the capture as a folder of safetensors and a manifest.

        Raises:
            FileExistsError: If `path` exists.
        """
        with new_folder(Path(path), "capture", self._description()) as folder:
            save_file(moments_to_tensors(self.moments), folder / "moments.safetensors")
            if self.samples is not None:
                save_file(self.samples.to_tensors(), folder / "samples.safetensors")

    def _description(self) -> dict[str, Any]:
        return {
            **asdict(self.identity),
            "n_prompts": self.n_prompts,
            "n_samples": self.n_samples,
            "sites": sorted(self.moments, key=site_order),
            "config": asdict(self.config),
            "versions": self.versions,
        }

    @classmethod
    def load(cls, path: Path | str) -> "Capture":
        """Read a capture, with every checksum verified.

        Raises:
            FileNotFoundError: If there is no capture at `path`.
            ValueError: If it is damaged or something else.
        """
        folder = Path(path)
        manifest = read_manifest(folder, "capture")
        with understood(folder, "capture"):
            return cls._from_folder(folder, manifest)

    @classmethod
    def _from_folder(cls, folder: Path, manifest: dict[str, Any]) -> "Capture":
        about = from_record(_About, {name: manifest[name] for name in _About.__dataclass_fields__})
        moments = moments_from_tensors(load_file(folder / "moments.safetensors"), about.n_samples)
        samples = None
        if (folder / "samples.safetensors").exists() and "samples.safetensors" not in manifest["files"]:
            raise TypeError("its manifest does not list samples.safetensors, which is there")
        if "samples.safetensors" in manifest["files"]:
            samples = Samples.from_tensors(load_file(folder / "samples.safetensors"))
        identity = from_record(Identity, {name: manifest[name] for name in Identity.__dataclass_fields__})
        config = from_record(CaptureConfig, manifest["config"])
        _check_whole(moments, samples, manifest.get("sites"))
        return cls(moments, samples, config, identity, about.n_prompts, about.versions)


@dataclass(frozen=True)
class _About:
    """A manifest's words beside the identity and the settings."""

    n_prompts: int
    n_samples: int
    versions: dict[str, str]


def _check_whole(moments: dict[str, Moments], samples: Samples | None, sites: Any) -> None:
    """Check that there are moments and samples of the heads that the manifest names, and as many of each.

    Raises:
        TypeError: If not; `understood` adds the folder's name.
    """
    if not isinstance(sites, list) or not moments or sorted(moments) != sorted(map(str, sites)):
        raise TypeError(f"it has moments of {', '.join(moments) or 'nothing'}, but its manifest names {sites!r:.200}")
    for site, found in moments.items():
        n_heads, d_head = found.total.shape if found.total.dim() == 2 else (0, 0)
        if not n_heads or found.second.shape != (n_heads, d_head, d_head):
            shapes = f"{tuple(found.second.shape)} and {tuple(found.total.shape)}"
            raise TypeError(f"the moments of {site} have the shapes {shapes}")
        if samples is not None and samples.mixed[site].shape != (len(samples), n_heads, d_head):
            raise TypeError(f"the samples of {site} have the shape {tuple(samples.mixed[site].shape)}")
    if samples is not None and not samples.prompt_of.shape == samples.position_of.shape == samples.keys.shape:
        raise TypeError("its samples have not as many prompts as positions")


def moments_to_tensors(moments: dict[str, Moments]) -> dict[str, Tensor]:
    """Moments as named tensors, for a file."""
    second = {f"second.{site}": m.second.contiguous().cpu() for site, m in moments.items()}
    return second | {f"total.{site}": m.total.contiguous().cpu() for site, m in moments.items()}


def moments_from_tensors(tensors: dict[str, Tensor], count: int) -> dict[str, Moments]:
    """The reverse of `moments_to_tensors`."""
    sites = sorted((name.removeprefix("second.") for name in tensors if name.startswith("second.")), key=site_order)
    return {site: Moments(tensors[f"second.{site}"], tensors[f"total.{site}"], count) for site in sites}


def merge(captures: Iterable[Capture] | Capture) -> Capture:
    """One capture that equals a capture over all prompts: moments add up, samples stay uniform.

    Prompts are numbered on: those of the second capture follow those of the first.

    Raises:
        TypeError: If one is no capture.
        ValueError: If there are none, or they are of different models or made with different settings.
    """
    captures = listed(captures, "capture", Capture, "a list of captures, as `Capture.load` reads them")
    first, n_prompts, samples = captures[0], 0, []
    for number, one in enumerate(captures, start=1):
        _check_mergeable(first, one, number)
        if one.samples is not None:
            samples.append(replace(one.samples, prompt_of=one.samples.prompt_of + n_prompts))
        n_prompts += one.n_prompts
    return replace(
        first,
        moments={site: reduce(add, (one.moments[site] for one in captures)) for site in first.moments},
        samples=Samples.merge(samples, first.config.samples) if samples else None,
        n_prompts=n_prompts,
    )


WEIGHTS = {"unembedding_sha256": "the unembedding", "heads_sha256": "the output projections"}
"""The weights that the hashes of an identity are of: a hash tells a reader nothing."""


def _check_mergeable(first: Capture, other: Capture, number: int) -> None:
    ours, theirs = (asdict(one.identity) | asdict(one.config) for one in (first, other))
    # Where a model lay and how prompts were batched makes no difference; nor does the length of answers nobody read.
    irrelevant = {"model", "revision", "batch_size"}
    if first.config.positions in ("last", "prompt", "image", "audio"):
        irrelevant.add("max_new_tokens")
    different = [name for name, value in ours.items() if value != theirs[name] and name not in irrelevant]
    if different:
        name, model, first_model = different[0], other.identity.model, first.identity.model
        if name in WEIGHTS:
            difference = f"its model ({model}) differs from the first one's ({first_model}) in {WEIGHTS[name]}"
        else:
            difference = f"{name} is {theirs[name]} ({model}), but {ours[name]} ({first_model}) there"
        raise ValueError(
            f"capture {number} cannot be merged with the first: {difference}; "
            "merge captures of one model, made with the same settings"
        )
