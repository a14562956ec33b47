"""Commands on models that are not whole: exit code 2, one line, nothing half-written."""

import broken
import pytest
import tiny
import transformers as hf
from typed import assert_refused, run

O_PROJ = "model.layers.1.self_attn.o_proj.weight"


def _torch_of_a_pointer(folder):
    broken.as_torch(folder).write_text(broken.LFS)


def _nan(folder):
    broken.tensors(folder, lambda stored: stored[O_PROJ].view(-1)[:1].fill_(float("nan")) is not None and stored)


MODELS = {
    "a tensor gone": (lambda f: broken.tensors(f, broken.without(O_PROJ)), "1 of the 30 tensors of Llama"),
    "other names": (lambda f: broken.tensors(f, broken.renamed(lambda n: f"module.{n}")), "rename module.model.layers"),
    "more words": (lambda f: broken.config(f, vocab_size=400), "300 x 32 in the file, 400 x 32 by the config"),
    "a bias left out": (
        lambda f: broken.tensors(f, broken.beside(model__layers__1__self_attn__o_proj__bias=32)), "set attention_bias"
    ),
    "a pointer": (lambda f: (f / broken.WEIGHTS).write_text(broken.LFS), "fetch it with: git lfs pull"),
    "a pointer for torch": (_torch_of_a_pointer, "fetch it with: git lfs pull"),
    "half": (lambda f: broken.cut(f / broken.WEIGHTS), "is cut off: "),
    "no tokenizer": (lambda f: [file.unlink() for file in f.glob("tokenizer*")], "it has no tokenizer"),
    "NaN": (_nan, f"{O_PROJ} holds 1 of 1,024 values that are NaN"),
}  # fmt: skip


@pytest.mark.parametrize("case", MODELS)
def test_doctor_and_capture_refuse_it_in_one_line(case, tmp_path):
    folder = broken.whole(tmp_path / "m")
    change, text = MODELS[case]
    change(folder)
    (tmp_path / "p.txt").write_text("w5 w6\nw7 w8\n")
    for command in (("doctor", folder), ("capture", folder, "--prompts", tmp_path / "p.txt", "-o", tmp_path / "cap")):
        assert_refused(run(*command, "--device", "cpu"), text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "p.txt"]


def test_doctor_refuses_models_that_listen_without_what_prepares_sound(tmp_path):
    sizes = dict(d_model=32, decoder_layers=1, encoder_layers=1, decoder_ffn_dim=48, encoder_ffn_dim=48)
    heads = dict(decoder_attention_heads=4, encoder_attention_heads=4, pad_token_id=0, decoder_start_token_id=1)
    config = hf.WhisperConfig(vocab_size=300, eos_token_id=2, bos_token_id=1, **sizes, **heads)
    hf.WhisperForConditionalGeneration(config).save_pretrained(tmp_path)
    tiny.word_tokenizer().save_pretrained(tmp_path)
    assert_refused(
        run("doctor", tmp_path, "--device", "cpu"), "whisper listens, but what prepares sound for it is missing"
    )


def test_doctor_says_what_files_hold_beside(tmp_path):
    folder = broken.config(broken.whole(tmp_path / "m"), num_hidden_layers=2)
    result = run("doctor", folder, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "flag left_out_tensors: 2 of 2 attentions: 9 tensors of the files left out by Llama" in result.stdout
    assert '"left_out_tensors": "9 tensors' in run("doctor", folder, "--device", "cpu", "--json").stdout


def test_doctor_says_that_an_adapter_was_merged(tmp_path):
    broken.adapter(tmp_path / "lora", broken.whole(tmp_path / "base"))
    result = run("doctor", tmp_path / "lora", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert f"flag merged_adapter: 3 of 3 attentions: a PEFT adapter (LORA) was merged into {tmp_path / 'base'}" in (
        result.stdout
    )


def test_an_edit_that_overflows_is_not_exported(tmp_path):
    folder = broken.whole(tmp_path / "m")
    (tmp_path / "e.json").write_text('{"L0H1": 3e6}')
    export = ("export", folder, "--edit", tmp_path / "e.json", "-o", tmp_path / "out", "--device", "cpu")
    assert_refused(run(*export, "--dtype", "float16"), "overflows float16, which ends at 65,504; scale less, or export")
    assert not (tmp_path / "out").exists()


def test_an_export_that_lost_a_tensor_is_refused(tmp_path):
    folder = broken.whole(tmp_path / "m")
    (tmp_path / "e.json").write_text('{"L0H1": -1}')
    export = ("export", folder, "--edit", tmp_path / "e.json", "-o", tmp_path / "out", "--device", "cpu")
    assert run(*export).exit_code == 0
    broken.tensors(tmp_path / "out", broken.without(O_PROJ))
    assert_refused(run("doctor", tmp_path / "out", "--device", "cpu"), f"missing in its files ({O_PROJ})")
    assert_refused(run("verify-export", tmp_path / "out"), "does not match its checksum")
