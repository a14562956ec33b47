"""What callers in Python give where several things are wanted: taken where it is clear, and else refused in a line."""

from pathlib import Path

import broken
import numpy as np
import pandas as pd
import pytest
import tiny
import torch

import headpursuit as hp
from headpursuit.analysis import merge, read_prompts
from headpursuit.concepts import concept_of, concepts_of
from headpursuit.given import collected, listed
from headpursuit.heads import heads_of
from headpursuit.media import ImagePrompt
from headpursuit.models import harness_tasks, log_probabilities, read_mixed, scale_gradients
from headpursuit.studies.experiments.lm_eval import HarnessConfig
from headpursuit.studies.experiments.rankers import RankersConfig
from headpursuit.studies.experiments.transfer import TransferConfig

TEXTS = ["the red", "a blue sky"]
WORDS = ("red", "blue", " green")

pytestmark = pytest.mark.usefixtures("as_users_run_it")


def name_of(value):
    """An id that is the same in every process."""
    return None if " at 0x" in str(value) else str(value)


@pytest.fixture(scope="module")
def model():
    return tiny.language_model(words=("red", " red", "blue", " blue", " green", " sky"))


@pytest.fixture(scope="module")
def captured(model):
    return hp.capture(model, ["the red", "a blue sky", "green", "the sky is red"])


def columns():
    """The same two texts, in every shape that people have them."""
    return {
        "list": TEXTS,
        "tuple": tuple(TEXTS),
        "generator": (text for text in TEXTS),
        "iterator": iter(TEXTS),
        "map": map(str, TEXTS),
        "values": {"a": TEXTS[0], "b": TEXTS[1]}.values(),
        "numpy": np.array(TEXTS),
        "numpy of objects": np.array(TEXTS, dtype=object),
        "pandas": pd.Series(TEXTS, index=[7, 3]),
        "column": pd.DataFrame({"prompt": TEXTS})["prompt"],
        "strings": pd.Series(TEXTS, dtype="string"),
        "index": pd.Index(TEXTS),
    }


@pytest.mark.parametrize("shape", columns())
def test_texts_are_taken_from_any_iterable(model, shape):
    expected = hp.answer(model, list(TEXTS), max_new_tokens=2)
    assert hp.answer(model, columns()[shape], max_new_tokens=2) == expected
    assert hp.capture(model, columns()[shape]).n_prompts == 2
    assert hp.effects(model, {"L1H2": 0}, columns()[shape]).n_prompts == 2


def test_one_text_is_one_prompt_everywhere(model, tmp_path):
    text = TEXTS[1]
    assert hp.answer(model, text, max_new_tokens=3) == hp.answer(model, [text], max_new_tokens=3)
    one = hp.capture(model, text)
    assert (one.n_prompts, one.n_samples) == (1, 1)
    assert hp.effects(model, {"L1H2": 0}, text).n_prompts == 1
    assert len(list(log_probabilities(model, text))[0][1]) == len(model.tokenizer.encode(text)) - 1
    assert [batch.n_prompts for batch in read_mixed(model, text)] == [1]
    assert scale_gradients(model, text, [[5]])["L0"].shape == (1, 4)
    assert hp.export(model, {"L1H2": 0.5}, tmp_path / "out", prompts=text).prompts == (text,)


GIVEN = {
    "answer": lambda model, given: hp.answer(model, given),
    "capture": lambda model, given: hp.capture(model, given),
    "effects": lambda model, given: hp.effects(model, {"L1H2": 0}, given),
    "export": lambda model, given: hp.export(model, {"L1H2": 0}, "never", prompts=given),
    "log_probabilities": lambda model, given: list(log_probabilities(model, given)),
    "scale_gradients": lambda model, given: scale_gradients(model, given, [[5]]),
    "read_mixed": lambda model, given: [batch.mixed() for batch in read_mixed(model, given)],
}


