import json

import pytest
import torch
from safetensors.torch import save_file

from headpursuit.storage import new_folder, read_json, read_manifest, replace_file, write_json


def make(path, content="x"):
    with new_folder(path, "thing", {"note": 1}) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text(content)
    return path


def test_a_folder_is_described_by_its_manifest(tmp_path):
    manifest = read_manifest(make(tmp_path / "t"), "thing")
    assert manifest["note"] == 1
    assert list(manifest["files"]) == ["sub/a.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_the_same_content_gives_the_same_bytes(tmp_path):
    one, two = make(tmp_path / "1"), make(tmp_path / "2")
    assert (one / "manifest.json").read_bytes() == (two / "manifest.json").read_bytes()


def test_only_the_folders_own_readme_has_no_checksum(tmp_path):
    with new_folder(tmp_path / "t", "thing", {}) as folder:
        (folder / "sub").mkdir()
        (folder / "README.md").write_text("for people")
        (folder / "sub" / "README.md").write_text("a part of the whole")
    assert list(read_manifest(tmp_path / "t")["files"]) == ["sub/README.md"]


def test_a_folder_holds_what_is_known_of_it_or_is_not_there(tmp_path):
    with (
        pytest.raises(ValueError, match="b.txt is not as its manifest.json has it"),
        new_folder(tmp_path / "t", "thing", {}, {"b.txt": "0" * 64}),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_after_an_error(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "t", "thing", {}) as folder:
        (folder / "a.txt").write_text("x")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"new": object()})
    assert read_json(tmp_path / "a.json") == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.fixture
def no_room():
    """Files cannot grow beyond 100 kB; the system says so as it says that a disk is full, without a name."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS = [lambda file: file.write_bytes(b"0" * 10**6), lambda file: save_file({"a": torch.zeros(10**5)}, file)]


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_that_there_is_no_room_for_is_named(tmp_path, no_room, write):
    with pytest.raises(OSError, match=f"^{tmp_path}/a.bin cannot be written: .*File too large"):
        replace_file(tmp_path / "a.bin", write)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", WRITERS)
def test_a_folder_that_there_is_no_room_for_is_named(tmp_path, no_room, write):
    with (
        pytest.raises(OSError, match=f"^{tmp_path}/t cannot be written: .*File too large"),
        new_folder(tmp_path / "t", "thing", {}) as folder,
    ):
        write(folder / "a.bin")
    assert list(tmp_path.iterdir()) == []


def test_what_the_system_names_already_is_not_named_twice(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such file or directory: '.*/none/.a.bin"):
        replace_file(tmp_path / "none" / "a.bin", WRITERS[0])


def test_an_existing_place_is_refused(tmp_path):
    make(tmp_path / "t")
    with pytest.raises(FileExistsError, match="exists already"), new_folder(tmp_path / "t", "thing", {}):
        pass


def rewritten(path, **fields):
    manifest = read_json(path / "manifest.json")
    (path / "manifest.json").write_text(json.dumps(manifest | fields))


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda p: (p / "sub" / "a.txt").write_text("y"), "a.txt does not match its checksum"),
        (
            lambda p: (p / "sub" / "a.txt").write_text("version https://git-lfs.github.com/spec/v1\n"),
            "a.txt is a Git LFS pointer, .* git lfs pull",
        ),
        (lambda p: (p / "sub" / "a.txt").unlink(), "sub/a.txt is missing"),
        (lambda p: (p / "manifest.json").write_text('{"kind":'), "not valid JSON"),
        (
            lambda p: (p / "manifest.json").write_text("[" * 100_000),
            "manifest.json: it is nested too deeply",
        ),
        (lambda p: (p / "manifest.json").write_text("[]"), "is no thing"),
        (lambda p: (p / "manifest.json").write_text(json.dumps({"kind": "thing", "version": 9})), "another version"),
        (lambda p: rewritten(p, version="\x1b[2J"), r"another version of headpursuit \(format '\\x1b\[2J'\)"),
        (lambda p: rewritten(p, note="\ud800"), "manifest.json: 'note': half a character"),
        (lambda p: (p / "manifest.json").unlink(), "has no manifest.json"),
    ],
)
def test_damage_is_named(tmp_path, damage, text):
    path = make(tmp_path / "t")
    damage(path)
    with pytest.raises((ValueError, FileNotFoundError), match=text):
        read_manifest(path, "thing")


def test_another_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no other: its manifest.json says 'thing'"):
        read_manifest(make(tmp_path / "t"), "other")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read_manifest(tmp_path / "none", "thing")
