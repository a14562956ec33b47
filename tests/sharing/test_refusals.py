"""What must not be shared is refused by name, on both sides; what fails leaves nothing behind."""

import hashlib
import json
import re
from contextlib import contextmanager

import hub_server
import pytest

from headpursuit.sharing import files, pull, push
from headpursuit.storage import MANIFEST, new_folder


def manifest_of(listed, **fields):
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in listed.items()}
    return json.dumps({"kind": "thing", "version": 1, "files": hashes, **fields}).encode()


def offered(hub, listed, **fields):
    """A repository whose manifest is right about what it lists."""
    hub.store("you/thing", {**listed, MANIFEST: manifest_of(listed, **fields)})


@contextmanager
def refused(folder, kind, match):
    """The error, and nothing new in the folder."""
    before = sorted(folder.iterdir())
    with pytest.raises(kind, match=match):
        yield
    assert sorted(folder.iterdir()) == before


def test_what_was_offered_can_be_pulled(hub, tmp_path):
    """The other tests change one thing of this."""
    offered(hub, {"a.json": b"{}", "sub/b.png": b"1"})
    pull("you/thing", tmp_path / "out")
    assert (tmp_path / "out" / "sub" / "b.png").read_bytes() == b"1"


def test_a_name_that_looks_like_a_pattern_is_one_file(hub, tmp_path):
    hub.store("you/thing", {"[ab].json": b"{}", "a.json": b"1", MANIFEST: manifest_of({"[ab].json": b"{}"})})
    pull("you/thing", tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["[ab].json", MANIFEST]


def test_a_file_that_was_tampered_with_is_refused(hub, ranked, tmp_path):
    push(ranked, "me/hues")
    hub.repositories["me/hues"].files["heatmap.png"] += b"!"
    with refused(tmp_path, ValueError, "me/hues is damaged: heatmap.png does not match its checksum"):
        pull("me/hues", tmp_path / "out")


@pytest.mark.parametrize(
    "name",
    ["../x.json", "/etc/x.json", "a/../../x.json", "a\\..\\x.json", "C:x.json", ".x.json", "a//x.json", "a\n.json", ""],
)
def test_names_that_leave_the_folder_are_refused(hub, tmp_path, name):
    offered(hub, {name: b"{}"})
    with refused(tmp_path, ValueError, "you/thing: the file name .* is refused"):
        pull("you/thing", tmp_path / "out")
    assert not any("/resolve/" in path and MANIFEST not in path for _, path, _ in hub.requests)


def test_names_that_leave_the_folder_are_not_pushed(hub, tmp_path):
    (tmp_path / "x.json").write_text("{}")
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / MANIFEST).write_bytes(manifest_of({"../x.json": b"{}"}))
    with refused(tmp_path, ValueError, r"the file name '../x.json' is refused"):
        push(tmp_path / "thing", "me/thing")
    assert hub.requests == []


@pytest.mark.parametrize("name", ["model.pkl", "run.py", "weights.bin", "a.pt", "archive.zip", "Makefile"])
def test_other_kinds_of_files_are_refused_on_both_sides(hub, tmp_path, name):
    match = f"{name} is refused; only .json, .safetensors, .html, .png, .svg, .md are shared"
    offered(hub, {"a.json": b"{}", name: b"1"})
    with refused(tmp_path, ValueError, f"you/thing: {match}"):
        pull("you/thing", tmp_path / "out")
    with new_folder(tmp_path / "thing", "thing", {}) as folder:
        (folder / name).write_bytes(b"1")
    with refused(tmp_path, ValueError, match):
        push(tmp_path / "thing", "me/thing")
    assert "me/thing" not in hub.repositories


