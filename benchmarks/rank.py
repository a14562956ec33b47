"""How long it takes to rank a new concept on an existing capture of smollm2-135m, null draws included.

Run: python benchmarks/rank.py
"""

import statistics
import time

import headpursuit as hp
from headpursuit.models import quiet
from headpursuit.studies import load_task


def main() -> None:
    """Capture once, then rank several concepts and print seconds."""
    quiet()
    model = hp.load("smollm2-135m", device="cpu")
    capture = hp.capture(model, load_task("countries-qa").ranking_prompts)
    seconds = {}
    for name in ("weekdays", "months", "colours", "languages", "animals", "countries") * 3:
        start = time.perf_counter()
        ranking = hp.rank(model, capture, hp.load_concept(name))
        seconds.setdefault((name, len(ranking.tokens)), []).append(time.perf_counter() - start)
    for (name, n_tokens), values in seconds.items():
        draws = ranking.config.n_draws
        print(f"{name}: {n_tokens} tokens, {draws} null draws, 270 heads: median {statistics.median(values):.2f} s")


if __name__ == "__main__":
    main()
