import copy

import by_hand
import pytest
import torch
import transformers as hf
from by_hand import N_NEW, SCOPES, edit, ids, shared

from headpursuit.heads import Edit, Head
from headpursuit.models import rescale
from headpursuit.models.anatomy import Anatomy, HeadSite
from headpursuit.models.language_model import certified
from headpursuit.models.positions import PositionTracker
from headpursuit.models.scaling import rescale_sites
from headpursuit.models.scopes import Prompts, Slots, covered


@pytest.mark.parametrize("scope", ["prompt", "generated", (0, 2, -1)], ids=str)
@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_forward_equals_one_by_one(side, scope):
    """All tokens of a forward pass without cache are the prompt's."""
    network, prompts = shared("gpt2"), [ids(9, 1), ids(5, 2), ids(2, 3)]
    fills = [[0] * (9 - len(prompt)) for prompt in prompts]
    left = side == "left"
    rows = torch.tensor([fill + p if left else p + fill for fill, p in zip(fills, prompts, strict=True)])
    mask = torch.tensor(
        [fill + [1] * len(p) if left else [1] * len(p) + fill for fill, p in zip(fills, prompts, strict=True)]
    )
    places = (mask.cumsum(1) - 1).clamp_min(0)
    with torch.no_grad(), rescale(network, edit("gpt2", scope)):
        found = network(rows, attention_mask=mask, position_ids=places).logits
        decoder = network.base_model(rows, attention_mask=mask, position_ids=places).last_hidden_state
    torch.testing.assert_close(network.lm_head(decoder), found)
    for row, prompt in enumerate(prompts):
        model = by_hand.edited(network, "gpt2", [edit("gpt2", scope)], [(0, len(prompt))])
        expected = model(torch.tensor([prompt])).logits[0]
        torch.testing.assert_close(found[row][mask[row].bool()], expected, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_decoding_by_hand(scope):
    """With a cache, in chunks, and without a cache, where the prompt's length is given."""
    network, prompt = shared("llama"), ids()
    tokens, logits = by_hand.answer(network, "llama", [edit("llama", scope)], prompt, N_NEW)
    whole = torch.tensor([tokens])
    with torch.no_grad(), rescale(network, edit("llama", scope)):
        cache = hf.DynamicCache(config=network.config)
        steps = [network(part, past_key_values=cache).logits[0, -1] for part in whole[:, :-1].split([9, 1, 1, 1, 1], 1)]
    torch.testing.assert_close(torch.stack(steps), logits, atol=2e-4, rtol=1e-3)
    with torch.no_grad(), rescale(network, edit("llama", scope), prompt_length=9):
        cache = hf.DynamicCache(config=network.config)
        chunks = [network(part, past_key_values=cache).logits for part in whole[:, :-1].split([4, 3, 3, 3], 1)]
        at_once = network(whole, use_cache=False).logits[0, 8:-1]
    torch.testing.assert_close(torch.cat(chunks, dim=1)[0, 8:], logits, atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(at_once, logits, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("scope", ["all", "prompt", (0, -1)], ids=str)
def test_runs_of_one_projection_are_edited_apart(scope):
    """Layers that are run three times, of which the anatomy knows the first two."""
    network = by_hand.network("llama")
    layers = network.model.layers
    network.model.layers = torch.nn.ModuleList([layers[0]] * 3)
    path = "model.layers.0.self_attn.o_proj"
    anatomy = Anatomy((HeadSite(0, path, 4, 8, call=0), HeadSite(1, path, 4, 8, call=1)))
    scales = Edit({Head(0, 1): 20.0, Head(1, 2): -20.0}, scope)
    unrolled = copy.deepcopy(network)
    unrolled.model.layers = torch.nn.ModuleList(copy.deepcopy(layers[0]) for _ in range(3))
    model = by_hand.edited(unrolled, "llama", [scales], [(0, 9)])
    rows = torch.tensor([ids()])
    with rescale_sites(network, anatomy, scales) as applied:
        for _ in range(2):
            torch.testing.assert_close(network(rows, use_cache=False).logits, model(rows, use_cache=False).logits)
        with pytest.raises(ValueError, match="outside the decoder"):
            network.get_submodule(path)(torch.zeros(1, 9, 32))
    assert applied.calls == {"L0": 2, "L1": 2}
    second = Edit({Head(1, 2): -20.0}, scope)
    model = by_hand.edited(unrolled, "llama", [second], [(0, 9)])
    with rescale_sites(network, anatomy, second):
        torch.testing.assert_close(network(rows, use_cache=False).logits, model(rows, use_cache=False).logits)


def test_what_cannot_be_told_is_said():
    network, rows = by_hand.network("llama"), torch.tensor([ids()])
    square = torch.ones(1, 1, 9, 9, dtype=torch.bool).tril()
    with rescale(network, edit("llama", (0,))):
        with pytest.raises(ValueError, match="give forward a mask of 1 rows and 9 columns"):
            network(rows, attention_mask=square)
        with pytest.raises(ValueError, match='attention ran outside the decoder.*scope "all"'):
            network.model.layers[0].self_attn.o_proj(torch.zeros(1, 9, 32))
    with (
        pytest.raises(ValueError, match="the prompt length is -1"),
        rescale(network, edit("llama", (0,)), prompt_length=-1),
    ):
        pass


def test_rows_that_do_not_divide_by_prompts_are_an_error():
    with pytest.raises(ValueError, match="the forward pass has 3 rows for 2 prompts"):
        covered((0,), Slots(3, 0, 4), Prompts(4, torch.ones(2, 4, dtype=torch.bool)))


def test_rows_of_one_prompt_lie_side_by_side_and_padding_is_never_in_scope():
    real = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()  # padded left and right
    found = covered((0, -1, 3), Slots(4, 0, 7), Prompts(5, real))
    left, right = [0, 0, 1, 0, 1, 1, 0], [1, 1, 0, 0, 0, 0, 1]
    assert found.int().tolist() == [left, left, right, right]


def test_several_tokens_on_top_of_a_shorter_cache_are_generated():
    network, tokens = shared("llama"), torch.tensor([ids()])
    model = by_hand.edited(network, "llama", [edit("llama", "generated")], [(0, 2)])
    with rescale(network, edit("llama", "generated")) as applied, torch.no_grad():
        cache = network(tokens[:, :2], use_cache=True).past_key_values
        found = network(tokens[:, 2:], past_key_values=cache).logits
    assert applied.n_forwards == 1
    torch.testing.assert_close(found, model(tokens, use_cache=False).logits[:, 2:], atol=2e-4, rtol=1e-3)


def test_padding_is_read_off_the_whole_networks_mask_where_the_decoder_gets_another():
    network, prompt = by_hand.network("llama"), ids(5)
    rows, mask = torch.tensor([[0] * 4 + prompt]), torch.tensor([[0] * 4 + [1] * 5])
    square = torch.ones(9, 9, dtype=torch.bool).tril() & mask.bool() | torch.eye(9, dtype=torch.bool)
    given = dict(attention_mask=square[None, None], position_ids=(mask.cumsum(1) - 1).clamp_min(0))
    certified(network)  # with tokens of its own, which this mask would not fit
    network.model.register_forward_pre_hook(lambda _, args, kwargs: (args, kwargs | given), with_kwargs=True)
    model = by_hand.edited(network, "llama", [edit("llama", (0, -2))], [(4, 5)])
    with rescale(network, edit("llama", (0, -2))):
        torch.testing.assert_close(network(rows, attention_mask=mask).logits, model(rows, attention_mask=mask).logits)
        with pytest.raises(ValueError, match="which this attention mask does not show"):
            network.model(rows, attention_mask=mask)


def test_a_decoder_that_the_model_does_not_call_decoder():
    """What ModernBERT's `get_decoder` returns is its unembedding."""
    torch.manual_seed(0)
    sizes = dict(by_hand.FOUR_LAYERS, num_key_value_heads=4, global_attn_every_n_layers=2, local_attention=4)
    special = dict(bos_token_id=1, eos_token_id=None, cls_token_id=1, sep_token_id=2)
    network = hf.ModernBertDecoderForCausalLM(hf.ModernBertDecoderConfig(**sizes, **special)).eval()
    anatomy = Anatomy(tuple(HeadSite(n, f"model.layers.{n}.attn.Wo", 4, 8) for n in range(4)))
    model, scales = copy.deepcopy(network), Edit({Head(0, 1): 20.0, Head(3, 2): -20.0}, (0, -1))
    for head, scale in scales.items():
        attention = model.model.layers[head.layer].attn
        attention.Wo = by_hand.Multiplied(attention.Wo, {head.index: scale}, scales.scope, [(0, 9)])
    rows = torch.tensor([ids()])
    with rescale_sites(network, anatomy, scales), torch.no_grad():
        torch.testing.assert_close(network(rows, use_cache=False).logits, model(rows, use_cache=False).logits)


def test_layouts_and_caches_that_are_known_or_refused():
    tracker, decoder = PositionTracker("prompt"), shared("llama").model
    tracker.begin_generate(0)
    tracker.set_prompts(Prompts(9))
    tracker.enter_decoder(decoder, (torch.ones(2, 12, dtype=torch.int64),), {})
    chosen = tracker.chosen(torch.Size([2, 12]))
    assert chosen.tolist() == [[True] * 9 + [False] * 3] * 2
    assert torch.equal(tracker.chosen(torch.Size([24])), chosen.flatten())
    with pytest.raises(ValueError, match="attention writes \\(12, 2\\) positions for \\(2, 12\\) rows and tokens"):
        tracker.chosen(torch.Size([12, 2]))
    with pytest.raises(ValueError, match="the model keeps its cache to itself"):
        tracker.enter_decoder(decoder, (torch.ones(2, 1, dtype=torch.int64),), {})
    with pytest.raises(ValueError, match="a cache of type tuple does not tell its length"):
        tracker.enter_decoder(decoder, (), {"input_ids": torch.ones(2, 1), "past_key_values": ()})
    with pytest.raises(ValueError, match="neither input_ids nor inputs_embeds"):
        tracker.enter_decoder(decoder, (), {})
