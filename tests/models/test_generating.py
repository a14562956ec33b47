import copy
import threading

import by_hand
import pytest
import torch
import transformers as hf
from by_hand import N_NEW, check, edit, generate, ids, shared
from packaging.version import Version

from headpursuit.heads import Edit, Head
from headpursuit.models import rescale
from headpursuit.models.anatomy import Anatomy, HeadSite
from headpursuit.models.scaling import rescale_sites

OLD = Version(hf.__version__) < Version("5.5")
REFUSED = {
    "guidance_scale": 2.0,
    "prompt_lookup_num_tokens": 3,
    "assistant_early_exit": 1,
    "use_mtp": True,
    "is_assistant": True,
}


@pytest.mark.parametrize("scope", ["all", "prompt"])
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("where", ["argument", "config", "model"])
def test_generation_that_cannot_be_followed_is_refused(where, name, scope):
    network = by_hand.network("llama")
    options = {name: REFUSED[name]} if where == "argument" else {}
    if where == "config":
        options["generation_config"] = hf.GenerationConfig(max_new_tokens=N_NEW)
        setattr(options["generation_config"], name, REFUSED[name])
    if where == "model":
        setattr(network.generation_config, name, REFUSED[name])
    with (
        rescale(network, edit("llama", scope)),
        pytest.raises(ValueError, match=f"generate\\(\\) with {name} cannot run while heads are rescaled"),
    ):
        network.generate(torch.tensor([ids()]), **options)


def test_an_argument_wins_over_what_the_model_says():
    network = by_hand.network("llama")
    network.generation_config.guidance_scale = 2.0
    with rescale(network, edit("llama", "prompt")):
        found = generate(network, [ids()], guidance_scale=1.0)
    check(network, "llama", [edit("llama", "prompt")], [ids()], found)


def test_assistants_and_continuous_batching_are_refused():
    network, helper = by_hand.network("llama"), by_hand.network("llama")
    rows = torch.tensor([ids()])
    with rescale(network, edit("llama", "all")):
        with pytest.raises(ValueError, match="assistant_model cannot run"):
            network.generate(rows, assistant_model=helper)
        with pytest.raises(ValueError, match="cache_implementation cannot run"):
            network.generate(rows, cache_implementation="paged")
        with pytest.raises(ValueError, match="generate_batch\\(\\) cannot run while heads are rescaled: continuous"):
            network.generate_batch([ids()])
        with pytest.raises(ValueError, match="init_continuous_batching\\(\\) cannot run"):
            network.init_continuous_batching()
    with rescale(network, Edit({})):
        network.generate(rows, max_new_tokens=2, prompt_lookup_num_tokens=2, pad_token_id=0)
    network.generate(rows, max_new_tokens=2, prompt_lookup_num_tokens=2, pad_token_id=0)


def test_the_models_methods_are_put_back():
    network = by_hand.network("llama")
    before = dict(vars(network))
    first, second = rescale(network, edit("llama", "prompt")), rescale(network, edit("llama", "generated"))
    first.__enter__()
    second.__enter__()
    assert "generate" in vars(network)
    first.__exit__(None, None, None)  # not in reverse order
    found = generate(network, [ids()], use_cache=False)
    second.__exit__(None, None, None)
    check(network, "llama", [edit("llama", "generated")], [ids()], found)
    assert dict(vars(network)) == before
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in network.modules())
    network.generate = lambda *args, **kwargs: "own"
    with pytest.raises(KeyError), rescale(network, edit("llama", "prompt")):
        assert network.generate() == "own"
        raise KeyError
    assert network.generate() == "own"


def test_a_model_is_saved_but_not_copied_while_it_is_edited(tmp_path):
    """A copy would keep the hooks for good."""
    network = by_hand.network("llama")
    with rescale(network, edit("llama", "prompt")):
        network.save_pretrained(tmp_path)
        with pytest.raises(TypeError, match="cannot be copied or pickled while its heads are rescaled"):
            copy.deepcopy(network)
    saved = hf.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(saved(torch.tensor([ids()])).logits, network(torch.tensor([ids()])).logits)


def test_an_error_in_a_forward_pass_leaves_no_trace():
    network, prompt = by_hand.network("llama"), ids()
    with rescale(network, edit("llama", "generated")):
        fail = network.model.layers[1].mlp.register_forward_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            generate(network, [ids(4, 7)])
        with pytest.raises(ValueError, match="attention ran outside the decoder"):
            network.model.layers[0].self_attn.o_proj(torch.zeros(1, 4, 32))
        fail.remove()
        found = generate(network, [prompt])
    check(network, "llama", [edit("llama", "generated")], [prompt], found)