@pytest.mark.parametrize(
    ("limit", "least", "match"),
    [
        ("LARGEST_FILE", 4, "b.png has 0.0 GB; at most 4e-09 GB are shared"),
        ("LARGEST_FOLDER", 6, "has 0.0 GB; at most 6e-09 GB are shared"),
        ("MOST_FILES", 1, "has 2 files; at most 1 are shared"),
    ],
)
def test_what_is_too_large_is_refused_before_it_moves(hub, tmp_path, monkeypatch, limit, least, match):
    listed = {"a.json": b"{}", "b.png": b"12345"}
    offered(hub, listed)
    with new_folder(tmp_path / "thing", "thing", {}) as folder:
        for name, content in listed.items():
            (folder / name).write_bytes(content)
    monkeypatch.setattr(files, limit, least)
    with refused(tmp_path, ValueError, match):
        pull("you/thing", tmp_path / "out")
    assert not any("b.png" in path for _, path, _ in hub.requests)
    with refused(tmp_path, ValueError, match):
        push(tmp_path / "thing", "me/thing")


@pytest.mark.parametrize(
    ("stored", "match"),
    [
        ({"model.safetensors": b"1"}, "you/thing holds nothing that headpursuit pushed: it has no manifest.json"),
        ({MANIFEST: b"{"}, "you/thing is damaged: its manifest.json is not valid JSON"),
        ({MANIFEST: b"[1]"}, "you/thing is no folder that headpursuit wrote"),
        ({MANIFEST: b'{"kind": 1}'}, "you/thing is no folder that headpursuit wrote: its manifest.json says 1"),
        ({MANIFEST: manifest_of({}, kind="\x1b[2J")}, r"its manifest.json says '\\x1b\[2J'"),
        ({MANIFEST: manifest_of({}, version=2)}, "you/thing was written by another version of headpursuit"),
        ({MANIFEST: manifest_of({}, files=["a"])}, "its manifest.json lists no files"),
        ({MANIFEST: manifest_of({"a.json": b"1"})}, "you/thing is incomplete: its manifest lists a.json"),
        ({MANIFEST: manifest_of({}, version="\x1b]0;")}, r"of headpursuit \(format '\\x1b\]0;'\)"),
        ({MANIFEST: manifest_of({}, model="\ud800")}, "its manifest.json: 'model': half a character"),
        ({MANIFEST: manifest_of({MANIFEST: b"1"})}, "its manifest.json lists itself"),
        ({MANIFEST: manifest_of({"README.md": b"1"})}, "its manifest.json lists README.md, which is the card"),
    ],
)
def test_what_is_no_folder_of_headpursuit_is_refused(hub, tmp_path, stored, match):
    hub.store("you/thing", stored)
    with refused(tmp_path, ValueError, match):
        pull("you/thing", tmp_path / "out")


@pytest.mark.parametrize("kind", ["ranking", "edit"])
def test_a_ranking_or_edit_that_cannot_be_read_is_refused(hub, tmp_path, kind):
    offered(hub, {f"{kind}.json": b"{}"}, kind=kind)
    with refused(tmp_path, ValueError, f"you/thing holds no {kind} that this version can read"):
        pull("you/thing", tmp_path / "out")


def test_an_atlas_without_scores_that_can_be_read_is_refused(hub, tmp_path):
    offered(hub, {"atlas.json": b"{}", "scores.safetensors": b"no tensors"}, kind="atlas")
    with refused(tmp_path, ValueError, "you/thing holds no atlas that this version can read: .*header"):
        pull("you/thing", tmp_path / "out")


def test_a_manifest_that_is_too_large_is_not_read(hub, tmp_path, monkeypatch):
    offered(hub, {"a.json": b"{}"})
    monkeypatch.setattr("headpursuit.sharing.repository.LARGEST_MANIFEST", 10)
    with refused(tmp_path, ValueError, "its manifest.json has more than 1e-05 MB"):
        pull("you/thing", tmp_path / "out")


def test_an_output_that_exists_is_refused_before_the_hub_is_asked(hub, ranked, tmp_path):
    with refused(tmp_path, FileExistsError, "exists already"):
        pull("you/thing", ranked)
    assert hub.requests == []


def test_a_repository_of_something_else_is_not_pushed_to(hub, ranked, edited):
    hub.store("me/model", {"config.json": b"{}"})
    with pytest.raises(ValueError, match=r"me/model holds files that headpursuit did not push \(config.json\)"):
        push(ranked, "me/model")
    push(edited, "me/edit")
    with pytest.raises(ValueError, match=r"me/edit holds another kind of result \(edit, not ranking\)"):
        push(ranked, "me/edit")
    assert "edit.json" in hub.repositories["me/edit"].files


