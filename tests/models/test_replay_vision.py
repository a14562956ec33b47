"""Passes over texts with pictures and what follows them, from the first edited layer."""

import pytest
import tiny_vision
import torch
from tiny_vision import SOME_FAMILIES

from headpursuit.heads import Edit
from headpursuit.models import Continuation, likelihoods, replay_refusal


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_likelihoods_behind_pictures_are_those_of_whole_passes(family):
    model = tiny_vision.shared(family)
    prompts = tiny_vision.two_prompts(model)
    asked = [
        Continuation(prompts[0], ((20,), (21,)), (30, 31)),
        Continuation(prompts[1], ((22,),)),
        Continuation(prompts[0], ((23,), (24, 25))),
    ]
    replayed, whole = (likelihoods(model, asked, batch_size=2, every=every) for every in (1, 0))
    assert whole.n_bytes == 0
    sites = model.anatomy.sites
    for site in (sites[0], sites[len(sites) // 2], sites[-1]):
        for scope in ("all", "generated"):
            edit = Edit({head: -1.0 for head in site.heads[:2]}, scope)
            found, expected = replayed.under(edit), whole.under(edit)
            assert torch.equal(found.log_probability, expected.log_probability), (site.name, scope)
            assert torch.equal(found.margin, expected.margin)
    last = Edit({sites[-1].heads[0]: -1.0})
    assert not torch.equal(replayed.under(last).log_probability, replayed.base.log_probability)
    assert replayed.share(last) < 1 if not replay_refusal(model) else replayed.share(last) == 1
