import json
import sys

import broken
import huggingface_hub.constants
import pytest
import tiny
import torch

from headpursuit.models import EMBEDDED, load

loading = sys.modules["headpursuit.models.load"]  # the package's `load` is the function


WHOLE = {"missing_keys": set(), "unexpected_keys": set(), "mismatched_keys": set(), "error_msgs": []}
"""What transformers says of a checkpoint where nothing is missing."""


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "checkpoint"
    tiny.network("llama").save_pretrained(folder)
    tiny.word_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def asked(monkeypatch):
    """What transformers is asked for, answered with tiny things."""
    calls = {}

    def recorder(kind, make):
        def from_pretrained(source, **options):
            reports = options.pop("output_loading_info", False) and options.pop("ignore_mismatched_sizes")
            calls[kind] = (source, options)
            return (make(), WHOLE) if reports else make()

        return from_pretrained

    monkeypatch.setattr(loading.AutoConfig, "from_pretrained", recorder("config", tiny.CONFIGS["llama"]))
    monkeypatch.setattr(tiny.hf.AutoTokenizer, "from_pretrained", recorder("tokenizer", tiny.word_tokenizer))
    monkeypatch.setattr(
        loading.AutoModelForCausalLM, "from_pretrained", recorder("network", lambda: tiny.network("llama"))
    )
    return calls


def test_a_local_folder_gives_the_saved_network(checkpoint):
    model = load(str(checkpoint), device="cpu")
    ids = torch.tensor([[5, 7, 9]])
    torch.testing.assert_close(model.network(ids).logits, tiny.network("llama")(ids).logits)
    assert (model.name, model.revision) == (str(checkpoint), None)
    assert model.tokenizer("w5 w7")["input_ids"] == [5, 7]
    assert model.anatomy.n_heads == 12


def test_a_loaded_model_is_ready_to_run(checkpoint):
    model = load(str(checkpoint), device="cpu")
    assert not model.network.training
    assert model.tokenizer.padding_side == "left"


@pytest.mark.parametrize(("dtype", "expected"), [("auto", torch.float32), ("bfloat16", torch.bfloat16)])
def test_dtype(checkpoint, dtype, expected):
    assert load(str(checkpoint), device="cpu", dtype=dtype).network.dtype is expected


def test_auto_is_float32_on_a_cpu_whatever_the_checkpoint(tmp_path):
    tiny.network("llama").to(torch.bfloat16).save_pretrained(tmp_path)
    tiny.word_tokenizer().save_pretrained(tmp_path)
    assert load(str(tmp_path), device="cpu").network.dtype is torch.float32


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"device": "tpu3"}, "unknown device 'tpu3'; give auto, cpu, cuda"),
        ({"dtype": "float8"}, "unknown dtype 'float8'; choose auto, float32, bfloat16, float16"),
    ],
)
def test_unknown_options_are_refused(checkpoint, options, reason):
    with pytest.raises(ValueError, match=reason):
        load(str(checkpoint), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without this device")
def test_a_device_that_is_not_there_is_refused_before_loading(asked):
    with pytest.raises(ValueError, match="device 'cuda' cannot be used here"):
        load("some/model", device="cuda")
    assert not asked


@pytest.mark.parametrize("name", ["./gone", "/gone/model", "~/gone/model", "a/b/c", "gone.gguf"])
def test_a_missing_path_is_not_looked_for_on_the_hub(asked, name):
    with pytest.raises(FileNotFoundError, match=f"there is no model at {name}"):
        load(name)
    assert not asked


def test_a_folder_without_config_is_refused(tmp_path, asked):
    with pytest.raises(FileNotFoundError, match="is no model folder: it has no config.json"):
        load(str(tmp_path))
    assert not asked


def test_a_file_that_is_no_gguf_is_refused(tmp_path):
    file = tmp_path / "model.bin"
    file.touch()
    with pytest.raises(ValueError, match="model.bin is a file, but not a .gguf file; give the folder"):
        load(str(file))


def test_a_folder_without_a_causal_language_model_is_refused_in_one_line(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "nonsense"}))
    tiny.word_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="cannot load .* as a language model: ") as refused:
        load(str(tmp_path))
    assert "\n" not in str(refused.value)


def test_a_hub_model_that_cannot_be_had_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match="cannot load 'nobody/nothing': it is no local folder, no GGUF file") as refused:
        load("nobody/nothing")
    assert "could not be had from the hub" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_hub_model_is_asked_for_by_id_and_revision(asked):
    model = load("some/model", device="cpu", revision="v2")
    assert {source for source, _ in asked.values()} == {"some/model"}
    assert all(options["revision"] == "v2" for _, options in asked.values())
    assert model.name == "some/model"


def test_a_gguf_file_is_loaded_from_its_folder_as_float32(tmp_path, asked):
    file = broken.gguf(tmp_path / "some.gguf")
    load(str(file), device="cpu")
    assert asked["tokenizer"] == (str(tmp_path), {"gguf_file": "some.gguf"})
    assert asked["network"] == (str(tmp_path), {"gguf_file": "some.gguf", "dtype": torch.float32})


def test_a_network_from_gguf_forgets_that_it_was_quantised(tmp_path, asked, monkeypatch):
    network = tiny.network("llama")
    network.config.quantization_config = {"quant_method": "gguf"}
    network.hf_quantizer = object()
    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", lambda *_, **__: (network, WHOLE))
    file = broken.gguf(tmp_path / "some.gguf")
    load(str(file), device="cpu").network.save_pretrained(tmp_path / "saved")
    assert "quantization_config" not in json.loads((tmp_path / "saved" / "config.json").read_text())


def test_the_embedded_model_is_loaded_from_its_folder(checkpoint, monkeypatch):
    monkeypatch.setattr(loading, "embedded_folder", lambda: checkpoint)
    model = load(EMBEDDED, device="cpu")
    assert (EMBEDDED, model.name) == ("smollm2-135m", "smollm2-135m")
    assert torch.equal(model.network.lm_head.weight, tiny.network("llama").lm_head.weight)


def test_a_folder_without_weights_is_not_taken_for_a_hub_model(tmp_path):
    model = tiny.word_model()
    model.network.save_pretrained(tmp_path / "m")
    model.tokenizer.save_pretrained(tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").unlink()
    with pytest.raises(OSError, match="cannot load .*m': .*no file named") as caught:
        load(str(tmp_path / "m"))
    assert "hub" not in str(caught.value)


def test_a_gguf_file_cut_in_its_header_is_refused(tmp_path):
    (tmp_path / "cut.gguf").write_bytes(b"GGUF" + (3).to_bytes(4, "little") + (9).to_bytes(8, "little") * 2 + b"\x08")
    with pytest.raises((ValueError, OSError), match="cannot load"):
        load(str(tmp_path / "cut.gguf"))
