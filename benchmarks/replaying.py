"""Passes that begin at the edited layer, in units of whole passes under the same edit.

Run: python benchmarks/replaying.py
"""

import torch
from common import report, seconds, smollm2

import headpursuit as hp
from headpursuit.heads import Edit, Head
from headpursuit.models import batches, replay
from headpursuit.models.text import read_logits
from headpursuit.studies.tasks import load_task

LAYERS = (0, 10, 20, 25, 29)


def main() -> None:
    """Sixty-four unrelated questions under an edit of one head, in layers from the first to the last."""
    model = smollm2()
    questions = [q.prompt for q in load_task("months").questions if q.group == "unrelated"][:64]
    batch = batches(model, questions, 64)[0]
    kept = replay(model, batch)
    rows: dict[str, object] = {"tokens": batch.input_ids.numel(), "megabytes kept": round(kept.n_bytes / 1e6)}
    for layer in LAYERS:
        edit = Edit({Head(layer, 0): -1.0})
        with hp.rescale(model, edit), torch.no_grad():
            whole, logits = seconds(lambda: read_logits(model, batch, logits_to_keep=1))
        part, again = seconds(lambda edit=edit: kept.logits(edit))  # type: ignore[misc]
        assert torch.equal(logits, again)
        rows[f"replay / whole pass, edit in layer {layer}"] = round(part / whole, 2)
    rows["layers computed, mean over heads"] = round(
        sum(kept.share(Edit({head: -1.0})) for head in model.anatomy.heads) / model.anatomy.n_heads, 3
    )
    report("replaying", rows, "cpu")


if __name__ == "__main__":
    main()
