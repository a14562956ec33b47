"""Prove that what `locate` found are heads, by numbers, on the model at hand."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from headpursuit.heads import Edit
from headpursuit.models.anatomy.hooks import site_hooks
from headpursuit.models.anatomy.poisoning import Poisonings, poison_all
from headpursuit.models.anatomy.probe import Probe, probe_input, run_probe
from headpursuit.models.anatomy.queries import queries_reach_slices
from headpursuit.models.anatomy.sites import TOLERANCE, Anatomy, AnatomyError, HeadSite
from headpursuit.models.generating import plainly_greedy
from headpursuit.models.scaling import rescale_sites
from headpursuit.models.senses import HEARING, SIGHT
from headpursuit.models.senses.positions import numbers_positions
from headpursuit.models.sharding import n_shards, whole_tensor, whole_width
from headpursuit.models.weights import bias_of, projection_weights

N_GENERATED = 3
"""Tokens that are generated to count how often the projections run."""


@dataclass(frozen=True)
class Certificate:
    """Measurements on short forward passes; relative errors are Frobenius norms, the worst over layers."""

    n_layers: int
    """Layers with heads."""
    n_attentions: int
    """More than layers, where some have cross-attention too."""
    n_heads: int
    """Heads that write into the stream that the unembedding reads."""
    conservation: float
    """|sum over heads of z W + bias - projection's output| / |output|."""
    isolation: bool
    """A head poisoned at the attention reaches its slice of the projection's input, all of it, and nothing else. Where
    the attention cannot be seen and the user named the heads: a head poisoned in one number of its query."""
    silence: float
    """With all heads at scale 0: |projection's output - bias| / |usual output|."""
    identity: bool
    """With all heads at scale 1 the logits are bit-equal."""
    firing: int | None
    """Runs of each projection while 3 tokens were generated: 3; None for a model that cannot generate alone."""
    image: bool
    """True if the passes held an image, as those of a vision-language model do."""
    padding: bool
    """A prompt padded on the left, beside one with an image of another size if it has one, gives the logits it gives
    alone; else only prompts of one length, and images of one size, share a batch."""
    tolerance: float
    """The errors that were allowed, for the network's dtype."""
    flags: dict[str, int] = field(default_factory=dict)
    """Number of attentions that carry each flag."""
    skipped: str = ""
    """Layers without heads."""
    sound: bool = False
    """True if an encoder heard something in the passes."""
    n_encoder_heads: int = 0
    """Heads of an encoder-decoder's encoder, all of them measured in the same way; they run once per answer."""

    @property
    def beyond_text(self) -> bool:
        """True if the passes held more than text."""
        return self.image or self.sound

    def __str__(self) -> str:
        encoder = f", and {self.n_encoder_heads} of its encoder" if self.n_encoder_heads else ""
        fired = "" if self.firing is None else f", each runs once per generated token ({self.firing} of {N_GENERATED})"
        flags = ", ".join(f"{name} ({n} of {self.n_attentions})" for name, n in self.flags.items())
        return (
            f"certified: {self.n_heads} heads in {self.n_layers} layers{encoder}; heads + bias = projection to "
            f"{self.conservation:.0e}, each head reaches only its slice, scale 0 leaves bias to {self.silence:.0e}, "
            f"scale 1 changes nothing{fired}{', with an image in the prompt' * self.image}"
            f"{', while it hears' * self.sound}"
            + ("" if self.padding else f"; {_alone(self.sound)}")
            + (f"; flags: {flags}" if flags else "")
            + (f"; without heads: {self.skipped}" if self.skipped else "")
        )


def _alone(sound: bool) -> str:
    if sound:
        return "sounds that it is given at one length share a batch"
    return "padding changes what it writes, so batches hold prompts of one length"


@dataclass(eq=False)
class _Record:
    """Inputs and outputs of every projection in one forward pass."""

    mixed: dict[HeadSite, Tensor] = field(default_factory=dict)
    written: dict[HeadSite, Tensor] = field(default_factory=dict)
    logits: Tensor = field(default_factory=lambda: torch.empty(0))


