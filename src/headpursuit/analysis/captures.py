"""A capture: what a run over prompts recorded of every head, in memory and on disk."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from headpursuit.models import LanguageModel, Positions, read_mixed, unembedding
from headpursuit.pursuit import Moments
from headpursuit.storage import new_folder, read_manifest, understood


@dataclass(frozen=True)
class CaptureConfig:
    """How a capture was made; saved beside it."""

    positions: Positions = "last"
    """Which token positions: `last` of the prompt, whole `prompt`, `generated` answer, or `all`."""
    chat: bool = False
    """Whether prompts were put into the chat template."""
    max_new_tokens: int = 16
    """Length of the answers, where they are captured."""
    batch_size: int = 32
    """Prompts per batch."""
    samples: bool = True
    """Whether mixed values were kept one by one, which the l1 rule needs."""

    def __post_init__(self) -> None:
        for name in ("max_new_tokens", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")


@dataclass(frozen=True)
class Capture:
    """Moments of every head's mixed values, and the samples themselves if they were kept."""

    moments: dict[int, Moments]
    """By layer."""
    samples: dict[int, Float[Tensor, "n_samples n_heads d_head"]] | None
    """By layer; None if only moments were kept."""
    config: CaptureConfig
    model: str
    """Name of the model, as given to `load`."""
    revision: str | None
    dtype: str
    """What the network computed in, such as `float32`."""
    unembedding_sha256: str
    """Which unembedding the capture belongs to, in that dtype."""
    n_prompts: int
    prompt_of: tuple[int, ...] = ()
    """Number of the prompt of each sample; empty without samples."""
    versions: dict[str, str] = field(default_factory=dict)
    """Packages it was made with."""

    @property
    def n_samples(self) -> int:
        """Captured token positions."""
        return next(iter(self.moments.values())).count

    def save(self, path: Path | str) -> None:
        """Write the capture as a folder of safetensors and a manifest.

        Raises:
            FileExistsError: If `path` exists.
        """
        with new_folder(Path(path), "capture", self._description()) as folder:
            moments: dict[str, Tensor] = {}
            for layer, m in self.moments.items():
                moments |= {f"second.{layer}": m.second, f"total.{layer}": m.total}
            save_file({k: v.contiguous() for k, v in moments.items()}, folder / "moments.safetensors")
            if self.samples is not None:
                kept: dict[str, Tensor] = {f"mixed.{k}": v.contiguous() for k, v in self.samples.items()}
                kept["prompt_of"] = torch.tensor(self.prompt_of)
                save_file(kept, folder / "samples.safetensors")

    def _description(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _DESCRIBED} | {
            "n_samples": self.n_samples,
            "layers": sorted(self.moments),
            "config": asdict(self.config),
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
        tensors = load_file(folder / "moments.safetensors")
        moments = {
            layer: Moments(tensors[f"second.{layer}"], tensors[f"total.{layer}"], manifest["n_samples"])
            for layer in manifest["layers"]
        }
        samples, prompt_of = None, ()
        if "samples.safetensors" in manifest["files"]:
            kept = load_file(folder / "samples.safetensors")
            samples = {layer: kept[f"mixed.{layer}"] for layer in manifest["layers"]}
            prompt_of = tuple(kept["prompt_of"].tolist())
        known = {name: manifest[name] for name in _DESCRIBED}
        return cls(moments, samples, CaptureConfig(**manifest["config"]), prompt_of=prompt_of, **known)


_DESCRIBED = ("model", "revision", "dtype", "unembedding_sha256", "n_prompts", "versions")
"""Fields of a capture that stand in its manifest as they are."""


def capture(
    model: LanguageModel,
    prompts: Sequence[str],
    config: CaptureConfig | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Capture:
    """Record every head's mixed values over prompts.

    Args:
        model: The model.
        prompts: The texts.
        config: Positions and the like; see `CaptureConfig`.
        progress: Called after each batch with the prompts done and all prompts.

    Raises:
        ValueError: If the prompts cannot be read, or nothing was captured.
        AnatomyError: If the model's heads cannot be certified.
    """
    config = config or CaptureConfig()
    parts: dict[int, Moments] = {}
    samples: dict[int, list[Tensor]] = {}
    prompt_of: list[int] = []
    done = 0
    reading = read_mixed(
        model,
        prompts,
        config.positions,
        batch_size=config.batch_size,
        chat=config.chat,
        max_new_tokens=config.max_new_tokens,
    )
    for batch in reading:
        for layer, mixed in batch.mixed.items():
            moments = Moments.of(mixed)
            parts[layer] = parts[layer] + moments if layer in parts else moments
            if config.samples:
                samples.setdefault(layer, []).append(mixed.float().cpu())
        prompt_of.extend(batch.prompt_of if config.samples else ())
        done += batch.n_prompts
        if progress:
            progress(done, len(prompts))
    _check_moments(parts)
    return Capture(
        {layer: Moments(m.second.cpu(), m.total.cpu(), m.count) for layer, m in sorted(parts.items())},
        {layer: torch.cat(kept) for layer, kept in sorted(samples.items())} if config.samples else None,
        config,
        model.name,
        model.revision,
        model.dtype,
        unembedding(model).sha256,
        len(prompts),
        tuple(prompt_of),
        versions(),
    )


def _check_moments(parts: dict[int, Moments]) -> None:
    if not parts or next(iter(parts.values())).count == 0:
        raise ValueError("nothing was captured: the model's answers are empty; capture prompt positions instead")
    for layer, moments in parts.items():
        bad = ~moments.second.isfinite().all(-1).all(-1)
        if bad.any():
            head = int(bad.nonzero()[0])
            raise ValueError(f"head L{layer}H{head} wrote infinite or undefined values; try dtype float32")


def versions() -> dict[str, str]:
    """Versions of what computed a result."""
    packages = ("headpursuit", "torch", "transformers")
    return {"python": platform.python_version()} | {package: version(package) for package in packages}