@pytest.mark.parametrize("function", GIVEN)
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "the prompts are None; give a text, an ImagePrompt"),
        (5, r"the prompts are of type int \(5\); give a text"),
        (b"the red", r"the prompts are of type bytes \(b'the red'\)"),
        ({"prompt": TEXTS}, "the prompts are of type dict"),
        ({"the red"}, "the prompts are of type set"),
        (Path("p.jsonl"), "the prompts are of type PosixPath"),
        (pd.DataFrame({"prompt": TEXTS}), "the prompts are a DataFrame of 2 dimensions"),
        (np.array([TEXTS]), "the prompts are a ndarray of 2 dimensions"),
        ([None], "prompt 1 is None; give a text"),
        (["the red", 5], r"prompt 2 is of type int \(5\)"),
        (["the red", float("nan")], r"prompt 2 is of type float \(nan\)"),
        (["the red", b"blue"], r"prompt 2 is of type bytes \(b'blue'\)"),
        ([TEXTS], r"prompt 1 is of type list \(\['the red', 'a blue sky'\]\)"),
        ([{"prompt": "the red"}], "prompt 1 is of type dict"),
        ([torch.ones(2, 3)], "prompt 1 is a Tensor of 2 dimensions"),
        ((text for text in ["the red", "a", None]), "prompt 3 is None"),
    ],
    ids=name_of,
)
def test_what_is_no_prompt_is_named_with_its_number_and_type(model, function, given, reason):
    if given is None and function == "export":
        pytest.skip("it has prompts of its own")
    if not isinstance(given, list | dict | set | Path | str | bytes | int | None | pd.DataFrame | np.ndarray):
        given = iter(["the red", "a", None])  # a generator is spent by the first function
    with pytest.raises(TypeError, match=reason) as refusal:
        GIVEN[function](model, given)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("function", GIVEN)
@pytest.mark.parametrize("given", [[], (), iter(()), pd.Series([], dtype=str)], ids=name_of)
def test_no_prompts_are_refused_with_what_to_do(model, function, given):
    with pytest.raises(ValueError, match="there are no prompts; give a text"):
        GIVEN[function](model, given)


@pytest.mark.parametrize("function", GIVEN)
def test_half_a_character_is_refused_before_the_model_runs(model, function):
    with pytest.raises(ValueError, match=r"prompt 2: .*half"):
        GIVEN[function](model, ["fine", "a b\ud83d"])


def test_an_image_is_no_text_to_compare_an_export_on(model):
    with pytest.raises(TypeError, match="prompt 1 is of type ImagePrompt"):
        hp.export(model, {"L1H2": 0}, "never", prompts=[ImagePrompt("what", "x.png")])


def test_a_file_of_prompts_is_read_as_it_goes_and_never_held(tmp_path):
    file = tmp_path / "p.txt"
    file.write_text("one\ntwo\n")
    prompts = read_prompts(file)
    assert collected(prompts, "prompt", str, "") is prompts
    assert isinstance(collected(iter(TEXTS), "prompt", str, ""), tuple)