@torch.no_grad()
def certify(
    network: PreTrainedModel,
    anatomy: Anatomy,
    probe: Probe | None = None,
    poisonings: Poisonings | None = None,
    beside: Probe | None = None,
) -> Certificate:
    """Measure conservation, isolation of every head, scale 0 and scale 1, and how often projections run.

    Probe and poisonings are those of `locate`; `beside` is the probe as the last row of a batch, padded on the left,
    where the probe is more than text.

    Raises:
        AnatomyError: If one of them fails; the text says which, where and by how much.
    """
    probe = probe_input(network) if probe is None else probe
    tolerance = TOLERANCE.get(network.dtype, 3e-2)
    _check_isolation(network, anatomy, poisonings or poison_all(network, probe), probe)
    clean = _forward(network, anatomy, probe)
    heads = [head for site in anatomy.every_site for head in site.heads]
    with rescale_sites(network, anatomy, Edit.uniform(heads, 1.0)):
        identity = torch.equal(_forward(network, anatomy, probe).logits, clean.logits)
    if not identity:
        raise AnatomyError("rescaling all heads by 1 changed the logits; is the model in training mode?")
    with rescale_sites(network, anatomy, Edit.uniform(heads, 0.0)):
        silent = _forward(network, anatomy, probe)
    return Certificate(
        n_layers=len({site.layer for site in anatomy.sites}),
        n_attentions=len(anatomy.sites),
        n_heads=anatomy.n_heads,
        n_encoder_heads=sum(site.n_heads for site in anatomy.encoder),
        conservation=_worst(anatomy, tolerance, lambda s: _conservation(network, s, clean), _NOT_CONSERVED),
        isolation=True,
        silence=_worst(anatomy, tolerance, lambda s: _silence(network, s, silent, clean), _NOT_SILENT),
        identity=identity,
        firing=_firing(network, anatomy, probe),
        image=SIGHT.is_in(probe),
        sound=HEARING.is_in(probe),
        padding=_padding(network, probe, beside, clean.logits, tolerance),
        tolerance=tolerance,
        flags=anatomy.flags,
        skipped=anatomy.summary_of_skipped(),
    )


_NOT_CONSERVED = "the heads' contributions and the bias do not add up to the projection's output"
_NOT_SILENT = "with all heads at scale 0 the projection does not leave its bias"


def _worst(anatomy: Anatomy, tolerance: float, measure: Callable[[HeadSite], float], failure: str) -> float:
    worst = 0.0
    for site in anatomy.every_site:
        error = measure(site)
        if not error <= tolerance:  # also refuses NaN
            raise AnatomyError(f"{failure}: relative error {error:.1e} at {site.path}, allowed {tolerance:.0e}")
        worst = max(worst, error)
    return worst


def _check_isolation(network: PreTrainedModel, anatomy: Anatomy, poisonings: Poisonings, probe: Probe) -> None:
    for site in anatomy.every_site:
        found, _ = poisonings.n_slices(site.path, site.call)
        width = poisonings.width(site.path, site.call)
        if not width and queries_reach_slices(network, site, probe):
            continue
        if "handed" in site.flags and width not in (0, site.width):
            raise AnatomyError(
                f"{site.path} takes {width} inputs, but {site.n_heads} heads of width {site.d_head} give {site.width}"
            )
        if found not in (site.n_heads, site.n_heads / n_shards(network)):
            raise AnatomyError(
                f"a head at the attention does not reach exactly its slice of the input of {site.path}: "
                f"{site.n_heads} slices were expected, {found or 'none'} found"
            )


def _conservation(network: nn.Module, site: HeadSite, clean: _Record) -> float:
    mixed = clean.mixed[site].float().unflatten(-1, (site.n_heads, site.d_head))
    written = torch.einsum("nhd,hdm->nm", mixed, projection_weights(network, site))
    bias = bias_of(network.get_submodule(site.output))
    if bias is not None:
        written = written + bias.float()
    return _relative(written - clean.written[site].float(), clean.written[site])


def _silence(network: nn.Module, site: HeadSite, silent: _Record, clean: _Record) -> float:
    bias = bias_of(network.get_submodule(site.output))
    left = silent.written[site].float() - (0 if bias is None else bias.float())
    return _relative(left, clean.written[site])


def _relative(error: Tensor, reference: Tensor) -> float:
    return float(error.norm() / reference.float().norm().clamp_min(1e-20))


