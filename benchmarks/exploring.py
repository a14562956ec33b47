"""The engine behind the live explorer on smollm2-135m: a new concept, and the first edited token.

The page itself, with its visitors, is measured by visiting.py.

Run: python benchmarks/exploring.py
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from common import report, seconds, smollm2

import headpursuit as hp
from headpursuit.analysis import Ranking
from headpursuit.concepts import Concept
from headpursuit.explore import Question, Workbench, ask, default_config, default_prompts
from headpursuit.heads import Edit
from headpursuit.models import stream_answer

PROMPT = "The Eiffel Tower is located in the country of"


def main() -> None:
    """Measure both."""
    with ThreadPoolExecutor(1) as apart:  # as the page does it; see Workbench
        bench, capture_s = apart.submit(captured).result()
    first_s, ranking = seconds(lambda: bench.rank(hp.load_concept("countries")), 1)
    rows = {
        "default capture": {"prompts": bench.capture.n_prompts, "seconds": capture_s},
        "first concept_s": first_s,
        "new concepts": new_concepts(bench),
        "first edited token": first_token(bench, ranking.edit(heads=3)),
    }
    report("exploring", rows)


def captured() -> tuple[Workbench, float]:
    """The workbench of shipped prompts, and how long their capture took."""
    model = smollm2()
    prompts = default_prompts(model)
    took, capture = seconds(lambda: hp.capture(model, prompts, default_config(model)), 1)
    return Workbench(model, capture, prompts), took


def new_concepts(bench: Workbench) -> dict[str, dict[str, float]]:
    """A concept that was not asked for before, from its words to a sorted ranking."""
    rows = {}
    for name in ("weekdays", "months", "colours", "animals", "capitals"):
        words = hp.load_concept(name).words
        times = []
        for turn in range(5):
            concept = Concept(f"{name} {turn}", words)
            took, ranking = seconds(partial(audited_and_ranked, bench, concept), 1)
            times.append(took)
        rows[name] = {"tokens": len(ranking.tokens), "seconds": statistics.median(times)}
    return rows


def audited_and_ranked(bench: Workbench, concept: Concept) -> Ranking:
    """A ranking as the page asks for it."""
    bench.audit(concept)
    return bench.rank(concept)


def first_token(bench: Workbench, edit: Edit) -> dict[str, float]:
    """Seconds to the first token, plain and edited, in turns."""
    plain, edited = [], []
    for _ in range(9):
        plain.append(_to_first(bench, Edit({})))
        edited.append(_to_first(bench, edit))
    times = statistics.median(plain), statistics.median(edited)
    return {"plain_s": times[0], "edited_s": times[1], "ratio": times[1] / times[0]}


def _to_first(bench: Workbench, edit: Edit) -> float:
    heard: list[float] = []
    start = time.perf_counter()
    if not edit:
        stream_answer(bench.model, PROMPT, lambda _: heard.append(time.perf_counter()), max_new_tokens=2)
        return heard[0] - start
    for table in ask(bench, Question(PROMPT, edit, max_new_tokens=2, random=False)):
        if table.answers["edit"].text and not heard:
            heard.append(time.perf_counter())
    return heard[0] - start


if __name__ == "__main__":
    main()