@pytest.mark.parametrize(
    "concept",
    [
        list(WORDS),
        WORDS,
        (word for word in WORDS),
        np.array(WORDS),
        pd.Series(WORDS),
        {"mine": list(WORDS)},
        hp.Concept("mine", WORDS),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_concept_is_taken_as_words_however_they_are_held(model, captured, concept):
    ranking = hp.rank(model, captured, concept)
    assert ranking.concept in ("words", "mine")
    assert ranking.entries == hp.rank(model, captured, hp.Concept("x", WORDS)).entries


def test_a_concept_is_taken_by_name_and_by_file(model, captured, tmp_path):
    file = tmp_path / "shades.txt"
    file.write_text("red\nblue\n")
    for given in (file, str(file)):
        assert hp.rank(model, captured, given).concept == "shades"
        assert hp.effects(model, {"L1H2": 0}, "the red", given).concept == "shades"
    assert concept_of("colours") == hp.load_concept("colours")
    with pytest.raises(FileNotFoundError, match="'colour' is neither a built-in concept nor a file; did you mean"):
        hp.rank(model, captured, "colour")


@pytest.mark.parametrize(
    ("concept", "error", "reason"),
    [
        (None, TypeError, "the words are None; give a Concept, the name of one"),
        (5, TypeError, r"the words are of type int \(5\)"),
        (b"red", TypeError, "the words are of type bytes"),
        ({"red", "blue"}, TypeError, "the words are of type set"),
        (["red", None], TypeError, "word 2 is None"),
        ([["red"]], TypeError, r"word 1 is of type list \(\['red'\]\)"),
        ([hp.Concept("mine", WORDS)], TypeError, "word 1 is of type Concept"),
        ([], ValueError, "there are no words; give a Concept"),
        (["red", " "], ValueError, "word 2 of 'words' is blank"),
        ({"a": ["red"], "b": ["blue"]}, ValueError, "2 concepts were given where one is wanted; give one of a, b"),
        ({"a": None}, TypeError, "the words are None"),
        (["\ud83d"], ValueError, "word 1: .*half"),
    ],
)
def test_what_is_no_concept_is_named(model, captured, concept, error, reason):
    with pytest.raises(error, match=reason):
        hp.rank(model, captured, concept)


def test_concepts_of_an_atlas_are_taken_in_every_shape(model, captured):
    words = {"mine": ["red", "blue"], "other": [" green", " sky"]}
    expected = hp.build_atlas(model, captured, concepts=[hp.Concept(n, tuple(w)) for n, w in words.items()])
    found = hp.build_atlas(model, captured, concepts=words)
    assert [concept.name for concept in found.concepts] == ["mine", "other"]
    assert torch.equal(found.explained, expected.explained)
    assert [c.name for c in hp.build_atlas(model, captured, concepts=hp.Concept("mine", WORDS)).concepts] == ["mine"]
    assert [c.name for c in concepts_of(iter(["months", "colours"]))] == ["months", "colours"]
    assert [c.name for c in concepts_of("months")] == ["months"]
    with pytest.raises(TypeError, match="the concepts are of type int"):
        hp.build_atlas(model, captured, concepts=5)
    with pytest.raises(ValueError, match="an atlas needs at least one concept"):
        hp.build_atlas(model, captured, concepts=[])
    with pytest.raises(ValueError, match="two different concepts are called 'words'; rename one"):
        hp.build_atlas(model, captured, concepts=[["red"], ["blue"]])


@pytest.mark.parametrize("wrong", [None, 5, ["red"], b"months"])
def test_words_in_the_place_of_a_file_of_words_are_told_where_they_belong(wrong):
    with pytest.raises(TypeError, match=r"loaded by its name or its file, but a \w+ was given; .* Concept\('name'"):
        hp.load_concept(wrong)


def test_one_word_is_one_word():
    assert hp.Concept("mine", "red").words == ("red",)


@pytest.mark.parametrize(
    "heads",
    ["L1H2", "l1h2", hp.Head(1, 2), ["L1H2"], [hp.Head(1, 2)], iter(["L1H2"]), np.array(["L1H2"])],
    ids=name_of,
)
def test_heads_are_taken_by_name_and_one_alone(model, captured, heads):
    found = heads_of(heads)
    assert found == (hp.Head(1, 2),)
    assert [e.head for e in hp.explain(model, captured, heads=found[0])] == [hp.Head(1, 2)]
    assert hp.Edit.uniform("L1H2", -1) == hp.Edit({"L1H2": -1})


@pytest.mark.parametrize(
    ("heads", "error", "reason"),
    [
        ([5], TypeError, r"head 1 is of type int \(5\); give a head like 'L24H3' or \(24, 3\), or a list"),
        (5, TypeError, "the heads are of type int"),
        ([["L1H2"]], TypeError, "head 1 is of type list"),
        ({"L1H2": -1}, TypeError, "the heads are of type dict"),
        ([], ValueError, "there are no heads; give a head like"),
        ("H2", ValueError, "'H2' is not a head; write the layer and the head"),
        ("L1H9", ValueError, "L1H9"),
    ],
)
def test_what_is_no_head_is_named(model, captured, heads, error, reason):
    with pytest.raises(error, match=reason):
        hp.explain(model, captured, heads=heads)


EDITED = {
    "Edit": lambda model, given: hp.Edit(given),
    "rescale": lambda model, given: hp.rescale(model, given).__enter__(),
    "effects": lambda model, given: hp.effects(model, given, "the red"),
    "export": lambda model, given: hp.export(model, given, "never"),
}


@pytest.mark.parametrize("function", EDITED)
@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        (None, TypeError, r'an edit maps heads to scales, like {"L24H3": -1}, but a NoneType was given'),
        (["L1H2"], TypeError, "but a (list|str) was given"),
        ("L1H2", TypeError, "but a str was given"),
        (hp.SavedEdit(hp.Edit({"L1H2": 0})), TypeError, "but a SavedEdit was given; .* of a saved edit its edit"),
        ({5: -1}, TypeError, "5 is no head; give a Head, a name"),
        ({"L1H2": "-1"}, TypeError, "the scale of L1H2 is '-1'; it must be a number"),
        ({"L1H2": None}, TypeError, "the scale of L1H2 is None; it must be a number"),
        ({"L1H2": True}, TypeError, "the scale of L1H2 is True; it must be a number"),
        ({"L1H2": float("nan")}, ValueError, "the scale of L1H2 is nan; it must be a finite number"),
        ({"L1H2": -1, "l1h2": 0}, ValueError, "L1H2 is named twice; give each head one scale"),
        ({"H2": -1}, ValueError, "'H2' is not a head"),
    ],
)
def test_what_is_no_edit_is_named(model, function, given, error, reason):
    with pytest.raises(error, match=reason):
        EDITED[function](model, given)