def _firing(network: PreTrainedModel, anatomy: Anatomy, probe: Probe) -> int | None:
    """Generate a few tokens and count; None if the model cannot generate from the probe alone."""
    generator: Any = network
    if not network.can_generate():
        return None
    counted: Counter[str] = Counter()
    options = dict(max_new_tokens=N_GENERATED, min_new_tokens=N_GENERATED, pad_token_id=0)
    if network.config.is_encoder_decoder:
        options["decoder_start_token_id"] = network.generation_config.decoder_start_token_id or 0
    with ExitStack() as stack:
        stack.enter_context(plainly_greedy(network))
        for path in {site.path for site in anatomy.every_site}:
            hook = network.get_submodule(path).register_forward_pre_hook(lambda _, __, p=path: counted.update([p]))
            stack.callback(hook.remove)
        try:
            given = {name: value for name, value in probe.items() if name != "decoder_input_ids"}
            generator.generate(**given, **options)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception:  # whatever a model's code raises that wants other inputs than the probe
            return None
    runs = Counter(site.path for site in anatomy.sites)
    wrong = {path: counted[path] / n for path, n in runs.items() if counted[path] != N_GENERATED * n}
    once = Counter(site.path for site in anatomy.encoder)
    again = next((path for path, n in once.items() if counted[path] != n), None)
    if again:
        raise AnatomyError(f"{again} ran {counted[again]} times for one answer, but {once[again]} in a forward pass")
    if wrong:
        path, fired = next(iter(wrong.items()))
        raise AnatomyError(
            f"{path} ran {fired:g} times while {N_GENERATED} tokens were generated; an edit would not act on each token"
        )
    return N_GENERATED


def _padding(network: PreTrainedModel, probe: Probe, beside: Probe | None, alone: Tensor, tolerance: float) -> bool:
    """True if a prompt that is padded on the left is read as it is alone."""
    padded = beside
    if set(probe) == {"input_ids", "attention_mask", "decoder_input_ids"}:
        ids, mask = probe["input_ids"], probe["attention_mask"]  # an encoder's source is padded on the right
        wider = {"input_ids": torch.cat([ids, ids[:, :3]], 1), "attention_mask": torch.cat([mask, 0 * mask[:, :3]], 1)}
        return _reads_alike(network, probe | wider, alone, tolerance)
    if set(probe) == {"input_ids", "attention_mask"}:
        ids = probe["input_ids"]
        mask = torch.cat([torch.zeros_like(ids[:, :3]), torch.ones_like(ids)], dim=1)
        padded = {"input_ids": torch.cat([ids[:, :3], ids], dim=1), "attention_mask": mask}
    if padded is None:
        return False
    if "decoder_input_ids" not in padded and (beside is None or not numbers_positions(network)):
        padded = padded | {"position_ids": (padded["attention_mask"].cumsum(1) - 1).clamp_min(0)}
    return _reads_alike(network, padded, alone, tolerance)


def _reads_alike(network: PreTrainedModel, padded: Probe, alone: Tensor, tolerance: float) -> bool:
    try:
        found = _logits(run_probe(network, padded))
    except AnatomyError:
        return False
    found = found[-1:, -alone.shape[1] :]
    return found.shape == alone.shape and _relative(found.float() - alone.float(), alone) <= 10 * tolerance


def _forward(network: PreTrainedModel, anatomy: Anatomy, probe: Probe) -> _Record:
    """Run the probe and record every projection."""
    record = _Record()

    def enter(site: HeadSite, mixed: Tensor) -> None:
        record.mixed[site] = whole_width(mixed.flatten(0, -2), site.width).clone()

    def leave(site: HeadSite, output: Tensor) -> None:
        record.written[site] = whole_tensor(output).flatten(0, -2).clone()

    with site_hooks(network, anatomy.every_site, enter, leave):
        record.logits = _logits(run_probe(network, probe))
    return record


def _logits(output: Any) -> Tensor:
    """A model's main output: its logits, or whatever floating point tensor it puts first."""
    logits = getattr(output, "logits", None)
    if not isinstance(logits, Tensor):
        values = output.values() if isinstance(output, dict) else output
        logits = next((v for v in values if isinstance(v, Tensor) and v.is_floating_point()), torch.empty(0))
    return whole_tensor(logits)
