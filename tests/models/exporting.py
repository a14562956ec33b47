"""What tests of exports share."""

import resource
from contextlib import contextmanager

import peft
import tiny
import torch
from transformers import AutoModelForCausalLM

import headpursuit as hp
from headpursuit.heads import Edit, Head

FORMATS = ("weights", "ia3", "lora")
EDIT = Edit({Head(0, 1): -1.0, Head(2, 3): 0.0, Head(2, 0): 2.5})
FLIP = Edit({Head(0, 1): -1.0, Head(2, 3): 2.0})  # factors that lose nothing when they are multiplied into weights
INPUTS = torch.arange(5, 15)[None]


@torch.no_grad()
def logits(network):
    return network(INPUTS).logits


def live(model, edit):
    with hp.rescale(model, edit):
        return logits(model.network)


def stock(path, form, base):
    """What somebody without headpursuit does."""
    if form == "weights":
        return AutoModelForCausalLM.from_pretrained(path, dtype="auto")
    return peft.PeftModel.from_pretrained(base, path)


def saved(folder, family="llama", **options):
    """A tiny model as a local folder."""
    tiny.network(family).save_pretrained(folder, **options)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def bits(network):
    return {name: value.clone().view(torch.uint8) for name, value in network.state_dict().items()}


def assert_as_before(network, before):
    assert all(torch.equal(value, before[name]) for name, value in bits(network).items())
    assert not any(isinstance(module, peft.tuners.tuners_utils.BaseTunerLayer) for module in network.modules())
    assert not hasattr(network, "peft_config")


def nothing_left(folder):
    return list(folder.iterdir()) == []


class PackedLinear(torch.nn.Linear):
    """int8 weights with a scale for all, like quantised linear layers: their columns cannot be scaled."""

    def __init__(self, linear):
        super().__init__(linear.in_features, linear.out_features, bias=False)
        self.step = linear.weight.abs().max().item() / 127
        packed = (linear.weight.detach() / self.step).round().to(torch.int8)
        self.weight = torch.nn.Parameter(packed, requires_grad=False)

    def forward(self, x):
        return x @ (self.weight.to(x.dtype) * self.step).T


@contextmanager
def files_at_most(size):
    """A disk that is full after so many bytes."""
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, kept[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
