"""The oracle of scopes: a model whose output projections multiply their inputs at positions written out one by one."""

import copy
from functools import cache

import tiny
import torch
import transformers as hf
from torch import nn

from headpursuit.heads import Edit, Head

SCOPES = ["all", "prompt", "generated", (0,), (-1,), (1, 3, -2), (11,), (0, -1, 10)]
N_NEW = 5

FOUR_LAYERS = dict(tiny.GROUPED, num_hidden_layers=4)
CONFIGS = {
    "llama": tiny.CONFIGS["llama"],
    "gpt2": tiny.CONFIGS["gpt2"],
    "opt": tiny.CONFIGS["opt"],
    "mistral_window": lambda: hf.MistralConfig(**tiny.GROUPED, sliding_window=4),
    "lfm2": lambda: hf.Lfm2Config(
        **FOUR_LAYERS,
        layer_types=["conv", "full_attention", "conv", "full_attention"],
        block_auto_adjust_ff_dim=False,
    ),
    "jamba": lambda: hf.JambaConfig(
        **FOUR_LAYERS, attn_layer_period=2, attn_layer_offset=1, num_experts=1, use_mamba_kernels=False
    ),
}
LAYERS = {"lfm2": (1, 3), "jamba": (1, 3)}
"""The layers with attention, where not all have it."""
PATHS = {"lfm2": "model.layers.{}.self_attn.out_proj"} | {
    family: tiny.OUTPUT_PROJECTIONS[family if family in ("gpt2", "opt") else "llama"]
    for family in ("llama", "gpt2", "opt", "mistral_window", "jamba")
}


def network(family):
    """A random network whose every parameter differs from its usual initial value."""
    torch.manual_seed(0)
    model = hf.AutoModelForCausalLM.from_config(CONFIGS[family]()).eval()
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    model.generation_config.eos_token_id = None
    return model


def is_in(scope, position, n_prompt):
    """Whether one token is in scope; both counted without padding."""
    if isinstance(scope, str):
        return {"all": True, "prompt": position < n_prompt, "generated": position >= n_prompt}[scope]
    return position in scope or any(s < 0 <= n_prompt + s == position for s in scope)


class Multiplied(nn.Module):
    """An output projection that sees whole texts (no cache) and multiplies heads of width 8 token by token."""

    def __init__(self, inner, scales, scope, prompts):
        super().__init__()
        self.inner, self.scales, self.scope, self.prompts = inner, scales, scope, prompts

    def forward(self, mixed):
        mixed = mixed.clone()
        copies = len(mixed) // len(self.prompts)
        for row in range(len(mixed)):
            padding, n_prompt = self.prompts[row // copies]
            for slot in range(padding, mixed.shape[1]):
                if is_in(self.scope, slot - padding, n_prompt):
                    for head, scale in self.scales.items():
                        mixed[row, slot, head * 8 : head * 8 + 8] *= scale
        return self.inner(mixed)


def edited(model, family, edits, prompts):
    """A copy with edits built in, for prompts given as (columns of padding before, number of tokens)."""
    model = copy.deepcopy(model)
    for edit in edits:
        for layer in {head.layer for head in edit}:
            owner, name = PATHS[family].format(layer).rsplit(".", 1)
            attention = model.get_submodule(owner)
            scales = {head.index: scale for head, scale in edit.items() if head.layer == layer}
            setattr(attention, name, Multiplied(getattr(attention, name), scales, edit.scope, prompts))
    return model


def answer(model, family, edits, ids, n_new):
    """Greedy answer to one prompt, a whole forward pass per token: all tokens, and the new ones' logits."""
    return _answer(model, family, tuple(edits), tuple(ids), n_new)


@cache
@torch.no_grad()
def _answer(model, family, edits, ids, n_new):
    """However it is generated, the answer by hand is one."""
    by_hand = edited(model, family, edits, [(0, len(ids))])
    ids, logits = list(ids), []
    for _ in range(n_new):
        logits.append(by_hand(torch.tensor([ids]), use_cache=False).logits[0, -1])
        ids.append(int(logits[-1].argmax()))
    return ids, torch.stack(logits)


def ids(length=9, seed=0):
    return torch.randint(5, 300, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def edit(family, scope, strength=20.0):
    """Strong enough to move what a tiny random model answers."""
    first, last = LAYERS.get(family, (0, 2))
    return Edit({Head(first, 1): strength, Head(1, 2): -strength, Head(last, 3): strength}, scope)


@cache
def shared(family):
    """A network that tests leave as it is, so that its heads are certified once."""
    return network(family)


def generate(model, prompts, **options):
    """All tokens, and the logits of the new ones, one row per prompt; prompts are padded on the left."""
    longest = max(len(prompt) for prompt in prompts)
    rows = torch.tensor([[0] * (longest - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
    options = dict(max_new_tokens=N_NEW, do_sample=False, pad_token_id=0, attention_mask=mask) | options
    if "prefill_chunk_size" in options and "cache_implementation" not in options:
        options["past_key_values"] = hf.DynamicCache(config=model.config)  # older transformers do not make one
    output = model.generate(rows, return_dict_in_generate=True, output_logits=True, **options)
    return output.sequences, torch.stack(output.logits, dim=1)


def check(model, family, edits, prompts, found):
    """Rows of `generate` against the answers by hand."""
    tokens, logits = found
    for row, prompt in enumerate(prompts):
        expected_tokens, expected_logits = answer(model, family, edits, prompt, N_NEW)
        assert tokens[row, -len(expected_tokens) :].tolist() == expected_tokens
        torch.testing.assert_close(logits[row], expected_logits, atol=2e-4, rtol=1e-3)
