"""Words that Whisper loses when the heads ranked for a concept are flipped: a first look, on synthetic speech.

    python benchmarks/transcription.py numbers countries    (some two minutes on one core)

Sentences are spoken by espeak-ng. Heads are ranked on one voice and set of sentences; what an edit does is measured
on other sentences, in two other voices: words of the concept that are transcribed (as a word or a numeral), and other
words of the same sentences. What the encoder makes of each recording is kept, so that all edits are of the decoder.
"""

import argparse
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import torch

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.media import AudioPrompt
from headpursuit.models import LanguageModel, batches, quiet
from headpursuit.models.batches import Batch
from headpursuit.models.text import continue_batch

NUMBERS = dict(
    three="3", five="5", seven="7", nine="9", eleven="11", twelve="12", fourteen="14", sixteen="16", seventeen="17",
    twenty="20", thirty="30", fifty="50", sixty="60", eighty="80", ninety="90", thirteen="13", nineteen="19", eight="8",
)  # fmt: skip
COUNTRIES = (
    "germany france brazil canada egypt kenya norway poland mexico "
    "japan india spain italy chile cuba peru turkey greece"
)
WORDS = {"numbers": NUMBERS, "countries": dict.fromkeys(COUNTRIES.split(), "")}

RANKED_ON = {
    "numbers": ("There are {} books on the wooden shelf.", "She painted {} small windows last summer."),
    "countries": ("The old train slowly crossed {} at night.", "My teacher was born in {} many years ago."),
}
HELD_OUT = {
    "numbers": (
        "We bought {} apples at the market yesterday.",
        "My brother has {} friends in the village.",
        "The farmer sold {} brown horses in spring.",
    ),
    "countries": (
        "We bought fresh apples in {} last winter.",
        "My brother found many friends in {} again.",
        "The farmer sold brown horses to {} in spring.",
    ),
}
VOICE, OTHER_VOICES = "en-us", ("en-gb", "en-us+f3")
N_RANKED, N_HELD_OUT, N_NEW = 8, 12, 24
N_DRAWS = 4


@dataclass(frozen=True)
class Spoken:
    """A sentence, as it was spoken."""

    text: str
    word: str
    """The concept's."""
    prompt: AudioPrompt


def speak(
    concept: str, patterns: Sequence[str], words: Sequence[str], voices: Sequence[str], folder: Path
) -> list[Spoken]:
    """Let espeak-ng say one sentence for each word, patterns and voices in turn."""
    found = []
    for i, word in enumerate(words):
        text = patterns[i % len(patterns)].format(word.capitalize() if concept == "countries" else word)
        file = folder / f"{concept}-{len(list(folder.iterdir()))}.wav"
        voice = voices[i // len(patterns) % len(voices)]
        subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", file, text], check=True)
        found.append(Spoken(text, word, AudioPrompt(file)))
    return found


@torch.no_grad()
def encoded(model: LanguageModel, prompts: Sequence[AudioPrompt]) -> Iterator[Batch]:
    """Batches in which the encoder has done its part."""
    for batch in batches(model, prompts, 4, room=N_NEW):
        outputs = model.network.get_encoder()(**batch.source)
        yield replace(batch, source={"encoder_outputs": outputs})


def scores(model: LanguageModel, kept: Sequence[Batch], spoken: Sequence[Spoken], concept: str) -> tuple[float, float]:
    """The share of the concept's words that are transcribed, and of the other words."""
    right, others = [], []
    for batch in kept:
        full, start = continue_batch(model, batch, N_NEW), batch.input_ids.shape[1]
        for i, ids in zip(full.indices, full.input_ids[:, start:].tolist(), strict=True):
            heard = set(re.findall(r"[a-z]+|\d+", str(model.tokenizer.decode(ids, skip_special_tokens=True)).lower()))
            one = spoken[i]
            right.append(bool(heard & {one.word, WORDS[concept][one.word]}))
            rest = set(re.findall("[a-z]+", one.text.lower())) - {one.word}
            others.append(len(rest & heard) / len(rest))
    return mean(right), mean(others)


def edits(ranking: hp.Ranking, heads: Sequence[Head]) -> Iterator[tuple[str, Edit]]:
    """The edits that are tried: ranked heads flipped, and as many random ones of the same layers and kinds."""
    yield "unedited", Edit({})
    for count in (1, 2, 4):
        yield f"{count} ranked, x -1: {' '.join(map(str, ranking.top(count)))}", ranking.edit(count, -1)
    chosen, drawn = ranking.top(2), random.Random(0)
    pools = [[head for head in heads if head.site == one.site and head not in chosen] for one in chosen]
    pairs = sorted({tuple(sorted((a, b))) for a in pools[0] for b in pools[1] if a != b})
    for number, pair in enumerate(drawn.sample(pairs, N_DRAWS), start=1):
        yield f"random {number}, x -1: {' '.join(map(str, pair))}", Edit.uniform(pair, -1)


def main() -> None:
    """Speak, rank, flip, and print a table for each concept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("concepts", nargs="+", choices=sorted(WORDS))
    if not shutil.which("espeak-ng"):
        parser.error("espeak-ng is not installed; on Debian: apt-get install espeak-ng")
    quiet()
    model = hp.load("whisper-base")
    with tempfile.TemporaryDirectory() as scratch:
        for concept in parser.parse_args().concepts:
            words = random.Random(1).sample(sorted(WORDS[concept]), len(WORDS[concept]))
            here = Path(scratch)
            ranked_on = speak(concept, RANKED_ON[concept], words[:N_RANKED], (VOICE,), here)
            asked = (words[N_RANKED:] * 2)[:N_HELD_OUT]
            held_out = speak(concept, HELD_OUT[concept], asked, OTHER_VOICES, here)
            config = hp.CaptureConfig(positions="generated", max_new_tokens=N_NEW, batch_size=4)
            captured = hp.capture(model, [one.prompt for one in ranked_on], config)
            ranking = hp.rank(model, captured, {concept: [w for pair in WORDS[concept].items() for w in pair if w]})
            kept = list(encoded(model, [one.prompt for one in held_out]))
            print(f"{concept}: {N_HELD_OUT} held-out sentences", flush=True)
            for name, edit in edits(ranking, model.anatomy.heads):
                with hp.rescale(model, edit):
                    concept_words, others = scores(model, kept, held_out, concept)
                print(f"| {name} | {concept_words:.2f} | {others:.2f} |", flush=True)


if __name__ == "__main__":
    main()
