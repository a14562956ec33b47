"""Everything about a model that matters here, in one block for the terminal or a bug report."""

import time
from dataclasses import dataclass, replace

import torch

from headpursuit.media import AudioPrompt, Prompt, Sound
from headpursuit.models import (
    Certificate,
    LanguageModel,
    SenseFacts,
    TokenizerFacts,
    UnembeddingFacts,
    batches,
    examples_for,
    read_logits,
    sense_facts,
    tokenizer_facts,
    unembedding,
    unembedding_facts,
    write_weights,
)
from headpursuit.pursuit import PURSUIT_BYTES, Dictionary, Moments, Signals, pursue
from headpursuit.storage import versions

_TEXT = "The quick brown fox jumps over the lazy dog while the slow red hen looks on from the garden wall. " * 2
"""Read once to estimate how long a capture takes."""

_SECONDS, _RATE = 5.0, 16000
"""Sound that is heard for the same estimate, at most so long."""

_N_ATOMS, _N_TIMED = 20, 5


@dataclass(frozen=True)
class Estimate:
    """Rough costs of captures and pursuits of a model on this machine."""

    model_bytes: int
    tokens_per_second: float
    """Read in batches of 8; of an encoder that reads no text, images or seconds of sound."""
    unit: str
    """The things counted there, such as `tokens`."""
    capture_bytes: int
    """Moments of all heads, whatever the number of prompts."""
    sample_bytes: int
    """Each kept position."""
    pursuit_bytes: int
    """Beside the model, for a pursuit over the whole vocabulary."""
    pursuit_seconds: float
    """20 atoms for all heads over the whole vocabulary."""


@dataclass(frozen=True)
class Diagnosis:
    """The facts that `headpursuit doctor` prints."""

    model: str
    revision: str | None
    network: str
    """Class of the network."""
    dtype: str
    device: str
    attention: str
    """Attention implementation."""
    anatomy: str
    certificate: Certificate
    flags: dict[str, str]
    """Flags of the model and its files, and what each means."""
    tokenizer: TokenizerFacts
    unembedding: UnembeddingFacts
    vision: SenseFacts | None
    """None for a model that sees nothing."""
    hearing: SenseFacts | None
    """None for a model that hears nothing."""
    estimate: Estimate
    versions: dict[str, str]

    def lines(self) -> list[tuple[str, str]]:
        """Subject and statement of each line."""
        return [
            ("model", f"{self.model}" + (f" at {self.revision}" if self.revision else "")),
            ("network", f"{self.network}, {self.dtype} on {self.device}, attention {self.attention}"),
            ("anatomy", self.anatomy),
            ("without heads", self.certificate.skipped or "no layer"),
            ("certificate", str(replace(self.certificate, flags={}, skipped="")).removeprefix("certified: ")),
            *((f"flag {flag}", self._meaning(flag)) for flag in sorted(self.flags)),
            *([("vision", _sense(self.vision))] if self.vision else []),
            *([("hearing", _sense(self.hearing))] if self.hearing else []),
            ("tokenizer", _tokenizer(self.tokenizer)),
            ("unembedding", _unembedding(self.unembedding)),
            ("capture", _capture(self.estimate)),
            ("pursuit", _pursuit(self.estimate)),
            ("versions", " ".join(f"{name} {number}" for name, number in self.versions.items())),
        ]

    def _meaning(self, flag: str) -> str:
        count, all_of_them = self.certificate.flags[flag], self.certificate.n_attentions
        return f"{count} of {all_of_them} attentions: {self.flags[flag]}"


def diagnose(model: LanguageModel) -> Diagnosis:
    """Look at a model, certify it anew, and estimate what working with it costs.

    Raises:
        AnatomyError: If its heads cannot be found or certified.
    """
    anatomy, certificate = model.examine()
    network, facts, senses = model.network, unembedding_facts(model), {one.modality: one for one in sense_facts(model)}
    return Diagnosis(
        model=model.name,
        revision=model.revision,
        network=type(network).__name__,
        dtype=model.dtype,
        device=str(model.device),
        attention=str(network.config._attn_implementation),
        anatomy=anatomy.summary(),
        certificate=certificate,
        flags=model.flags,
        tokenizer=tokenizer_facts(model),
        unembedding=facts,
        vision=senses.get("image"),
        hearing=senses.get("audio"),
        estimate=estimate(model, facts),
        versions=versions(),
    )


def estimate(model: LanguageModel, facts: UnembeddingFacts) -> Estimate:
    """Estimate the cost of captures and pursuits from one short run of each kind of work."""
    sites = model.anatomy.sites
    start, n_read = time.perf_counter(), 0.0
    prompt, unit, each = _estimated(model)
    for batch in batches(model, [prompt] * 8, 8):
        with torch.no_grad():
            read_logits(model, batch)
        read = batch.source.get("attention_mask", batch.attention_mask)
        n_read += 8 * each if each else float(read.sum())
    seconds = time.perf_counter() - start
    signals = sum(site.width for site in sites) * facts.d_model * 4
    return Estimate(
        model_bytes=sum(p.numel() * p.element_size() for p in model.network.parameters()),
        tokens_per_second=n_read / seconds,
        unit=unit,
        capture_bytes=sum(site.n_heads * site.d_head * (site.d_head + 1) for site in sites) * 8,
        sample_bytes=sum(site.width for site in sites) * 4,
        pursuit_bytes=signals + PURSUIT_BYTES,
        pursuit_seconds=_pursuit_seconds(model),
    )


