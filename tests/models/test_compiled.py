"""Hooks are heard by compiled models, which run compiled again afterwards. `backend="eager"` needs no compiler."""

import threading

import pytest
import tiny
import torch
import transformers as hf
from test_rescale import STRONG, bake, ids

from headpursuit.heads import Edit, Head
from headpursuit.models import LanguageModel, read_mixed, rescale
from headpursuit.models.compiled import uncompiled
from headpursuit.models.language_model import certified

pytestmark = pytest.mark.engines


class Backend:
    """`backend="eager"`, counting how often compiled code ran."""

    def __init__(self):
        self.runs = 0

    def __deepcopy__(self, _):
        return self  # generate() copies its options

    def __call__(self, graph, _, **options):
        def run(*args):
            self.runs += 1
            return graph.forward(*args)

        return run


def whole(network, backend):
    return torch.compile(network, backend=backend)


def in_place(network, backend):
    network.compile(backend=backend)
    return network


def forward_method(network, backend):
    network.forward = torch.compile(network.forward, backend=backend)
    return network


def layer(network, backend):
    network.model.layers[1] = torch.compile(network.model.layers[1], backend=backend)
    return network


def layer_in_place(network, backend):
    for part in network.model.layers:
        part.compile(backend=backend)
    return network


def decoder(network, backend):
    network.model = torch.compile(network.model, backend=backend)
    return network


def function_around(network, backend):
    compiled = torch.compile(lambda rows: network(rows), backend=backend)
    network.by_function = compiled
    return network


WAYS = [whole, in_place, forward_method, layer, layer_in_place, decoder, function_around]


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    yield
    assert torch._dynamo.eval_frame._stance.stance == "default"
    torch._dynamo.reset()


def logits(model, rows):
    with torch.no_grad():
        return getattr(model, "by_function", model)(rows).logits


@pytest.mark.parametrize("known_before", [True, False])
@pytest.mark.parametrize("compiled_by", WAYS)
def test_a_compiled_model_is_edited_and_compiled_again_afterwards(compiled_by, known_before):
    backend, network = Backend(), tiny.network("llama")
    if known_before:
        certified(network)
    model = compiled_by(network, backend)
    before = logits(model, ids())
    runs = backend.runs
    assert runs > 0
    for given in dict.fromkeys([model, network]):
        with rescale(given, STRONG) as applied:
            during = logits(model, ids())
        assert applied.n_forwards == 1
        torch.testing.assert_close(during, logits(bake(tiny.network("llama"), STRONG), ids()), atol=1e-5, rtol=1e-4)
    assert backend.runs == runs
    assert torch.equal(logits(model, ids()), before)
    assert backend.runs == 2 * runs


@pytest.mark.parametrize("scope", ["all", "prompt"])
def test_generation_that_compiles_itself(scope):
    """A static cache makes `generate` compile, on accelerators by default."""
    backend, network = Backend(), tiny.network("llama")
    compilation = hf.CompileConfig(backend=backend)
    compilation._compile_all_devices = True
    options = dict(
        max_new_tokens=6,
        do_sample=False,
        pad_token_id=0,
        cache_implementation="static",
        compile_config=compilation,
    )
    plain = dict(max_new_tokens=6, do_sample=False, pad_token_id=0)
    before = network.generate(ids(), **options)
    runs = backend.runs
    assert runs > 0
    edit = Edit(dict(STRONG), scope)
    with rescale(network, edit) as applied:
        during = network.generate(ids(), **options)
        expected = network.generate(ids(), **plain, use_cache=False)
    assert applied.n_forwards == {"all": 12, "prompt": 7}[scope]
    assert torch.equal(during, expected)
    assert not torch.equal(during, before)
    assert backend.runs == runs
    assert torch.equal(network.generate(ids(), **options), before)
    assert backend.runs > runs


def test_code_compiled_first_inside_the_block_is_unedited_afterwards():
    backend, network = Backend(), tiny.network("llama")
    before = logits(network, ids())
    with rescale(network, STRONG):
        network.compile(backend=backend)
        assert not torch.allclose(logits(network, ids()), before)
    assert torch.equal(logits(network, ids()), before)
    assert backend.runs > 0


def test_generate_of_a_compiled_model():
    network = tiny.network("llama")
    model = torch.compile(network, backend=Backend())
    logits(model, ids())
    options = dict(max_new_tokens=6, do_sample=False, pad_token_id=0)
    with rescale(model, STRONG):
        found = model.generate(ids(), **options)
        with pytest.raises(ValueError, match="guidance_scale cannot run"):
            model.generate(ids(), **options, guidance_scale=2.0)
    assert torch.equal(found, bake(tiny.network("llama"), STRONG).generate(ids(), **options))


def test_a_thread_that_runs_compiled_code_is_edited_too():
    network = in_place(tiny.network("llama"), Backend())
    before, found = logits(network, ids()), []
    with rescale(network, STRONG):
        thread = threading.Thread(target=lambda: found.append(logits(network, ids())))
        thread.start()
        thread.join()
    assert not torch.allclose(found[0], before)


@pytest.mark.parametrize("compiled_by", [layer, layer_in_place, decoder])
def test_capture_hears_a_compiled_model(compiled_by):
    network, tokens = tiny.network("llama"), range(5, 14)
    expected = tiny.mixed_of(network, "llama", tokens)
    compiled_by(network, Backend())
    (batch,) = read_mixed(LanguageModel(network, tiny.word_tokenizer()), [tiny.text_of(tokens)], "prompt")
    rows = torch.tensor([list(tokens)])
    with torch.no_grad():  # compiled for just what the capture reads
        network.base_model(
            input_ids=rows, attention_mask=torch.ones_like(rows), position_ids=torch.arange(9)[None], use_cache=False
        )
    torch.testing.assert_close(batch.mixed(), expected, atol=1e-5, rtol=1e-4)


def test_blocks_may_overlap_in_any_order():
    stance = torch._dynamo.eval_frame
    with torch.compiler.set_stance("eager_on_recompile"):
        first, second = uncompiled(), uncompiled()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert stance._stance.stance == "force_eager"
        second.__exit__(None, None, None)
        assert stance._stance.stance == "eager_on_recompile"


def test_an_edit_of_nothing_leaves_compiled_code_running():
    backend = Backend()
    network = in_place(tiny.network("llama"), backend)
    certified(network)
    with rescale(network, Edit({})):
        logits(network, ids())
    assert backend.runs == 1
    with pytest.raises(RuntimeError), rescale(network, Edit({Head(0, 0): 0})):
        raise RuntimeError
