"""A tiny family whose attention nobody sees: sigmoids in the place of softmax, and no dispatch."""

from typing import Literal

import torch
import transformers as hf
from torch import nn
from transformers.modeling_outputs import CausalLMOutput

Layout = Literal["apart", "behind one another", "head by head"]
"""How queries, keys and values come out of linear modules."""


class UnseenConfig(hf.PreTrainedConfig):
    model_type = "unseen"

    def __init__(self, layout: Layout = "apart", vocab_size=300, hidden_size=32, n_heads=4, n_layers=3, **others):
        self.layout, self.vocab_size, self.hidden_size = layout, vocab_size, hidden_size
        self.n_heads, self.num_hidden_layers = n_heads, n_layers
        self.max_position_embeddings = 64
        super().__init__(**others)


class Mixer(nn.Module):
    def __init__(self, config):
        super().__init__()
        d, self.n_heads, self.layout = config.hidden_size, config.n_heads, config.layout
        names = ("q", "k", "v") if self.layout == "apart" else ()
        self.qkv = nn.ModuleDict({name: nn.Linear(d, d) for name in names} or {"all": nn.Linear(d, 3 * d)})
        self.out = nn.Linear(d, d)

    def parts(self, x):
        if self.layout == "apart":
            return [self.qkv[name](x).unflatten(-1, (self.n_heads, -1)) for name in "qkv"]
        whole = self.qkv["all"](x)
        if self.layout == "head by head":
            return whole.unflatten(-1, (self.n_heads, 3, -1)).unbind(-2)
        return [part.unflatten(-1, (self.n_heads, -1)) for part in whole.chunk(3, -1)]

    def forward(self, x, mask):
        q, k, v = self.parts(x)
        seen = torch.einsum("bihd,bjhd->bhij", q, k) / q.shape[-1] ** 0.5
        weights = torch.sigmoid(seen) * mask
        return self.out(torch.einsum("bhij,bjhd->bihd", weights, v).flatten(-2))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        d = config.hidden_size
        self.norm, self.mixer = nn.RMSNorm(d), Mixer(config)
        self.mlp_norm, self.up, self.down = nn.RMSNorm(d), nn.Linear(d, 48), nn.Linear(48, d)

    def forward(self, x, mask):
        x = x + self.mixer(self.norm(x), mask)
        return x + self.down(torch.relu(self.up(self.mlp_norm(x))))


class UnseenModel(hf.PreTrainedModel):
    config_class = UnseenConfig
    base_model_prefix = "model"

    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.num_hidden_layers)])
        self.norm = nn.RMSNorm(config.hidden_size)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, **_):
        n = input_ids.shape[1]
        mask = torch.ones(n, n).tril()[None, None].to(input_ids.device)
        if attention_mask is not None:
            mask = mask * attention_mask[:, None, None]
        x = self.embed_tokens(input_ids)
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x)


class UnseenForCausalLM(hf.PreTrainedModel, hf.GenerationMixin):
    config_class = UnseenConfig
    base_model_prefix = "model"

    def __init__(self, config):
        super().__init__(config)
        self.model = UnseenModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, **_):
        return CausalLMOutput(logits=self.lm_head(self.model(input_ids, attention_mask)))


hf.AutoConfig.register("unseen", UnseenConfig, exist_ok=True)
hf.AutoModelForCausalLM.register(UnseenConfig, UnseenForCausalLM, exist_ok=True)

ANATOMY = {"model.layers.*.mixer.out": {"n_heads": 4, "d_head": 8}}


def network(layout: Layout = "apart"):
    torch.manual_seed(0)
    model = UnseenForCausalLM(UnseenConfig(layout)).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    model.generation_config.eos_token_id = None
    return model
