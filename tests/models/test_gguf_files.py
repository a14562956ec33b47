"""GGUF files edited, taken back and proven, without a model."""

import json
import tracemalloc

import numpy as np
import pytest
from exporting import files_at_most
from gguf import GGMLQuantizationType as Kind
from gguf_files import BY_32, PLAIN, metadata, small, stored_bytes, tensors

from headpursuit.heads import Edit
from headpursuit.models.checkpoints.gguf_file import Unread, read_gguf
from headpursuit.models.export.gguf import check_unembedding, edit_gguf, editing, gguf_path, undo_gguf, verify_gguf
from headpursuit.models.export.gguf.marks import KEY, Mark

FLIP = Edit({"L0H1": -1, "L2H3": -1})


def test_metadata_and_tensors_are_found_as_gguf_finds_them(tmp_path):
    path = small(tmp_path / "m.gguf")
    file, found = read_gguf(path), metadata(path)
    assert file.metadata.keys() == found.keys()
    for key, value in file.metadata.items():
        assert value.length == len(found[key]) if isinstance(value, Unread) else value == found[key]
    wanted = stored_bytes(path)
    assert {name: b"".join(rows.tobytes() for rows in file.rows(one)) for name, one in file.tensors.items()} == wanted


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in (*PLAIN, *BY_32, Kind.Q3_K, Kind.Q6_K)])
def test_an_edit_changes_its_columns_and_nothing_else(tmp_path, kind):
    path, out = small(tmp_path / "m.gguf", kind), tmp_path / "e.gguf"
    done = edit_gguf(path, FLIP, out)
    before, after = tensors(path), tensors(out)
    assert list(before) == list(after)
    for name, values in before.items():
        wanted = np.ones(values.shape[-1], np.float32)
        if name in ("blk.0.attn_output.weight", "blk.2.attn_output.weight"):
            wanted[slice(128, 256) if name[4] == "0" else slice(384, 512)] = -1
        assert np.array_equal(after[name], values * wanted)
    one, other = stored_bytes(path), stored_bytes(out)
    assert done.n_bytes == sum(a != b for name in one for a, b in zip(one[name], other[name], strict=True)) > 0
    assert [(change.error, change.is_lossy) for change in done.changes] == [(0, False)] * 2
    assert str(done).endswith("changed; 5 of 7 tensors are byte-identical")


def test_metadata_stays_and_names_the_edit(tmp_path):
    path, out = small(tmp_path / "m.gguf"), tmp_path / "e.gguf"
    edit_gguf(path, FLIP, out, concept="hues")
    before, after = metadata(path), metadata(out)
    mark = json.loads(after.pop(KEY))
    assert after == before
    assert mark["edit"]["scales"] == {"L0H1": -1, "L2H3": -1}
    assert (mark["base"], mark["concept"]) == ("m.gguf", "hues")


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in (*PLAIN, *BY_32, Kind.Q3_K, Kind.Q6_K)])
@pytest.mark.parametrize("scale", [-1, 0.5])
def test_taken_back_it_is_the_same_file(tmp_path, kind, scale):
    path, out = small(tmp_path / "m.gguf", kind, n_heads=2), tmp_path / "e.gguf"
    edit_gguf(path, Edit({"L1H0": scale}), out)
    assert undo_gguf(out, tmp_path / "back.gguf")
    assert (tmp_path / "back.gguf").read_bytes() == path.read_bytes() != out.read_bytes()


def test_what_was_rounded_comes_back_nearly_and_that_is_said(tmp_path):
    path, out = small(tmp_path / "m.gguf", Kind.Q4_0), tmp_path / "e.gguf"
    done = edit_gguf(path, Edit({"L1H0": 0.7}), out)
    assert 0 < done.changes[0].error < 5e-4
    assert "rounded, by" in str(done.changes[0])
    assert not undo_gguf(out, tmp_path / "back.gguf")
    name = "blk.1.attn_output.weight"
    np.testing.assert_allclose(tensors(tmp_path / "back.gguf")[name], tensors(path)[name], rtol=2e-3)
    assert "cannot be told from this file alone; give the base" in verify_gguf(out)