@pytest.mark.parametrize(
    ("content", "kind", "match"),
    [
        (None, FileNotFoundError, "there is no file"),
        ("[1]", ValueError, "is no edit"),
        ('{"kind": "study"}', ValueError, "is no edit: it says it is 'study'"),
        ('{"kind": "ranking"}', ValueError, "is no ranking written by headpursuit"),
    ],
)
def test_a_file_that_is_neither_ranking_nor_edit_is_not_pushed(hub, tmp_path, content, kind, match):
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    with pytest.raises(kind, match=match):
        push(tmp_path / "x.json", "me/thing")
    assert hub.requests == []


def test_a_folder_that_was_changed_is_not_pushed(hub, ranked):
    (ranked / "heatmap.png").write_bytes(b"2")
    with pytest.raises(ValueError, match="is damaged: heatmap.png does not match its checksum"):
        push(ranked, "me/hues")
    assert hub.requests == []


@pytest.mark.parametrize("name", ["hues", "a/b/c", "me/hues@v1", "../x", "me/ hues"])
def test_what_is_no_name_is_refused(hub, ranked, tmp_path, name):
    with pytest.raises(ValueError, match="is no name of a repository; write USER/NAME"):
        pull(name, tmp_path / "out")
    with pytest.raises(ValueError, match="is no name of a repository; write USER/NAME"):
        push(ranked, name)


def test_a_refused_push_changes_nothing_there(hub, ranked, edited):
    push(edited, "me/edit", private=False, tag="v1")
    before = dict(hub.repositories["me/edit"].refs)
    for more in ({"private": False}, {"private": False, "tag": "v1"}, {}):
        with pytest.raises(ValueError, match="holds another kind of result|has a revision v1|is public already"):
            push(ranked, "me/edit", revision="try", **more)
    assert hub.repositories["me/edit"].refs == before


