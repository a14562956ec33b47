"""Whatever takes a model takes a transformers model with its tokenizer, and does the same."""

import pytest
import tiny
import tiny_study
import tiny_vision
import torch

import headpursuit as hp
from headpursuit.models import certified

PROMPTS = [tiny.text_of([5 + i, 40 + i]) for i in range(4)]
EDIT = {(1, 2): -1}


@pytest.fixture(scope="module")
def network():
    return tiny.network("llama")


@pytest.fixture(scope="module")
def capture():
    return hp.capture(hp.LanguageModel(tiny.network("llama"), tiny.word_tokenizer()), PROMPTS)


DOES = {
    "capture": lambda capture, folder, *model, **how: hp.capture(*model, PROMPTS, **how).moments["L1"].second.tolist(),
    "rank": lambda capture, folder, *model, **how: hp.rank(*model, capture, ["w20", "w61"], **how),
    "explain": lambda capture, folder, *model, **how: hp.explain(*model, capture, n_atoms=2, **how),
    "effects": lambda capture, folder, *model, **how: hp.effects(*model, EDIT, PROMPTS, **how),
    "answer": lambda capture, folder, *model, **how: hp.answer(*model, PROMPTS, max_new_tokens=3, **how),
    "build_atlas": lambda capture, folder, *model, **how: (
        hp.build_atlas(*model, capture, hp.AtlasConfig(n_tokens=2), {"c": ["w20", "w61"]}, **how).explanations
    ),
    "export": lambda capture, folder, *model, **how: hp.export(*model, EDIT, folder / "out", prompts=PROMPTS, **how),
}


@pytest.mark.parametrize("name", DOES)
def test_a_plain_model_does_what_a_loaded_one_does(name, network, capture, tmp_path):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    ours = DOES[name](capture, tmp_path / "one", hp.LanguageModel(network, tiny.word_tokenizer()))
    assert DOES[name](capture, tmp_path / "other", network, tokenizer=tiny.word_tokenizer()) == ours


@pytest.mark.parametrize("name", DOES)
@pytest.mark.parametrize(
    ("model", "how", "reason"),
    [
        (lambda network: network, {}, "a transformers model needs its tokenizer, but none was given"),
        (lambda network: network, {"tokenizer": "gpt2"}, "needs its tokenizer, but str was given; give tokenizer="),
        (lambda network: "gpt2", {}, "the model is of type str; give what headpursuit.load returns, or a transformers"),
        (
            lambda network: hp.LanguageModel(network, tiny.word_tokenizer()),
            {"tokenizer": tiny.word_tokenizer()},
            "the model has a tokenizer already; leave the tokenizer out",
        ),
    ],
    ids=["none", "name", "text", "twice"],
)
def test_what_is_no_model_with_one_tokenizer_is_refused(
    name, model, how, reason, network, capture, tmp_path, as_users_run_it
):
    with pytest.raises(TypeError, match=reason):
        DOES[name](capture, tmp_path, model(network), **how)


def test_what_was_exported_is_verified_with_a_plain_model(network, tmp_path):
    hp.export(network, EDIT, tmp_path / "out", prompts=PROMPTS, tokenizer=tiny.word_tokenizer())
    assert hp.verify_export(tmp_path / "out", network, tokenizer=tiny.word_tokenizer()).passed


def test_a_study_of_a_plain_model(tmp_path):
    tiny_study.declare_task(tmp_path)
    with (tmp_path / "tiny-qa.yaml").open("a") as file:
        file.write("neutral: [w11 w12 w13 w14]\n")
    config = tiny_study.tiny_config(tmp_path, controls=1)
    made = tiny.word_model()
    plain = hp.study(made.network, config, tmp_path / "plain", tokenizer=made.tokenizer)
    assert plain.arms == hp.study(made, config, tmp_path / "loaded").arms


def test_heads_are_certified_once_for_all_of_it(network, monkeypatch):
    hp.answer(network, PROMPTS, tokenizer=tiny.word_tokenizer())
    fresh = tiny.network("llama", seed=3)
    measured = []
    measure = certified._measure
    monkeypatch.setattr(certified, "_measure", lambda *given: measured.append(1) or measure(*given))
    capture = hp.capture(fresh, PROMPTS, tokenizer=tiny.word_tokenizer())
    hp.rank(fresh, capture, ["w20", "w61"], tokenizer=tiny.word_tokenizer())
    with hp.rescale(fresh, EDIT):
        hp.answer(fresh, PROMPTS, tokenizer=tiny.word_tokenizer())
    assert measured == [1]


def test_a_compiled_model_is_taken_as_the_plain_one_inside(network, capture):
    compiled = torch.compile(network)
    ours = hp.rank(compiled, capture, ["w20", "w61"], tokenizer=tiny.word_tokenizer())
    assert ours == hp.rank(network, capture, ["w20", "w61"], tokenizer=tiny.word_tokenizer())


def test_what_is_no_model_is_not_rescaled(as_users_run_it):
    with pytest.raises(TypeError, match="the model is of type str"), hp.rescale("gpt2", EDIT):
        pass


def test_a_plain_model_that_sees_comes_with_its_processor():
    loaded = tiny_vision.vision_model("llava")
    prompts = tiny_vision.two_prompts(loaded)
    ours = hp.answer(loaded.network, prompts, max_new_tokens=3, tokenizer=loaded.processor)
    assert ours == hp.answer(loaded, prompts, max_new_tokens=3)