@pytest.mark.parametrize("scope", ["prompt", "generated", (0, -1, 10)], ids=str)
@pytest.mark.parametrize("given", ["all tokens", "new tokens and a mask"])
def test_generate_from_a_cache_counts_what_is_in_it(given, scope):
    network, prompt = shared("llama"), torch.tensor([ids()])
    with rescale(network, edit("llama", scope), prompt_length=9), torch.no_grad():
        cache = network(prompt[:, :4], use_cache=True).past_key_values
    options = dict(past_key_values=cache, attention_mask=torch.ones_like(prompt))
    rest = prompt if given == "all tokens" else prompt[:, 4:]
    if given != "all tokens" and OLD:
        pytest.skip("generate() of this transformers wants all tokens")
    with rescale(network, edit("llama", scope)):
        found, logits = generate(network, rest.tolist(), **options)
    expected_tokens, expected_logits = by_hand.answer(
        network, "llama", [edit("llama", scope)], prompt[0].tolist(), N_NEW
    )
    assert found[0, -N_NEW:].tolist() == expected_tokens[-N_NEW:]
    torch.testing.assert_close(logits[0], expected_logits, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("scope", ["prompt", "generated", (0, -1, 10)], ids=str)
def test_prompts_given_as_embeddings(scope):
    network, prompt = shared("llama"), ids()
    embedded = network.get_input_embeddings()(torch.tensor([prompt])).detach()
    with rescale(network, edit("llama", scope)):
        found = network.generate(inputs_embeds=embedded, max_new_tokens=N_NEW, do_sample=False, pad_token_id=0)
    expected = by_hand.answer(network, "llama", [edit("llama", scope)], prompt, N_NEW)[0]
    assert found[0].tolist() == expected[-N_NEW:]


def test_threads_do_not_disturb_each_other():
    network, prompts = shared("llama"), [ids(length, length) for length in (3, 12, 7)]
    found = {}
    with rescale(network, edit("llama", "generated")):
        run = [
            threading.Thread(target=lambda n=n, p=p: found.update({n: generate(network, [p])}))
            for n, p in enumerate(prompts)
        ]
        for thread in run:
            thread.start()
        for thread in run:
            thread.join()
    for n, prompt in enumerate(prompts):
        check(network, "llama", [edit("llama", "generated")], [prompt], found[n])


def test_the_prompt_of_an_encoder_decoder_is_what_its_decoder_is_given():
    torch.manual_seed(0)
    sizes = dict(vocab_size=300, d_model=32, encoder_layers=2, decoder_layers=2, encoder_ffn_dim=48, decoder_ffn_dim=48)
    config = hf.BartConfig(**sizes, encoder_attention_heads=4, decoder_attention_heads=4, forced_eos_token_id=None)
    network = hf.BartForConditionalGeneration(config).eval()
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    network.generation_config.eos_token_id = network.generation_config.forced_eos_token_id = None
    anatomy = Anatomy(tuple(HeadSite(n, f"model.decoder.layers.{n}.self_attn.out_proj", 4, 8) for n in range(2)))
    source, start = torch.tensor([ids(12)]), torch.tensor([[2, 17, 18]])
    for scope in ("prompt", "generated", (0, -1, 4)):
        scales = Edit({Head(0, 1): 20.0, Head(1, 2): -20.0}, scope)
        model = copy.deepcopy(network)
        for head, scale in scales.items():
            attention = model.model.decoder.layers[head.layer].self_attn
            attention.out_proj = by_hand.Multiplied(attention.out_proj, {head.index: scale}, scope, [(0, 3)])
        text = start
        for _ in range(N_NEW):
            logits = model(input_ids=source, decoder_input_ids=text, use_cache=False).logits
            text = torch.cat([text, logits[:, -1:].argmax(-1)], dim=1)
        options = dict(
            attention_mask=torch.ones_like(source), decoder_input_ids=start, max_new_tokens=N_NEW, do_sample=False
        )
        with rescale_sites(network, anatomy, scales), torch.no_grad():
            assert torch.equal(network.generate(source, **options), text)
            assert torch.equal(network.generate(source, **options, use_cache=False), text)
            plain = network(input_ids=source, decoder_input_ids=start).logits
        torch.testing.assert_close(plain, model(input_ids=source, decoder_input_ids=start).logits)


@pytest.mark.parametrize("scope", ["prompt", "generated", (0, -1, 10)], ids=str)
def test_a_part_that_generates_for_the_whole(scope):
    """BLIP-2 hands its prompt to the `generate` of its language model."""
    torch.manual_seed(0)
    config = hf.Blip2Config(
        vision_config=hf.Blip2VisionConfig(
            hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4
        ).to_dict(),
        qformer_config=hf.Blip2QFormerConfig(
            vocab_size=300,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            encoder_hidden_size=16,
        ).to_dict(),
        text_config=by_hand.CONFIGS["opt"]().to_dict(),
        num_query_tokens=3,
        image_token_index=299,
    )
    network = hf.Blip2ForConditionalGeneration(config).eval()
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    path = "language_model." + by_hand.PATHS["opt"]
    anatomy = Anatomy(tuple(HeadSite(n, path.format(n), 4, 8) for n in range(3)))
    rows = torch.tensor([[299] * 3 + ids(6)])
    inputs = dict(pixel_values=torch.randn(1, 3, 8, 8), input_ids=rows, attention_mask=torch.ones_like(rows))
    options = dict(max_new_tokens=N_NEW, do_sample=False, eos_token_id=None, pad_token_id=0)
    model = copy.deepcopy(network)
    model.language_model = by_hand.edited(model.language_model, "opt", [edit("opt", scope)], [(0, 9)])
    expected = rows
    with torch.no_grad():
        for _ in range(N_NEW):
            whole = inputs | dict(input_ids=expected, attention_mask=torch.ones_like(expected))
            expected = torch.cat([expected, model(**whole, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
    with rescale_sites(network, anatomy, edit("opt", scope)):
        found = network.generate(**inputs, **options)
        with pytest.raises(ValueError, match="prompt_lookup_num_tokens cannot run"):
            network.generate(**inputs, **options, prompt_lookup_num_tokens=2)
    assert found[0, -N_NEW:].tolist() == expected[0, -N_NEW:].tolist()
    assert "generate" not in vars(network) | vars(network.language_model)