def test_a_push_that_cannot_be_described_makes_no_repository(hub, ranked, monkeypatch):
    monkeypatch.setattr("headpursuit.sharing.pushing.card", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        push(ranked, "me/hues", revision="try")
    assert hub.repositories == {}


def test_a_file_that_no_push_put_there_is_not_overwritten(hub, ranked):
    push(ranked / "ranking.json", "me/hues")
    repository = hub.repositories["me/hues"]
    repository.commit({**repository.files, "heatmap.png": b"mine"})
    before = dict(repository.refs)
    with pytest.raises(ValueError, match=r"did not push \(heatmap.png\), and this push would overwrite them"):
        push(ranked, "me/hues")
    assert repository.refs == before


def test_a_tag_that_fails_is_said_with_the_commit(hub, ranked):
    push(ranked, "me/hues")
    hub.status["/api/models/me/hues/tag"] = 500
    with pytest.raises(OSError, match=r"as \w{40}, but the tag v1 was not set: .* answered 500") as failed:
        push(ranked / "ranking.json", "me/hues", tag="v1")
    assert f"pushed to me/hues as {hub.repositories['me/hues'].refs['main']}" in str(failed.value)


@pytest.mark.parametrize("endpoint", ["http://x:y", "huggingface.co", "ftp://hub", "http://", "http://[x"])
def test_what_is_no_address_of_a_hub_is_refused(ranked, tmp_path, endpoint):
    with refused(tmp_path, ValueError, f"{re.escape(repr(endpoint))} is no address of a hub; HF_ENDPOINT is like"):
        pull("me/hues", tmp_path / "out", endpoint=endpoint)
    with pytest.raises(ValueError, match="is no address of a hub"):
        push(ranked, "me/hues", endpoint=endpoint)


@pytest.mark.parametrize("answer", [["a"], {"siblings": 1}, {"siblings": ["a"]}, "hub", None])
def test_what_does_not_answer_like_a_hub_is_said(hub, tmp_path, monkeypatch, answer):
    monkeypatch.setattr(hub_server, "ROUTES", [("GET", "/api/models/.*", lambda self: self._json(answer))])
    with refused(tmp_path, ConnectionError, "does not answer like a Hugging Face hub; is HF_ENDPOINT right"):
        pull("me/hues", tmp_path / "out")


def test_missing_repositories_and_revisions_are_named(hub, ranked, tmp_path, monkeypatch):
    push(ranked, "me/hues")
    with refused(tmp_path, FileNotFoundError, "there is no repository me/other at http.* that you may see"):
        pull("me/other", tmp_path / "out")
    with refused(tmp_path, FileNotFoundError, "me/hues has no revision v9"):
        pull("me/hues", tmp_path / "out", revision="v9")
    monkeypatch.delenv("HF_TOKEN")
    with refused(tmp_path, FileNotFoundError, "me/hues at .*; if it is private, log in with `hf auth login`"):
        pull("me/hues", tmp_path / "out")


def test_pushing_needs_a_token_that_can_write(hub, ranked, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub_server.READER)
    with pytest.raises(PermissionError, match="your token may not do this with me/hues.*You need a token that can"):
        push(ranked, "me/hues")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(PermissionError, match="you are not logged in to http.*: log in with .* or set HF_TOKEN"):
        push(ranked, "me/hues")


@pytest.mark.parametrize(
    ("path", "status", "kind", "match"),
    [
        ("/api/models", 500, ConnectionError, "answered 500 about me/hues"),
        ("/api/models", 200, ConnectionError, "does not answer like a Hugging Face hub; is HF_ENDPOINT right"),
        ("/api/models/me/hues/commit", 412, OSError, "me/hues was changed meanwhile"),
    ],
)
def test_what_the_hub_answers_is_said_in_one_line(hub, ranked, path, status, kind, match):
    push(ranked, "me/hues")
    hub.status[path] = status
    with pytest.raises(kind, match=match):
        push(ranked / "ranking.json", "me/hues")


def test_a_push_onto_what_changed_meanwhile_is_refused(hub, ranked, monkeypatch):
    push(ranked, "me/hues")
    repository = hub.repositories["me/hues"]

    def changed(*_):
        repository.commit({**repository.files, "notes.md": b"new"})
        return b"card"

    monkeypatch.setattr("headpursuit.sharing.pushing.card", lambda *_: changed().decode())
    with pytest.raises(OSError, match="me/hues was changed meanwhile"):
        push(ranked / "ranking.json", "me/hues")


def test_no_network_is_said_at_once(hub, ranked, tmp_path):
    nowhere = "http://127.0.0.1:9"
    with refused(tmp_path, ConnectionError, f"the Hugging Face hub at {nowhere} is out of reach"):
        pull("me/hues", tmp_path / "out", endpoint=nowhere)
    with pytest.raises(ConnectionError, match="is out of reach"):
        push(ranked, "me/hues", endpoint=nowhere)


def test_offline_mode_is_said(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with refused(tmp_path, ConnectionError, "HF_HUB_OFFLINE is set; unset it to reach the hub"):
        pull("me/hues", tmp_path / "out")


def test_a_download_that_breaks_off_leaves_nothing(hub, ranked, tmp_path, monkeypatch):
    push(ranked, "me/hues")
    hub.truncated["ranking.json"] = 100
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with refused(tmp_path, ConnectionError, "the Hugging Face hub at .* is out of reach"):
        pull("me/hues", tmp_path / "out")
    assert hub.truncated["ranking.json"] == 0


def test_a_pull_that_is_interrupted_leaves_nothing(hub, ranked, tmp_path):
    push(ranked, "me/hues")

    def interrupt(_done, _total):
        raise KeyboardInterrupt

    with refused(tmp_path, KeyboardInterrupt, None):
        pull("me/hues", tmp_path / "out", progress=interrupt)


def test_a_full_disk_is_said_and_leaves_nothing(hub, tmp_path):
    resource = pytest.importorskip("resource")
    offered(hub, {"a.safetensors": b"0" * 10**6})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with refused(tmp_path, OSError, f"^{tmp_path}/out cannot be written: .*File too large"):
            pull("you/thing", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
