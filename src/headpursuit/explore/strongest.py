"""At which captured positions a head writes most."""

from dataclasses import dataclass

from headpursuit.analysis import Capture
from headpursuit.heads import Head
from headpursuit.models import HeadSite, LanguageModel, write_weights

N_STRONGEST = 5


@dataclass(frozen=True)
class Strong:
    """A captured position at which a head writes much."""

    prompt: int
    """Number of the prompt."""
    position: int
    """Of the token, counted from the prompt's first."""
    times: float
    """Length of what the head writes there beyond its average, in root mean squares over all samples."""


def strongest(model: LanguageModel, capture: Capture, site: HeadSite, head: Head) -> tuple[Strong, ...]:
    """The captured samples at which a head writes most beyond its average, at most one of each prompt.

    Args:
        model: The model.
        capture: Its capture; without samples there are none.
        site: Where the head is.
        head: The head.
    """
    samples = capture.samples
    if samples is None or len(samples) == 0:
        return ()
    mixed = samples.mixed[site.name][:, head.index]
    write = write_weights(model.network, site)[head.index].float()
    written = (mixed - mixed.mean(0)).to(write) @ write
    lengths = written.norm(dim=1).cpu()
    usual = float(lengths.square().mean().sqrt()) or 1.0
    found: dict[int, Strong] = {}
    for i in lengths.argsort(descending=True, stable=True).tolist():
        prompt = int(samples.prompt_of[i])
        found.setdefault(prompt, Strong(prompt, int(samples.position_of[i]), float(lengths[i]) / usual))
        if len(found) == N_STRONGEST:
            break
    return tuple(found.values())
