"""Files that cannot be read: one line with the file, what it looks like, and what to do."""

import pickle
import warnings
from collections import namedtuple
from pathlib import Path

import broken
import pytest
import tiny
import torch

from headpursuit.models import load

Case = namedtuple("Case", "make reason")


def _at(name, content, family="llama"):
    """A file of a whole checkpoint replaced: by bytes or text, or by what a function makes of it."""

    def make(folder):
        file = broken.whole(folder, family) / name
        file.write_bytes(content(file.read_bytes()) if callable(content) else content.encode())
        return folder

    return make


def _half(content):
    return content[: len(content) // 2]


def _torch_at(change):
    def make(folder):
        change(broken.as_torch(broken.whole(folder)))
        return folder

    return make


class _Stranger:
    """What a pickle may hold beside weights."""


def _without_files(*patterns, family="llama"):
    def make(folder):
        broken.whole(folder, family)
        for pattern in patterns:
            for file in folder.glob(pattern):
                file.unlink()
        return folder

    return make


def _shards(change):
    def make(folder):
        tiny.network("llama").save_pretrained(folder, max_shard_size="60KB")
        tiny.word_tokenizer().save_pretrained(folder)
        change(sorted(folder.glob("model-*.safetensors"))[1])
        return folder

    return make


def _gguf_at(change, name="m.gguf"):
    def make(folder):
        folder.mkdir()
        file = broken.gguf(folder / name)
        change(file)
        return file

    return make


def _parts(*present):
    def make(folder):
        folder.mkdir()
        for name in present:
            broken.gguf(folder / name)
        return folder / present[0]

    return make


LFS_LINE = r"is a Git LFS pointer, not the file itself; fetch it with: git lfs pull"
FIRST, SECOND = "m-00001-of-00002.gguf", "m-00002-of-00002.gguf"
MANY = [f"m-{number:05}-of-00005.gguf" for number in range(1, 6)]

BROKEN = {
    "safetensors: a pointer": Case(_at("model.safetensors", broken.LFS), rf"model\.safetensors {LFS_LINE}"),
    "safetensors: empty": Case(_at("model.safetensors", ""), r"model\.safetensors is empty; fetch it again"),
    "safetensors: half": Case(_at("model.safetensors", _half), r"is cut off: [\d,]+ of [\d,]+ bytes are there"),
    "safetensors: its header cut": Case(_at("model.safetensors", lambda c: c[:200]), r"cut off: it ends within its"),
    "safetensors: three bytes": Case(_at("model.safetensors", "abc"), r"model\.safetensors is no safetensors file"),
    "safetensors: a web page": Case(_at("model.safetensors", "<!DOCTYPE html><p>sign in"), r"is a web page, not the"),
    "safetensors: its header damaged": Case(
        _at("model.safetensors", lambda c: c[:9] + b"\xff" + c[10:]), r"model\.safetensors has a damaged header"
    ),
    ".bin: a pointer": Case(_torch_at(lambda f: f.write_text(broken.LFS)), rf"pytorch_model\.bin {LFS_LINE}"),
    ".bin: empty": Case(_torch_at(lambda f: f.write_bytes(b"")), r"pytorch_model\.bin is empty"),
    ".bin: half": Case(_torch_at(broken.cut), r"\.bin is cut off: it ends after [\d,]+ bytes, without"),
    ".bin: text": Case(_torch_at(lambda f: f.write_text("hello")), r"pytorch_model\.bin is no file that torch wrote"),
    ".bin: objects": Case(
        _torch_at(lambda f: torch.save({"a": _Stranger()}, f)), r"holds Python objects beside weights.*to safetensors"
    ),
    ".bin: objects alone": Case(
        _torch_at(lambda f: f.write_bytes(pickle.dumps({"a": _Stranger()}))), r"holds Python objects beside weights"
    ),
    ".bin: an old one, half": Case(
        _torch_at(lambda f: broken.cut(torch.save(torch.load(f), f, _use_new_zipfile_serialization=False) or f)),
        r"cannot load",
    ),
    "a part: gone": Case(_shards(Path.unlink), r"index\.json: 1 of the \d files it names are not there \(model-00002"),
    "a part: a pointer": Case(_shards(lambda f: f.write_text(broken.LFS)), rf"model-00002-of-\d+\S+ {LFS_LINE}"),
    "a part: half": Case(_shards(broken.cut), r"model-00002-of-\d+\.safetensors is cut off"),
    "no weights": Case(_without_files("*.safetensors"), r"no file named"),
    "config: half": Case(_at("config.json", _half), r"config\.json is no valid JSON .*is it cut off\? fetch it again"),
    "config: a pointer": Case(_at("config.json", broken.LFS), rf"config\.json {LFS_LINE}"),
    "config: a list": Case(_at("config.json", "[]"), r"config\.json holds no JSON object"),
    "config: empty": Case(_at("config.json", ""), r"config\.json is empty"),
    "config: no family": Case(_at("config.json", "{}"), r"cannot load"),
    "config: widths that do not divide": Case(
        lambda f: broken.config(broken.whole(f), num_attention_heads=5), r"cannot load .*"
    ),
    "config: text for a number": Case(lambda f: broken.config(broken.whole(f), hidden_size="wide"), r"cannot load .*"),
    "generation: half": Case(_at("generation_config.json", _half), r"generation_config\.json is no valid JSON"),
    "generation: a pointer": Case(_at("generation_config.json", broken.LFS), rf"generation_config\.json {LFS_LINE}"),
    "generation: empty": Case(_at("generation_config.json", ""), r"generation_config\.json is empty"),
    "tokenizer: a pointer": Case(_at("tokenizer.json", broken.LFS), rf"tokenizer\.json {LFS_LINE}"),
    "tokenizer: half": Case(_at("tokenizer.json", _half), r"tokenizer\.json is no valid JSON"),
    "tokenizer: empty": Case(_at("tokenizer.json", ""), r"tokenizer\.json is empty"),
    "tokenizer: blanks": Case(_at("tokenizer.json", "  \n"), r"tokenizer\.json is empty"),
    "tokenizer: of no kind": Case(_at("tokenizer.json", "{}"), r"cannot load"),
    "tokenizer: its config cut": Case(_at("tokenizer_config.json", _half), r"tokenizer_config\.json is no valid JSON"),
    "tokenizer: none": Case(_without_files("tokenizer*"), r"it has no tokenizer.*tokenizer\.json, or tokenizer\.model"),
    "tokenizer: only its config": Case(_without_files("tokenizer.json"), r"it has no tokenizer"),
    "tokenizer: none for GPT-2": Case(
        _without_files("tokenizer*", family="gpt2"), r"it has no tokenizer \(0 tokens for 300 rows of the embedding\)"
    ),
    "GGUF: a pointer": Case(_gguf_at(lambda f: f.write_text(broken.LFS)), rf"m\.gguf {LFS_LINE}"),
    "GGUF: empty": Case(_gguf_at(lambda f: f.write_bytes(b"")), r"m\.gguf is empty"),
    "GGUF: half": Case(_gguf_at(broken.cut), r"m\.gguf is cut off or damaged \(.*, after [\d,]+ bytes\); fetch"),
    "GGUF: its header cut": Case(_gguf_at(lambda f: broken.cut(f, 0.05)), r"m\.gguf is cut off or damaged"),
    "GGUF: another format": Case(_gguf_at(lambda f: f.write_bytes(b"GGML" + bytes(99))), r"m\.gguf is no GGUF file"),
    "GGUF: the first part": Case(
        _parts(FIRST), rf"part 1 of 2 of a divided GGUF file \({SECOND} missing here\).*--merge {FIRST} m\.gguf"
    ),
    "GGUF: the second part": Case(_parts(SECOND), rf"part 2 of 2 .*\({FIRST} missing here\).*--merge {FIRST} m\.gguf"),
    "GGUF: both parts": Case(
        _parts(FIRST, SECOND), rf"part 1 of 2 .*\(all are here: {FIRST}, {SECOND}\).*--merge {FIRST} m\.gguf"
    ),
    "GGUF: one of many parts": Case(
        _parts(*MANY), rf"part 1 of 5 .*\(all are here: {MANY[0]} to {MANY[4]}\).*--merge {MANY[0]} m\.gguf"
    ),
    "GGUF: a folder of parts": Case(lambda f: _parts(FIRST, SECOND)(f).parent, r"part 1 of 2 .*llama-gguf-split"),
    "GGUF: two in a folder": Case(
        lambda f: _parts("a.gguf", "b.GGUF")(f).parent, r"holds 2 GGUF files; name one: a\.gguf, b\.GGUF"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_cannot_be_read_is_one_line(case, tmp_path):
    with warnings.catch_warnings(), pytest.raises((ValueError, OSError), match=BROKEN[case].reason) as refused:
        warnings.simplefilter("error")  # a warning would be a second line
        load(str(BROKEN[case].make(tmp_path / "m")), device="cpu")
    assert "\n" not in str(refused.value)
    assert str(tmp_path / "m") in str(refused.value)
    assert "weights_only" not in str(refused.value)


def test_a_damaged_file_that_is_not_read_does_no_harm(tmp_path):
    folder = broken.whole(tmp_path / "m")
    (folder / "pytorch_model.bin").write_text(broken.LFS)
    (folder / "optimizer.pt").write_text(broken.LFS)
    (folder / "mmproj-x.gguf").write_text(broken.LFS)
    assert load(str(folder), device="cpu").file_flags == ()
