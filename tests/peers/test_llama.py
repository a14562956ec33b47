"""llama.cpp under a shipped edit answers as transformers does under the hook; see tools/llama_agreement.py."""

import numpy
import pytest
import torch
from fetch_models import MODELS, fetch_model
from gguf import GGUFReader, GGUFWriter
from gguf.quants import dequantize
from gguf_files import finish

import headpursuit as hp
from headpursuit.models.export.gguf import edit_gguf
from headpursuit.models.model_cache import cache_folder

pytestmark = pytest.mark.peers
llama_cpp = pytest.importorskip("llama_cpp", reason="needs the extra peers: make peers")

from llama_agreement import EDITS, agreement  # noqa: E402

THREADS = torch.get_num_threads()
EDITED = ("llama.cpp, edited GGUF", "llama.cpp, GGUF LoRA")


@pytest.fixture(autouse=True)
def all_threads():
    """A real model needs them."""
    torch.set_num_threads(THREADS)


@pytest.mark.parametrize("name", sorted(EDITS))
def test_the_edit_does_in_llama_cpp_what_it_does_in_transformers(name, tmp_path):
    try:
        found = agreement(name, tmp_path)
    except OSError as error:
        pytest.skip(str(error))
    assert (found.n_target, found.n_unrelated) == (160, 151)
    assert all(row.same_tokens == 311 for row in found.rows)
    base, fall = found.row("llama.cpp", False), found.change("transformers", "target")
    assert fall < -0.3
    for engine in EDITED:
        assert found.change(engine, "target") <= 0.95 * fall
        assert abs(found.change(engine, "unrelated") - found.change("transformers", "unrelated")) <= 0.03
        assert found.row(engine, True).equal >= base.equal - 0.2  # measured: 0.14 below, at most


def adapter_with_a_rank_for_each_module(base, file, heads, alpha):
    """A LoRA that reverses heads of width 64, with the rank of each layer's heads and one alpha."""
    tensors = {tensor.name: tensor for tensor in GGUFReader(base).tensors}
    writer = GGUFWriter(file, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for layer, indices in heads.items():
        name = f"blk.{layer}.attn_output.weight"
        weight = dequantize(tensors[name].data, tensors[name].tensor_type)
        columns = numpy.concatenate([numpy.arange(64 * i, 64 * i + 64) for i in indices])
        picked = numpy.zeros((len(columns), weight.shape[1]), dtype=numpy.float32)
        picked[numpy.arange(len(columns)), columns] = 1
        writer.add_tensor(f"{name}.lora_a", picked)
        writer.add_tensor(f"{name}.lora_b", numpy.ascontiguousarray(-2 * weight[:, columns]))
    finish(writer)


def last_logits(file, lora=None):
    model = llama_cpp.Llama(str(file), lora_path=lora and str(lora), n_ctx=64, logits_all=True, verbose=False)
    ids = model.tokenize(b"The city of Osaka is located in the country of", add_bos=False)
    model.eval(ids)
    return numpy.array(model.scores[len(ids) - 1])


def test_llama_cpp_divides_one_alpha_by_the_rank_of_each_module(tmp_path):
    """So an adapter with a rank for each module would reverse L23H4 three times as hard: why ours have one for all."""
    try:
        base = fetch_model(MODELS["smollm2-135m"], cache_folder())
    except OSError as error:
        pytest.skip(str(error))
    adapter_with_a_rank_for_each_module(base, tmp_path / "lora.gguf", {29: (1, 2), 23: (4,)}, alpha=128)
    found = last_logits(base, tmp_path / "lora.gguf")
    apart = {}
    for scale in (-1, -3):
        edit_gguf(base, hp.Edit({"L29H1": -1, "L29H2": -1, "L23H4": scale}), tmp_path / f"{scale}.gguf")
        apart[scale] = numpy.abs(found - last_logits(tmp_path / f"{scale}.gguf")).max() / numpy.abs(found).max()
    assert apart[-3] < 0.05 < 0.3 < apart[-1]
