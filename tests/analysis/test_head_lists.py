"""Lists of heads as other tools write them, read or refused in one line."""

import json

import numpy
import pytest
from typed import assert_refused, run

from headpursuit.analysis import SavedEdit, is_head_list, read_edit, read_heads
from headpursuit.heads import Edit, Head

BEST = (Head(12, 3), Head(9, 10), Head(0, 1))


def put(folder, name, content):
    file = folder / name
    if isinstance(content, numpy.ndarray):
        numpy.save(file, content, allow_pickle=True)
    elif isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("heads.txt", "12.3\n9.10\n0.1\n"),
        ("heads.txt", "# best first\n12.3, 9.10\n\n0.1  # weak\n"),
        ("heads.csv", "L12H3,l9h10,0.1"),
        ("heads", "12.3 9.10 0.1"),
        ("pairs.json", [[12, 3], [9, 10], [0, 1]]),
        ("names.json", ["12.3", "L9H10", [0, 1]]),
        ("scores.json", {"0.1": -0.5, "12.3": 0.9, "9.10": 0.8}),
        ("scores.json", {"L0H1": 1, "12.3": 3, "9.10": 2.5}),
        ("heads.npy", numpy.array([[12, 3], [9, 10], [0, 1]])),
        ("heads.npy", numpy.array([[12, 3], [9, 10], [0, 1]], dtype=numpy.uint8)),
    ],
)
def test_heads_are_read_the_best_first(tmp_path, name, content):
    file = put(tmp_path, name, content)
    assert is_head_list(file)
    found = read_heads(file)
    assert found.heads == BEST
    assert found.scored == name.startswith("scores")


def test_how_many_are_taken(tmp_path):
    plain = read_heads(put(tmp_path, "h.txt", "12.3, 9.10, 0.1"))
    assert plain.first() == BEST
    assert plain.first(2) == BEST[:2]
    many = read_heads(put(tmp_path, "h.json", {f"{i // 10}.{i % 10}": i for i in range(300)}))
    assert many.first() == (Head(29, 9), Head(29, 8), Head(29, 7))  # a hundredth, as of a ranking
    with pytest.raises(ValueError, match="4 heads were asked for, but there are 3"):
        plain.first(4)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("h.txt", "12.3, twelve", "'twelve' is no head; write heads like 12.3 or L12H3"),
        ("h.txt", "12.3.1", "'12.3.1' is no head"),
        ("h.txt", "-1.3", "'-1.3' is no head"),
        ("h.txt", "# nothing\n", "it holds no head"),
        ("h.txt", "12.3, L12H3", "L12H3 is named twice"),
        ("h.txt", b"12.3\0", "NUL"),
        ("h.txt", "12.3".encode("utf-16"), "looks like UTF-16"),
        ("h.json", "[[12, 3]", "is it truncated?"),
        ("h.json", [], "it holds no head"),
        ("h.json", 12, "12 is no list of heads"),
        ("h.json", [[12, 3, 1]], "[12, 3, 1] is no head; write [12, 3]"),
        ("h.json", [[12, -3]], "layers and heads are counted from zero"),
        ("h.json", [[12, True]], "is no head"),
        ("h.json", [[12.0, 3]], "is no head"),
        ("h.json", "[9.6, 12.10]", "9.6 is no head; write [12, 3] (layer, head); 12.10 is 12.1 to JSON: write it in"),
        ("h.json", {"12.3": "high"}, "the score of 12.3 is 'high'; it must be a finite number"),
        ("h.json", '{"12.3": NaN}', "the score of 12.3 is nan"),
        ("h.json", {"12.3": 1, "best": 2}, "'best' is no head"),
        ("h.json", '{"12.3": 1, "12.3": 2}', "stands there twice"),
        ("h.npy", numpy.array([12, 3]), "of shape (n_heads, 2): layer and head; this has shape (2,)"),
        ("h.npy", numpy.array([[12.0, 3.0]]), "whole numbers, of shape (n_heads, 2): layer and head; this has float64"),
        ("h.npy", numpy.array([[-1, 3]]), "layers and heads are counted from zero"),
        ("h.npy", numpy.zeros((0, 2), int), "it holds no head"),
        ("h.npy", numpy.array([[1, 2], [1, 2]]), "L1H2 is named twice"),
        ("h.npy", numpy.array([["a", object()]], dtype=object), "it is no array of plain numbers"),
        ("h.npy", b"\x93NUMPY\x01\x00v\x00{'descr'", "it is no array of plain numbers"),
        ("h.npy", b"nonsense", "it is no array of plain numbers"),
        ("h.npy", b"", "it is no array of plain numbers"),
        ("h.npy", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_malformed_lists_are_one_line(tmp_path, name, content, text):
    file = put(tmp_path, name, content)
    result = run("edit", "--heads-from", file, "-o", tmp_path / "e.json")
    assert_refused(result, text)
    assert result.stderr.count(str(file)) == 1
    assert not (tmp_path / "e.json").exists()


def test_a_list_becomes_an_edit(tmp_path):
    file = put(tmp_path, "h.npy", numpy.array([[12, 3], [9, 10], [0, 1]]))
    result = run(
        "edit", "--heads-from", file, "--heads", 2, "--scale", 0.5, "--scope", "prompt", "-o", tmp_path / "e.json"
    )
    assert result.exit_code == 0, result.output
    assert SavedEdit.load(tmp_path / "e.json") == SavedEdit(Edit.uniform(BEST[:2], 0.5, "prompt"))
    assert read_edit(file).edit == Edit.uniform(BEST, -1)
    assert read_edit(tmp_path / "e.json").edit == Edit.uniform(BEST[:2], 0.5, "prompt")


def test_what_an_edit_is_made_of_must_be_clear(tmp_path):
    file = put(tmp_path, "h.txt", "1.2")
    for options in ((), (tmp_path, "--heads-from", file)):
        assert_refused(
            run("edit", "write", *options, "-o", tmp_path / "e.json"), "give either a RANKING or --heads-from"
        )
    assert_refused(run("edit", "--heads-from", tmp_path / "none.npy", "-o", tmp_path / "e.json"), "there is no file")


def test_an_edit_is_no_list(tmp_path):
    assert not is_head_list(put(tmp_path, "e.json", {"L12H3": -1}))
    assert not is_head_list(put(tmp_path, "e.json", "{"))
    assert not is_head_list(tmp_path / "none.txt")
    assert not is_head_list(tmp_path)
