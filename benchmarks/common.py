"""The common part of the benchmarks: the machine, the data, the clock, and where results go."""

import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import headpursuit as hp
from headpursuit.analysis import Capture
from headpursuit.analysis.samples import Samples
from headpursuit.models import LanguageModel, quiet, write_weights
from headpursuit.pursuit import Moments, Signals

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("headpursuit", "torch", "transformers", "numpy", "scikit-learn", "spams-bin", "transformer-lens", "nnsight")

STEPS = 20
"""Atoms per pursuit."""

TEMPLATES = (
    "The {} is known for",
    "People who think of {} often also think of",
    "My friend told me about {} when we met in the city of",
    "A short story about {}: once upon a time there was",
)


def timed(work: Callable[[], Any]) -> float:
    """Seconds of one run."""
    synchronise()
    start = time.perf_counter()
    work()
    synchronise()
    return time.perf_counter() - start


def seconds(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Median time of some work, and what it returned last; runs once before to warm up if repeated."""
    if repeats > 1:
        work()
    results: list[Any] = []
    times = [timed(lambda: results.append(work())) for _ in range(repeats)]
    return statistics.median(times), results[-1]


def synchronise() -> None:
    """Wait until a GPU has finished what was asked of it."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def prompts() -> list[str]:
    """About 4,000 prompts from the built-in word lists."""
    names = ("animals", "capitals", "countries", "colours", "emotions", "elements", "positive", "negative")
    words = [word for name in names for word in hp.load_concept(name).words[:150]]
    return [template.format(word) for template in TEMPLATES for word in words]


def smollm2(dtype: str = "float32") -> LanguageModel:
    """The embedded model on the CPU."""
    quiet()
    return hp.load("smollm2-135m", device="cpu", dtype=dtype)


def moved(network: torch.nn.Module, to: str | torch.device | torch.dtype) -> Any:
    """The same network on another device, or in another dtype; transformers' own `to` has no types."""
    return torch.nn.Module.to(network, to)


def captured(model: LanguageModel) -> Capture:
    """10,000 positions of those prompts, kept one by one."""
    return hp.capture(model, prompts(), hp.CaptureConfig("prompt", samples=10_000))


def samples_of(capture: Capture) -> Samples:
    """The positions that were kept one by one."""
    assert capture.samples is not None
    return capture.samples


def signals_of(model: LanguageModel, capture: Capture, n_samples: int, *, samples: bool = False) -> Signals:
    """Centred signals of all heads from the first samples."""
    parts = []
    for site in model.anatomy.sites:
        mixed, write = samples_of(capture).mixed[site.name][:n_samples], write_weights(model.network, site)
        parts.append(Signals.from_samples(mixed, write) if samples else Signals.from_moments(Moments.of(mixed), write))
    return Signals.concatenate(parts)


def written(model: LanguageModel, capture: Capture, head: int, n_samples: int) -> torch.Tensor:
    """The centred output of one head: (n_samples, d_model)."""
    site = model.anatomy.sites[head // 9]
    mixed = samples_of(capture).mixed[site.name][:n_samples, head % 9]
    return (mixed - mixed.mean(0)) @ write_weights(model.network, site)[head % 9]


def ceilings(device: str) -> dict[str, float]:
    """This machine's best: float32 products and memory traffic."""
    a, b = torch.randn(576, 576, device=device), torch.randn(2048, 576, device=device)
    if device != "cpu":
        a, b = torch.randn(8192, 8192, device=device), torch.randn(8192, 8192, device=device)
    product = min(seconds(lambda: a @ b.T, 1)[0] for _ in range(50))
    values = torch.ones(2**27, device=device)
    add = min(seconds(lambda: values.add_(1), 1)[0] for _ in range(10))
    return {
        "gflop_per_s": 2 * a.shape[0] * a.shape[1] * b.shape[0] / product / 1e9,
        "gbyte_per_s": 2 * values.numel() * 4 / add / 1e9,
    }


def report(name: str, rows: dict[str, Any], device: str = "cpu") -> None:
    """Print results and write them with machine and versions."""
    content = {"benchmark": name, "machine": _machine(device), "versions": _versions(), "results": rows}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(rows, indent=1, ensure_ascii=False))


def _machine(device: str) -> dict[str, Any]:
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = lines[0].split(":")[1].strip() if lines else processor
    gpu = torch.cuda.get_device_name() if device == "cuda" else None
    return {"processor": processor, "threads": torch.get_num_threads(), "gpu": gpu, "system": platform.system()}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
