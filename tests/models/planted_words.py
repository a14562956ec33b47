"""A tiny model of which one head writes the directions of ten words, and whose captures show it."""

import tiny
import torch

from headpursuit.analysis import CaptureConfig, capture
from headpursuit.concepts import Concept
from headpursuit.heads import Head
from headpursuit.models import LanguageModel

TOKENS = (20, 37, 61, 88, 104, 133, 160, 207, 231, 260)
CONCEPT = Concept("planted", tuple(f"w{i}" for i in TOKENS))
PLANTED = Head(1, 2)
PROMPTS = [tiny.text_of([5 + i, 40 + 7 * i, 100 + 3 * i]) for i in range(12)]


def planted_model(name="tiny-planted", seed=0):
    network = tiny.network("llama", seed)
    directions = network.lm_head.weight.data[list(TOKENS)]
    mix = torch.randn(len(TOKENS), 8, generator=torch.Generator().manual_seed(0))
    network.model.layers[1].self_attn.o_proj.weight.data[:, 16:24] = directions.T @ mix
    return LanguageModel(network, tiny.word_tokenizer(), name)


def captured_of(model):
    return capture(model, PROMPTS, CaptureConfig("prompt"))


def saved_model(folder):
    """The model in a folder, as commands load it."""
    model = planted_model(str(folder))
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return model
