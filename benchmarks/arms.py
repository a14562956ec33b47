"""Arms of a study side by side against one after the other, and edits by row against one edit for the batch.

Thirteen arms of the demo (base, two heads, ten draws of random heads, another two) answer the same questions, once one
after the other and once in full batches, without and with what arms share computed once.

Run: python benchmarks/arms.py [questions] [cuda]
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

from common import moved, report, smollm2, synchronise

import headpursuit as hp
from headpursuit.models import LanguageModel, alike, alike_refusal, answers_under, batches
from headpursuit.models.text import continue_batch
from headpursuit.pursuit import random_heads
from headpursuit.studies.settings import find_task
from headpursuit.studies.tasks import drawn

HEADS, OTHERS = ("L29H2", "L23H4"), ("L14H4", "L26H1")
N_NEW, BATCH, ROWS, ROUNDS = 12, 64, 256, 3


def main(n_questions: int, device: str) -> None:
    """All ways, in turns."""
    model = smollm2()
    moved(model.network, device)
    assert alike_refusal(model) == ""
    task = find_task(hp.StudyConfig("countries-qa", "smollm2-135m"))
    prompts = [str(q.prompt) for q in drawn(task.heldout, n_questions // 2, 0)]
    edits = arms(model)
    found: dict[str, list[tuple[str, ...]]] = {}

    def side_by_side() -> None:
        found["together"] = [a.texts for a in answers_under(model, prompts, edits, batch_size=ROWS)]

    def in_turn() -> None:
        found["in turn"] = []
        for edit in edits:
            with hp.rescale(model, edit):
                found["in turn"].append(tuple(hp.answer(model, prompts, batch_size=BATCH)))

    def rows_alone() -> None:
        with patch.object(alike, "alike_refusal", lambda _: "not asked for"):
            side_by_side()

    times = {way.__name__: timed(way, device) for way in (in_turn, rows_alone, side_by_side)}
    pairs = zip(found["in turn"], found["together"], strict=True)
    different = sum(a != b for one, other in pairs for a, b in zip(one, other, strict=True))
    rows: dict[str, object] = {
        "arms": len(edits),
        "questions": len(prompts),
        "full batches / one arm after the other": times["rows_alone"] / times["in_turn"],
        "full batches, what is shared once / one arm after the other": times["side_by_side"] / times["in_turn"],
        "answers that differ": different,
        "edits by row / one edit": by_row(model, prompts, edits[1]),
    }
    report("arms" if device == "cpu" else f"arms-{device}", rows, device)


def timed(work: Callable[[], object], device: str) -> float:
    """Seconds of one run; on a CPU those that the process computed."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    synchronise()
    start = clock()
    work()
    synchronise()
    return clock() - start


def arms(model: LanguageModel) -> list[hp.Edit]:
    """The edits of the demo's arms."""
    edit = hp.Edit.uniform(HEADS, -1)
    draws = [
        hp.Edit.uniform(heads, -1)
        for matched in (True, False)
        for heads in random_heads(edit, model.anatomy.heads, 5, 0, layer_matched=matched)
    ]
    return [hp.Edit({}), edit, *draws, hp.Edit.uniform(OTHERS, -1)]


def by_row(model: LanguageModel, prompts: list[str], edit: hp.Edit) -> float:
    """The same edit for each row, against one for the batch: the median ratio of a few rounds."""
    batch = batches(model, prompts[:32], 32, room=N_NEW)[0]
    ratios = []
    for _ in range(ROUNDS):
        with hp.rescale(model, edit):
            one = timed(partial(continue_batch, model, batch, N_NEW), model.device.type)
        with hp.rescale(model, [edit] * len(batch.indices)):
            ratios.append(timed(partial(continue_batch, model, batch, N_NEW), model.device.type) / one)
    return statistics.median(ratios)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(given[0] if given else 64, "cuda" if "cuda" in sys.argv else "cpu")