@pytest.mark.parametrize(
    ("kind", "n_heads"), [(Kind.Q4_0, 32), (Kind.Q4_K, 8), (Kind.Q5_K, 8), (Kind.Q6_K, 64), (Kind.TQ2_0, 4)]
)
def test_a_tensor_that_cannot_hold_it_is_stored_in_float16(tmp_path, kind, n_heads, monkeypatch):
    path, out = small(tmp_path / "m.gguf", kind, n_heads), tmp_path / "e.gguf"
    done = edit_gguf(path, Edit({"L1H1": -1}), out)
    (change,) = done.changes
    assert (change.before, change.after, change.is_lossy) == (kind.name, "F16", True)
    assert 0 <= change.error < 5e-4
    assert f"{kind.name} cannot hold it, stored in F16" in str(change)
    before, after = tensors(path), tensors(out)
    wanted = np.ones(512, np.float32)
    wanted[512 // n_heads : 2 * 512 // n_heads] = -1
    name = "blk.1.attn_output.weight"
    np.testing.assert_allclose(after[name], before[name] * wanted, atol=5e-4 * np.abs(before[name]).max())
    assert all(np.array_equal(after[other], before[other]) for other in before if other != name)
    assert verify_gguf(out, path)


def test_a_removed_head_is_zero_and_does_not_come_back(tmp_path):
    path, out = small(tmp_path / "m.gguf"), tmp_path / "e.gguf"
    edit_gguf(path, Edit({"L1H0": 0}), out)
    assert not tensors(out)["blk.1.attn_output.weight"][:, :128].any()
    with pytest.raises(ValueError, match="cannot be undone: it multiplied L1H0 by 0"):
        undo_gguf(out, tmp_path / "back.gguf")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["e.gguf", "m.gguf"]


def test_an_edited_file_is_edited_further_only_where_that_is_asked_for(tmp_path):
    path, out = small(tmp_path / "m.gguf"), tmp_path / "e.gguf"
    edit_gguf(path, FLIP, out)
    with pytest.raises(ValueError, match=r"edited already \(L0H1 × -1, L2H3 × -1\); give .* m\.gguf, or --again"):
        edit_gguf(out, FLIP, tmp_path / "f.gguf")
    edit_gguf(out, Edit({"L0H1": -1, "L1H0": 2}), tmp_path / "f.gguf", again=True)
    mark = Mark.of(read_gguf(tmp_path / "f.gguf"))
    assert dict(mark.edit) == dict(Edit({"L0H1": 1, "L2H3": -1, "L1H0": 2}))
    assert mark.base == "m.gguf"
    assert undo_gguf(tmp_path / "f.gguf", tmp_path / "back.gguf")
    assert (tmp_path / "back.gguf").read_bytes() == path.read_bytes()


def test_two_flips_are_none(tmp_path):
    path = small(tmp_path / "m.gguf")
    edit_gguf(path, FLIP, tmp_path / "e.gguf")
    with pytest.raises(ValueError, match=r"with L0H1 × -1, L2H3 × -1, which .*e\.gguf holds already, .* use --undo"):
        edit_gguf(tmp_path / "e.gguf", FLIP, tmp_path / "f.gguf", again=True)
    assert not (tmp_path / "f.gguf").exists()


def test_a_file_proves_itself_and_against_its_base(tmp_path):
    path, out = small(tmp_path / "m.gguf"), tmp_path / "e.gguf"
    edit_gguf(path, FLIP, out)
    assert "taken back it is m.gguf bit by bit" in verify_gguf(out)
    assert "every tensor compared" in verify_gguf(out, path)
    with pytest.raises(ValueError, match=r"wrong base: .* was made from m\.gguf, and .*o\.gguf has another SHA-256"):
        verify_gguf(out, small(tmp_path / "o.gguf", Kind.Q4_0))
    with pytest.raises(ValueError, match=r"m\.gguf is no file that headpursuit edited: its metadata has no"):
        verify_gguf(path)


def changed(path, at, by):
    content = bytearray(path.read_bytes())
    content[at] ^= by
    path.write_bytes(content)


def test_a_file_that_was_changed_later_is_found_out(tmp_path):
    path, out = small(tmp_path / "m.gguf"), tmp_path / "e.gguf"
    edit_gguf(path, FLIP, out)
    place = read_gguf(out).tensors["blk.1.attn_output.weight"].offset
    changed(out, place + 10, 1)
    for call in (lambda: verify_gguf(out), lambda: undo_gguf(out, tmp_path / "back.gguf")):
        with pytest.raises(ValueError, match="is damaged: its tensors do not match their checksum; make it again"):
            call()
    changed(out, place + 10, 1)
    changed(out, out.read_bytes().index(b"llama.precise") + 20, 1)
    with pytest.raises(ValueError, match=r"taken back is not m\.gguf by its SHA-256, so more than the edit"):
        verify_gguf(out)


def test_a_mark_that_says_nonsense_is_one_line(tmp_path):
    path, out = small(tmp_path / "m.gguf"), tmp_path / "e.gguf"
    edit_gguf(path, FLIP, out)
    out.write_bytes(out.read_bytes().replace(b'"edit": {"scales"', b'"eDit": {"scales"'))
    with pytest.raises(ValueError, match=r"e\.gguf is no GGUF file with 'headpursuit\.edit' that this"):
        verify_gguf(out)


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (Edit({"L0H1": 1}), "the edit changes nothing: .* every scale is 1"),
        (Edit({}), "the edit changes nothing: it names no head"),
        (Edit({"L0H4": -1}), r"L0H4 does not exist: layer 0 of m\.gguf has 4 heads"),
        (Edit({"L3H0": -1}), r"L3H0 does not exist in m\.gguf: .* it has them for layers 0-2, and only"),
        (Edit({"L0XH1": -1}), r"L0XH1 does not exist in m\.gguf"),
        (Edit({"L0H1": -1}, "prompt"), "an edit of scope 'prompt' cannot be exported"),
        (Edit({"L0H1": 1e9}), r"blk\.0\.attn_output\.weight: scaled by 1e\+09, .* more than float16 can hold"),
    ],
)
def test_edits_that_the_file_cannot_take_are_refused(tmp_path, edit, text):
    path = small(tmp_path / "m.gguf")
    with pytest.raises(ValueError, match=text):
        edit_gguf(path, edit, tmp_path / "e.gguf")
    assert [file.name for file in tmp_path.iterdir()] == ["m.gguf"]


