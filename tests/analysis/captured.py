"""Prompts of many lengths to capture, and comparisons of captures."""

from dataclasses import asdict, replace

import tiny
import torch

from headpursuit.analysis.captures import moments_to_tensors

IDS = [range(5 + 9 * i, 6 + 9 * i + 5 * i % 7) for i in range(13)]
PROMPTS = [tiny.text_of(ids) for ids in IDS]


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def assert_same_tensors(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def assert_same_moments(one, other):
    assert_same_tensors(moments_to_tensors(one.moments), moments_to_tensors(other.moments))
    assert counts(one) == counts(other)


def counts(capture):
    return {site: moments.count for site, moments in capture.moments.items()}


def assert_same(one, other):
    """Everything equal, tensors bit by bit."""
    bare = dict(moments={}, samples=None)
    assert asdict(replace(one, **bare)) == asdict(replace(other, **bare))
    assert_same_moments(one, other)
    assert (one.samples is None) is (other.samples is None)
    if one.samples is not None:
        assert_same_tensors(one.samples.to_tensors(), other.samples.to_tensors())


def assert_close_moments(one, other):
    assert counts(one) == counts(other)
    for site, moments in one.moments.items():
        torch.testing.assert_close(moments.second, other.moments[site].second, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(moments.total, other.moments[site].total, atol=1e-6, rtol=1e-5)


def assert_close(one, other):
    """The same positions in other batches: values may round otherwise."""
    assert_close_moments(one, other)
    for name in ("keys", "prompt_of", "position_of"):
        assert torch.equal(getattr(one.samples, name), getattr(other.samples, name))
    for site, values in one.samples.mixed.items():
        torch.testing.assert_close(values, other.samples.mixed[site], atol=1e-5, rtol=1e-4)
