import copy

import numpy as np
import pytest

from headpursuit.heads import Edit, Head, parse_scope


@pytest.mark.parametrize("text", ["L12H3", "l12h3", " L12H3 ", "L012H03"])
def test_a_head_is_read_from_its_name(text):
    assert Head.parse(text) == Head(12, 3)


@pytest.mark.parametrize("text", ["", "L12", "H3", "12.3", "L-1H2", "L1H2,L2H3", "L1 H2", "LxHy"])
def test_what_is_no_head_is_refused(text):
    with pytest.raises(ValueError, match=f"{text!r} is not a head; write the layer and the head from zero, like L12H3"):
        Head.parse(text)


def test_a_head_is_written_as_it_is_read():
    assert str(Head(12, 3)) == "L12H3"
    assert f"{Head(12, 3):7}|" == "L12H3  |"
    assert Head.parse(str(Head(0, 0))) == Head(0, 0)


def test_heads_sort_by_layer_then_index():
    heads = [Head(10, 0), Head(2, 5), Head(2, 10)]
    assert sorted(heads) == [Head(2, 5), Head(2, 10), Head(10, 0)]


def test_an_edit_holds_its_heads_in_order():
    edit = Edit({Head(3, 1): 2, Head(0, 4): -1})
    assert list(edit.items()) == [(Head(0, 4), -1.0), (Head(3, 1), 2.0)]
    assert edit[Head(3, 1)] == 2.0
    assert len(edit) == 2
    assert Head(1, 1) not in edit


def test_the_same_scales_make_the_same_edit():
    one, other = Edit({Head(3, 1): 2, Head(0, 4): -1}), Edit({Head(0, 4): -1.0, Head(3, 1): 2.0})
    assert one == other
    assert hash(one) == hash(other)
    assert one != Edit({Head(3, 1): 2})


def test_uniform_scales_all_alike():
    assert Edit.uniform([Head(1, 1), Head(0, 0)], 0) == Edit({Head(0, 0): 0, Head(1, 1): 0})


def test_an_edit_comes_back_from_json():
    edit = Edit({Head(3, 1): 2, Head(0, 4): -1})
    assert edit.to_json() == {"scales": {"L0H4": -1.0, "L3H1": 2.0}, "scope": "all"}
    assert Edit.from_json(edit.to_json()) == edit


def test_an_edit_cannot_be_changed():
    scales = {Head(0, 0): -1.0}
    edit = Edit(scales)
    scales[Head(1, 1)] = 3.0
    with pytest.raises(TypeError, match="does not support item assignment"):
        edit[Head(0, 0)] = 2
    assert edit == Edit({Head(0, 0): -1})
    assert copy.deepcopy(edit) == edit


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), float("-inf")])
def test_a_scale_that_is_no_finite_number_is_refused(scale):
    with pytest.raises(ValueError, match="the scale of L1H2 is .*; it must be a finite number"):
        Edit({Head(1, 2): scale})


def test_heads_may_be_given_by_name(as_users_run_it):
    assert Edit({"L1H2": -1, "L0XH3": 2}, "image") == Edit({Head(1, 2): -1, Head(0, 3, "cross"): 2}, "image")
    with pytest.raises(ValueError, match="'L1' is not a head; write the layer and the head from zero, like L12H3"):
        Edit({"L1": -1})
    with pytest.raises(TypeError, match=r"3 is no head; give a Head, a name like 'L24H3', or layer and index like"):
        Edit({3: -1})