def _estimated(model: LanguageModel) -> tuple[Prompt, str, float]:
    """A prompt to measure by, what is counted in it, and how much of that it holds; 0: its tokens."""
    if model.encoder_sense is None:
        return _fitting(model), "tokens", 0.0
    if not model.hears:
        return examples_for(model.encoder_sense)[0], "images", 1.0
    longest = next(facts.longest for facts in sense_facts(model))
    seconds = min(longest or _SECONDS, _SECONDS)
    noise = 0.01 * torch.randn(int(seconds * _RATE), generator=torch.Generator().manual_seed(0))
    return AudioPrompt(Sound(noise.numpy(), _RATE)), "seconds of sound", seconds


def _fitting(model: LanguageModel) -> str:
    """As much of a text as the model can read at once."""
    ids = model.tokenizer.encode(_TEXT, add_special_tokens=False)[: tokenizer_facts(model).context - 2]
    return str(model.tokenizer.decode(ids))


def _pursuit_seconds(model: LanguageModel) -> float:
    """Pursue one attention's heads for a few atoms, as if their mixed values were uncorrelated, and go on from there.

    The dictionary is prepared once for all heads, and the first atom costs more than each further one.
    """
    site, directions = model.anatomy.sites[0], unembedding(model).vectors
    write = write_weights(model.network, site)
    second = torch.eye(site.d_head, dtype=torch.float64, device=write.device).expand(site.n_heads, -1, -1)
    signals = Signals.from_moments(Moments(second, torch.zeros_like(second[:, 0]), site.d_head), write)
    start = time.perf_counter()
    dictionary = Dictionary.of(directions)
    prepared = time.perf_counter() - start
    pursue(signals, dictionary, 1)  # what is only slow once is not counted
    first, few = (_seconds(signals, dictionary, n_atoms) for n_atoms in (1, _N_TIMED))
    further = max(few - first, 0.0) / (_N_TIMED - 1)
    return prepared + (first + (_N_ATOMS - 1) * further) * model.anatomy.n_heads / site.n_heads


def _seconds(signals: Signals, dictionary: Dictionary, n_atoms: int) -> float:
    start = time.perf_counter()
    pursue(signals, dictionary, n_atoms)
    return time.perf_counter() - start


def _tokenizer(facts: TokenizerFacts) -> str:
    chat = "with" if facts.chat_template else "no"
    context = f"{facts.context:,} tokens" if facts.context < 2**31 else "no limit named"
    return (
        f"{facts.kind}, {facts.n_tokens:,} tokens ({facts.n_special} special), {chat} chat template, context {context}"
    )


def _sense(facts: SenseFacts) -> str:
    length = "any length" if facts.longest is None else f"{facts.longest:g} s at once"
    heard = f", one channel at {facts.rate:,} Hz, {length}" if facts.rate else ""
    if facts.placeholder is None:
        reads = "hears, prompts are sound" if facts.rate else "sees, prompts are images with the beginning of an answer"
        return f"{facts.processor}{heard}; its encoder {reads}"
    name = facts.modality
    token = f"no {name} token named" if facts.token_id is None else f"{name} token {facts.token_id} ({facts.token})"
    return (
        f"{facts.processor}{heard}, decoder {facts.decoder or 'the network itself'}, {token}, "
        f"{facts.placeholder} in a prompt; {name} positions: {facts.positions}"
    )


def _unembedding(facts: UnembeddingFacts) -> str:
    gain = f", gain {facts.gain[0]:.3g} to {facts.gain[1]:.3g}" if facts.gain else ""
    return (
        f"{facts.rows:,} rows of {facts.d_model}, {'tied to' if facts.tied else 'apart from'} the embedding, "
        f"{facts.dropped_rows:,} rows without a token dropped, {'a' if facts.bias else 'no'} bias, "
        f"{'behind ' + facts.norm if facts.norm else 'no norm before it'}{gain}, logits {facts.logits}"
    )


def _capture(e: Estimate) -> str:
    return (
        f"model {_size(e.model_bytes)}; about {e.tokens_per_second:,.0f} {e.unit} a second; a capture takes "
        f"{_size(e.capture_bytes)} and {_size(e.sample_bytes * 1000)} for 1,000 samples, for any number of prompts"
    )


def _pursuit(e: Estimate) -> str:
    return (
        f"{_N_ATOMS} tokens for each head over the whole vocabulary: about {e.pursuit_seconds:,.0f} s and "
        f"{_size(e.pursuit_bytes)} beside the model"
    )


def _size(n_bytes: float | int) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.3g} TB"
