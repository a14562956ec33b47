"""What is pushed comes back as it was, through the client of the hub and a stand-in for its server."""

import json
from dataclasses import replace

import hub_server
import pytest
import torch
from made_atlas import made_atlas
from safetensors.torch import load_file, save_file

from headpursuit.analysis import Atlas, Ranking, SavedEdit
from headpursuit.sharing import pull, push
from headpursuit.storage import MANIFEST, new_folder, read_manifest


def content(folder):
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_a_ranking_comes_back_byte_by_byte(hub, ranked, ranking, tmp_path):
    pushed = push(ranked, "me/hues")
    pulled = pull("me/hues", tmp_path / "out")
    assert Ranking.load(tmp_path / "out" / "ranking.json") == ranking
    assert content(tmp_path / "out") == content(ranked) | {"README.md": hub.repositories["me/hues"].files["README.md"]}
    assert pulled == pushed
    assert (pulled.kind, pulled.n_files, pulled.private) == ("ranking", 2, True)
    assert pulled.commit == hub.repositories["me/hues"].refs["main"]
    assert pulled.url == f"{hub.url}/me/hues"


def test_the_file_of_a_ranking_is_put_into_a_folder(hub, ranked, ranking, tmp_path):
    push(ranked / "ranking.json", "me/hues")
    pull("me/hues", tmp_path / "out")
    assert Ranking.load(tmp_path / "out" / "ranking.json") == ranking
    assert read_manifest(tmp_path / "out", "ranking")["concept"] == "hues"


def test_an_edit_comes_back_byte_by_byte(hub, edited, tmp_path):
    push(edited, "me/edit")
    pull("me/edit", tmp_path / "out")
    assert (tmp_path / "out" / "edit.json").read_bytes() == edited.read_bytes()
    assert SavedEdit.load(tmp_path / "out" / "edit.json") == SavedEdit.load(edited)
    assert read_manifest(tmp_path / "out", "edit")["model"] == "acme/tiny"


def test_scales_written_by_hand_are_an_edit(hub, tmp_path):
    (tmp_path / "e.json").write_text('{"L2H3": 0}')
    push(tmp_path / "e.json", "me/edit")
    pull("me/edit", tmp_path / "out")
    assert (tmp_path / "out" / "edit.json").read_text() == '{"L2H3": 0}'


def test_any_folder_with_a_manifest_is_shared_and_its_tensors_go_through_lfs(hub, tmp_path):
    tensor = torch.arange(6.0)
    with new_folder(tmp_path / "capture", "capture", {"model": "acme/tiny", "versions": {"torch": "3"}}) as folder:
        (folder / "heads").mkdir()
        save_file({"a": tensor}, folder / "heads" / "tokens.safetensors")
        (folder / "page.html").write_text("<p>heads</p>")
    push(tmp_path / "capture", "me/capture")
    pulled = pull("me/capture", tmp_path / "out")
    assert torch.equal(load_file(tmp_path / "out" / "heads" / "tokens.safetensors")["a"], tensor)
    assert (tmp_path / "out" / MANIFEST).read_bytes() == (tmp_path / "capture" / MANIFEST).read_bytes()
    assert pulled.kind == "capture"
    assert len(hub.objects) == 1


def test_a_listed_readme_within_the_folder_comes_back_too(hub, tmp_path):
    with new_folder(tmp_path / "thing", "thing", {}) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "README.md").write_text("a part of the whole")
    push(tmp_path / "thing", "me/thing")
    pull("me/thing", tmp_path / "out")
    assert list(read_manifest(tmp_path / "out")["files"]) == ["sub/README.md"]


def test_an_atlas_comes_back_as_it_went(hub, tmp_path):
    made_atlas().save(tmp_path / "a")
    push(tmp_path / "a", "me/a")
    assert pull("me/a", tmp_path / "out").kind == "atlas"
    assert Atlas.load(tmp_path / "out").found() == made_atlas().found()