def test_scales_of_numpy_are_numbers():
    assert hp.Edit({"L1H2": np.float32(0.5), "L1H3": np.int64(-1)}) == hp.Edit({"L1H2": 0.5, "L1H3": -1})


def test_one_capture_is_a_list_of_one(captured):
    assert merge(captured).n_prompts == 4
    assert merge(iter([captured, captured])).n_prompts == 8
    for given, error, reason in (
        ([], ValueError, "there are no captures; give"),
        ("cap/", TypeError, "the captures are of type str"),
        ([captured, "cap/"], TypeError, "capture 2 is of type str"),
    ):
        with pytest.raises(error, match=reason):
            merge(given)


@pytest.mark.parametrize("given", [None, "cap/", Path("cap")], ids=name_of)
@pytest.mark.parametrize("function", [hp.explain, lambda model, capture: hp.rank(model, capture, WORDS)])
def test_what_is_no_capture_is_named(model, function, given):
    with pytest.raises(TypeError, match=rf"the capture is of type {type(given).__name__}; give what hp.capture"):
        function(model, given)


@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        (None, TypeError, "a model is loaded by its name, but a NoneType was given; give 'smollm2-135m', a hub id"),
        (5, TypeError, "but a int was given"),
        ("", ValueError, "the model's name is ''; give"),
        (" ", ValueError, "the model's name is ' '; give"),
    ],
)
def test_what_is_no_models_name_is_named(monkeypatch, tmp_path, name, error, reason):
    broken.whole(tmp_path)
    monkeypatch.chdir(tmp_path)  # the folder that an empty name would lead to
    with pytest.raises(error, match=reason):
        hp.load(name)


def test_a_concepts_name_is_a_text():
    with pytest.raises(TypeError, match="the concept's name is 5; give a text, like 'countries'"):
        hp.Concept(5, WORDS)


def test_a_prompt_of_nothing_to_see_is_empty(model):
    with pytest.raises(ValueError, match="prompt 2 is empty"):
        hp.answer(model, ["the red", "\u200b\u00ad "])


def test_one_task_of_lm_eval_is_a_list_of_one():
    pytest.importorskip("lm_eval", reason="needs the extra lm-eval")
    with pytest.raises(ValueError, match="lm-eval knows no task 'nosuchtask'"):
        harness_tasks("nosuchtask")
    with pytest.raises(TypeError, match="task 1 is None; give at least one task of lm-eval"):
        harness_tasks([None])


CONFIGS = {
    "rankers": lambda tasks: RankersConfig(tasks, "m"),
    "lm-eval": lambda tasks: HarnessConfig("m", tasks, {"scales": {"L1H2": 0}}),
    "transfer": lambda tasks: TransferConfig("m", tasks),
}


@pytest.mark.parametrize("kind", ["rankers", "lm-eval"])
@pytest.mark.parametrize("tasks", ["months", ["months"], iter(["months"])], ids=["one", "list", "iterator"])
def test_one_task_is_a_list_of_one(kind, tasks):
    if not isinstance(tasks, str | list):
        tasks = iter(["months"])  # an iterator is spent by the first
    assert CONFIGS[kind](tasks).tasks == ("months",)


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize(
    ("tasks", "error", "reason"),
    [
        (None, TypeError, "the tasks are None; give a"),
        ([5], TypeError, r"task 1 is of type int \(5\); give a"),
        ({"months": 1}, TypeError, "the tasks are of type dict"),
        ([], ValueError, "there are no tasks; give a"),
    ],
)
def test_what_is_no_task_is_named(kind, tasks, error, reason):
    with pytest.raises(error, match=reason):
        CONFIGS[kind](tasks)


@pytest.mark.parametrize("wrong", [["one", "two"], None, 5])
def test_prompts_in_the_place_of_a_file_are_told_that_they_need_no_reading(wrong):
    with pytest.raises(TypeError, match=r"read from a file, but a \w+ was given; .* take them as they are"):
        read_prompts(wrong)


def test_long_and_many_lined_values_are_named_in_one_short_line():
    with pytest.raises(TypeError, match="word 1 is of type list") as refusal:
        listed([["line\n" * 1000]], "word", str, "words")
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 120