@pytest.mark.parametrize("given", [(1, 2), tuple(np.argwhere(np.eye(5, k=1))[1])])
def test_heads_may_be_given_as_layer_and_index(given):
    assert Edit({given: -1}) == Edit({Head(1, 2): -1})
    assert Edit.uniform(given, -1) == Edit.uniform([given], -1) == Edit({Head(1, 2): -1})
    assert Edit.uniform((given, "L0H1"), 0) == Edit({Head(1, 2): 0, Head(0, 1): 0})
    assert all(type(number) is int for head in Edit({given: -1}) for number in (head.layer, head.index))


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        ((1, -2), ValueError, r"\(1, -2\) is no head; layers and heads are counted from zero"),
        ((1, 2, 3), TypeError, r"\(1, 2, 3\) is no head"),
        ((1, 2.0), TypeError, r"\(1, 2.0\) is no head"),
        ((True, 2), TypeError, r"\(True, 2\) is no head"),
    ],
)
def test_what_is_no_layer_and_index_is_refused(given, error, reason, as_users_run_it):
    with pytest.raises(error, match=reason):
        Edit({given: -1})


def test_a_head_given_in_two_ways_is_named_twice():
    with pytest.raises(ValueError, match="L1H2 is named twice"):
        Edit({(1, 2): -1, "L1H2": 0})


def test_cross_attention_heads_have_names_of_their_own():
    head = Head.parse("L4XH2")
    assert head == Head(4, 2, "cross")
    assert str(head) == "L4XH2"
    assert head.site == "L4X"


@pytest.mark.parametrize("scope", ["prompt", "generated", "image", "text", [3, 0, -1]])
def test_a_scope_comes_back_from_json(scope):
    edit = Edit({Head(0, 1): -1}, scope)
    assert Edit.from_json(edit.to_json()) == edit
    assert edit != Edit({Head(0, 1): -1})


def test_positions_are_sorted_and_each_once():
    assert Edit({}, [3, -1, 3]).scope == (-1, 3)


def test_scales_alone_are_an_edit_everywhere():
    assert Edit.from_json({"L0H1": -1}) == Edit({Head(0, 1): -1}, "all")


@pytest.mark.parametrize("scope", ["picture", "", [], [1.5], ["0"], [True], 3])
def test_unknown_scopes_are_refused(scope, as_users_run_it):
    with pytest.raises(
        ValueError, match="unknown scope .*; choose all, prompt, generated, image, audio, text, or a list of positions"
    ):
        Edit({}, scope)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"scales": [1, 2]}, "an edit maps heads to scales"),
        ({"L0H1": "-1"}, "the scale of L0H1 is '-1'; it must be a number"),
        ({"L0H1": True}, "the scale of L0H1 is True; it must be a number"),
        ({"scales": {"head 1": 2}}, "'head 1' is not a head"),
    ],
)
def test_what_is_no_edit_is_refused(content, reason):
    with pytest.raises(ValueError, match=reason):
        Edit.from_json(content)


@pytest.mark.parametrize(
    ("text", "scope"),
    [("all", "all"), (" prompt ", "prompt"), ("generated", "generated"), ("-1", (-1,)), ("3, -1,0,3", (-1, 0, 3))],
)
def test_a_scope_is_read_as_it_is_typed(text, scope):
    assert parse_scope(text) == scope
    assert Edit({}, parse_scope(text)).scope == scope


@pytest.mark.parametrize("text", ["", "answer", "0,", "1.5", "0;1", "prompt,0", "All"])
def test_what_is_no_scope_is_refused(text):
    with pytest.raises(
        ValueError,
        match=f"cannot read {text!r} as a scope; write all, prompt, generated, image, audio, text, or positions",
    ):
        parse_scope(text)


def test_an_edit_of_an_edit_keeps_its_scope():
    edit = Edit({Head(0, 1): -1}, "prompt")
    assert Edit(edit) == edit
    assert Edit(edit, "all").scope == "all"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"scales": {"L0H1": -1}, "scop": "prompt"}, "an edit has no 'scop'; it has scales and a scope"),
        ({"L1H2": -1, "l1h2": 3}, "L1H2 is named twice"),
        ({"L1H2": 10**400}, "it must be a finite number"),
        ({"L1H2": float("nan")}, "it must be a finite number"),
    ],
)
def test_edits_that_would_be_misread_are_refused(content, reason):
    with pytest.raises(ValueError, match=reason):
        Edit.from_json(content)