def test_progress_is_told(hub, ranked, tmp_path):
    push(ranked, "me/hues")
    told = []
    pull("me/hues", tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_repositories_are_private_unless_said_otherwise(hub, ranked):
    assert push(ranked, "me/own").private
    assert not push(ranked, "me/all", private=False).private
    assert (hub.repositories["me/own"].private, hub.repositories["me/all"].private) == (True, False)
    with pytest.raises(ValueError, match="me/all is public already; give `public=True`, or push to another name"):
        push(ranked, "me/all")


def test_a_push_replaces_the_one_before_and_nothing_else(hub, ranked, tmp_path):
    push(ranked, "me/hues")
    repository = hub.repositories["me/hues"]
    repository.commit({**repository.files, "LICENSE": b"mine", "notes.md": b"mine too"})
    push(ranked / "ranking.json", "me/hues")
    assert set(repository.files) == {
        ".gitattributes", "LICENSE", "notes.md", "README.md", "ranking.json", MANIFEST,
    }  # fmt: skip
    assert pull("me/hues", tmp_path / "out").n_files == 1
    assert not (tmp_path / "out" / "notes.md").exists()


def test_what_no_push_put_there_stays_whatever_the_manifest_there_says(hub, ranked):
    push(ranked, "me/hues")
    repository = hub.repositories["me/hues"]
    manifest = json.loads(repository.files[MANIFEST])
    manifest["files"] |= dict.fromkeys(("LICENSE", ".gitattributes", "README.md", MANIFEST), "0" * 64)
    repository.commit({**repository.files, "LICENSE": b"mine", MANIFEST: json.dumps(manifest).encode()})
    push(ranked / "ranking.json", "me/hues")
    assert set(repository.files) == {".gitattributes", "LICENSE", "README.md", "ranking.json", MANIFEST}


def test_a_new_branch_begins_as_main_is(hub, ranked):
    push(ranked, "me/hues")
    repository = hub.repositories["me/hues"]
    repository.commit({**repository.files, "notes.md": b"mine"})
    push(ranked / "ranking.json", "me/hues", revision="try")
    assert set(repository.commits[repository.refs["try"]]) - {"notes.md"} == {
        ".gitattributes", "README.md", "ranking.json", MANIFEST,
    }  # fmt: skip
    assert repository.commits[repository.refs["try"]]["notes.md"] == b"mine"
    assert push(ranked, "me/new", revision="try", tag="v1").commit == hub.repositories["me/new"].refs["v1"]


def test_a_ranking_with_half_a_character_is_not_pushed(hub, ranking, tmp_path):
    content = json.dumps(replace(ranking, concept="half \ud800").to_json())
    with new_folder(tmp_path / "r", "ranking", {}) as folder:
        (folder / "ranking.json").write_text(content)
    with pytest.raises(ValueError, match=r"ranking.json: 'concept': half a character"):
        push(tmp_path / "r", "me/hues")
    assert "me/hues" not in hub.repositories


def test_branches_and_tags_are_pushed_and_pulled(hub, ranked, tmp_path):
    first = push(ranked, "me/hues", tag="v1")
    push(ranked / "ranking.json", "me/hues")
    push(ranked / "ranking.json", "me/hues", revision="try")
    repository = hub.repositories["me/hues"]
    assert repository.refs["v1"] == first.commit
    with pytest.raises(ValueError, match="me/hues has a revision v1 already; choose another tag"):
        push(ranked, "me/hues", tag="v1")
    assert len({repository.refs[ref] for ref in ("main", "v1", "try")}) == 3
    for number, (revision, n_files) in enumerate({"v1": 2, first.commit: 2, "try": 1, None: 1}.items()):
        assert pull("me/hues", tmp_path / f"out{number}", revision=revision).n_files == n_files


def test_the_folders_own_card_goes_along_and_other_files_are_named(hub, ranked, tmp_path):
    (ranked / "README.md").write_text("---\ntags: [mine]\n---\n# Mine\n")
    (ranked / "page.html").write_text("made from the rest")
    assert push(ranked, "me/hues").left_out == ("page.html",)
    assert hub.repositories["me/hues"].files["README.md"] == (ranked / "README.md").read_bytes()
    pull("me/hues", tmp_path / "out")
    assert content(tmp_path / "out").keys() == {"README.md", "ranking.json", "heatmap.png", MANIFEST}


def test_a_public_repository_is_pulled_without_a_token(hub, ranked, tmp_path, monkeypatch):
    push(ranked, "me/all", private=False)
    monkeypatch.delenv("HF_TOKEN")
    hub.requests.clear()
    pull("me/all", tmp_path / "out")
    assert {token for _, _, token in hub.requests} == {""}


def test_a_private_repository_is_pulled_with_a_token_that_can_only_read(hub, ranked, tmp_path, monkeypatch):
    push(ranked, "me/own")
    monkeypatch.setenv("HF_TOKEN", hub_server.READER)
    assert pull("me/own", tmp_path / "out").private


def test_another_hub_can_be_given(hub, ranked, tmp_path):
    with hub_server.running() as other:
        pushed = push(ranked, "me/hues", endpoint=other.url)
        assert pull("me/hues", tmp_path / "out", endpoint=other.url) == pushed
        assert pushed.url == f"{other.url}/me/hues"
    assert hub.requests == []
