"""Tiny random models of which a few heads write a concept's token directions, by construction."""

import tiny
import torch
import transformers as hf

from headpursuit.concepts import Concept
from headpursuit.heads import Head
from headpursuit.models import LanguageModel

N_WORDS, N_LAYERS, N_HEADS, D_HEAD = 400, 3, 8, 8
N_TOKENS = 6


def random_words(generator, n_words=N_TOKENS):
    """A list of random words of the vocabulary."""
    ids = 2 + torch.randperm(N_WORDS - 2, generator=generator)[:n_words]
    return Concept("random", tuple(f"w{i}" for i in ids.tolist()))


def planted_model(seed, n_planted, share=0.8):
    """A model, a concept, and the heads that write it: `share` of their energy lies along the concept's tokens."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    d_model = N_HEADS * D_HEAD
    network = hf.LlamaForCausalLM(
        hf.LlamaConfig(
            vocab_size=N_WORDS,
            hidden_size=d_model,
            num_attention_heads=N_HEADS,
            num_hidden_layers=N_LAYERS,
            intermediate_size=d_model,
            initializer_range=0.3,
        )
    ).eval()
    concept = random_words(generator)
    rows = network.lm_head.weight.data[[int(word[1:]) for word in concept.words]]
    heads = []
    for number in torch.randperm(N_LAYERS * N_HEADS, generator=generator)[:n_planted].tolist():
        layer, index = divmod(number, N_HEADS)
        columns = network.model.layers[layer].self_attn.o_proj.weight.data[:, index * D_HEAD : (index + 1) * D_HEAD]
        # What is written depends on the input: every dimension of the head writes another mixture of the tokens.
        mixture = rows.T @ torch.randn(N_TOKENS, D_HEAD, generator=generator)
        mixture *= columns.norm() / mixture.norm()
        columns.copy_(share**0.5 * mixture + (1 - share) ** 0.5 * columns)
        heads.append(Head(layer, index))
    return LanguageModel(network, tiny.word_tokenizer(N_WORDS), "planted"), concept, frozenset(heads)


def random_prompts(seed, n_prompts=24, length=6):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, N_WORDS, (n_prompts, length), generator=generator)
    return [tiny.text_of(row) for row in ids.tolist()]