def test_a_file_of_something_else_has_no_heads(tmp_path):
    path = small(tmp_path / "m.gguf", n_layers=0)
    with pytest.raises(ValueError, match="there is no output projection .*; it has none at all"):
        edit_gguf(path, FLIP, tmp_path / "e.gguf")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.999])
def test_a_truncated_file_is_one_line(tmp_path, share):
    path = small(tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=r"m\.gguf is cut off or damaged \(.*, after [\d,]+ bytes\); fetch it again"):
        edit_gguf(path, FLIP, tmp_path / "e.gguf")


def test_every_cut_and_every_wrong_byte_of_a_header_is_one_line_or_read(tmp_path):
    content = small(tmp_path / "m.gguf", n_layers=1).read_bytes()
    path = tmp_path / "broken.gguf"
    for at in [*range(0, 600, 7), *range(15000, len(content), 997)]:
        path.write_bytes(content[:at])
        with pytest.raises(ValueError, match="GGUF file|cut off or damaged"):
            read_gguf(path)
    for at in range(8, 700):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        try:
            read_gguf(path)
        except ValueError as error:
            assert str(path) in str(error)


def test_foreign_files_are_named(tmp_path):
    path = tmp_path / "m.gguf"
    for content, text in (
        (b"GGML" + bytes(99), r"no GGUF file: it begins with b'GGML', not with b'GGUF'; fetch"),
        (b"", "no GGUF file: it is empty; fetch it again, or give another file"),
        (b"GGUF\x00\x00\x00\x03" + bytes(99), "machines of the other byte order"),
        (b"GGUF\x01\x00\x00\x00" + bytes(99), "of version 1; versions 2 and 3 can be read"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=text):
            edit_gguf(path, FLIP, tmp_path / "e.gguf")


def test_parts_of_a_divided_file_are_all_named(tmp_path):
    names = [f"m-0000{i}-of-00003.gguf" for i in (1, 2, 3)]
    for name in names:
        small(tmp_path / name)
    with pytest.raises(ValueError, match=f"part 2 of 3 .*{', '.join(names)}.*llama-gguf-split --merge {names[0]}"):
        gguf_path(str(tmp_path / names[1]))
    with pytest.raises(ValueError, match=r"renamed\.gguf is one of 3 parts: join them with llama-gguf-split"):
        gguf_path(str(small(tmp_path / "renamed.gguf", split__count=3)))


def test_a_full_disk_leaves_the_original_and_nothing_else(tmp_path):
    path = small(tmp_path / "m.gguf")
    before = path.read_bytes()
    with pytest.raises(OSError, match=r"e\.gguf cannot be written: File too large"), files_at_most(len(before) // 2):
        edit_gguf(path, FLIP, tmp_path / "e.gguf")
    assert [file.name for file in tmp_path.iterdir()] == ["m.gguf"]
    assert path.read_bytes() == before


def test_a_disk_that_is_too_small_is_told_beforehand(tmp_path, monkeypatch):
    path = small(tmp_path / "m.gguf")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("usage", (), {"free": 1000}))
    with pytest.raises(OSError, match=r"the file takes 0\.0 GB, but only 0\.0 GB are free"):
        edit_gguf(path, FLIP, tmp_path / "e.gguf")


def test_nothing_is_written_over(tmp_path):
    path = small(tmp_path / "m.gguf")
    with pytest.raises(FileExistsError, match="exists already"):
        edit_gguf(path, FLIP, path)


def test_a_file_that_does_not_hold_the_products_is_not_written(tmp_path, monkeypatch):
    path = small(tmp_path / "m.gguf")
    real = editing.rescaled
    monkeypatch.setattr(editing, "rescaled", lambda kind, rows, factors: real(kind, rows, -factors))
    with pytest.raises(ValueError, match=r"blk\.0\.attn_output\.weight is not that of .* with the heads' columns"):
        edit_gguf(path, FLIP, tmp_path / "e.gguf")
    assert [file.name for file in tmp_path.iterdir()] == ["m.gguf"]


def test_an_edit_for_another_unembedding_is_refused(tmp_path):
    import hashlib

    path = small(tmp_path / "m.gguf")
    values = tensors(path)["token_embd.weight"]
    check_unembedding(path, hashlib.sha256(values.tobytes()).hexdigest(), "this")
    check_unembedding(path, "", "by hand")
    with pytest.raises(ValueError, match="the heads were chosen for other, but .* has another unembedding"):
        check_unembedding(path, "0" * 64, "other")


def test_layers_may_have_different_numbers_of_heads(tmp_path):
    path, out = small(tmp_path / "m.gguf"), tmp_path / "e.gguf"
    content = path.read_bytes()
    assert content.count(b"llama.attention.head_count") == 1
    file = read_gguf(path)
    file.metadata["llama.attention.head_count"] = [4, 2, 16]
    columns = editing.columns_of(file, Edit({"L0H1": -1, "L1H1": -1, "L2H15": 2}))
    assert {name: (factors != 1).sum() for name, factors in columns.items()} == {
        "blk.0.attn_output.weight": 128,
        "blk.1.attn_output.weight": 256,
        "blk.2.attn_output.weight": 32,
    }
    assert not out.exists()


def test_memory_does_not_grow_with_the_file(tmp_path):
    more = [(f"big.{i}", np.zeros((1024, 8192), np.float32)) for i in range(4)]
    path = small(tmp_path / "m.gguf", more=more)
    del more
    assert path.stat().st_size > 128e6
    tracemalloc.start()
    edit_gguf(path, FLIP, tmp_path / "e.gguf")
    assert "bit by bit" in verify_gguf(tmp_path / "e.gguf")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6
