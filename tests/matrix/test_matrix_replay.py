"""On every class that reads text, passes from the edited layer are those of `rescale` bit by bit, or refused."""

from dataclasses import dataclass

import pytest
import torch
import transformers
import zoo
from tiny import language_model

from headpursuit.heads import Edit
from headpursuit.models import AnatomyError, LanguageModel, replay, replay_refusal, rescale
from headpursuit.models.batches import Batch
from headpursuit.models.text import read_logits

pytestmark = pytest.mark.matrix


@dataclass(frozen=True)
class Row:
    """What came of one class."""

    class_name: str
    refusal: str
    differs_at: tuple[str, ...]
    """Attentions whose edit gives other logits than `rescale`."""
    share: float
    """The part of the layers that a pass computes under an edit of the last attention."""


def replayed(job):
    """Edits of three attentions; None where text alone cannot be read, or the heads are refused."""
    try:
        network = zoo.build(job)
    except ValueError:
        return None
    if getattr(network.config, "is_encoder_decoder", False) or zoo.probe(job, network) is not None:
        return None
    model = LanguageModel(network, language_model().tokenizer, "")
    try:
        sites = model.anatomy.sites
    except AnatomyError:
        return None
    ids = torch.arange(100, 112).reshape(2, 6)
    batch = Batch((0, 1), ids, torch.ones_like(ids))
    read, differs = replay(model, batch), []
    for site in {site.name: site for site in (sites[0], sites[len(sites) // 2], sites[-1])}.values():
        for scale in (-1.0, 0.0):
            edit = Edit.uniform(site.heads[:1], scale)
            with torch.no_grad(), rescale(model, edit):
                whole = read_logits(model, batch, logits_to_keep=1)[:, -1:]
            if not torch.equal(read.logits(edit), whole):
                differs.append(f"{site.name} x {scale:g}")
    last = max(sites, key=lambda site: site.layer)
    return Row(job.class_name, replay_refusal(model), tuple(differs), read.share(Edit.uniform(last.heads[:1], -1.0)))


@pytest.fixture(scope="module")
def rows():
    transformers.logging.set_verbosity_error()
    return [row for job in zoo.jobs() if (row := replayed(job)) is not None]


def test_every_class_gives_the_logits_of_rescale(rows):
    assert {row.class_name: row.differs_at for row in rows if row.differs_at} == {}


def test_passes_begin_at_the_edited_layer_or_a_reason_is_given(rows):
    for row in rows:
        assert row.share == 1 and len(row.refusal) > 20 if row.refusal else row.share < 1, row


def test_nearly_every_class_is_replayed(rows):
    assert sum(not row.refusal for row in rows) > 0.9 * len(rows) > 100
