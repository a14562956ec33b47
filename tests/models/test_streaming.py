import pytest
import tiny

from headpursuit.heads import Edit, Head
from headpursuit.models import answer, rescale, stream_answer

PROMPT = tiny.text_of(range(5, 11))
EDIT = Edit.uniform([Head(1, i) for i in range(4)], -8)


@pytest.fixture(scope="module")
def model():
    return tiny.word_model()


def told(model, prompt, n_new):
    parts = []
    return stream_answer(model, prompt, parts.append, max_new_tokens=n_new), parts


def test_it_ends_as_answer_does_and_grows_until_then(model):
    text, parts = told(model, PROMPT, 6)
    assert text == answer(model, [PROMPT], max_new_tokens=6)[0]
    assert parts[-1] == text
    assert [len(part.split()) for part in parts] == [1, 2, 3, 4, 5, 6]
    assert all(text.startswith(part) for part in parts)


def test_it_answers_under_an_edit(model):
    with rescale(model, EDIT):
        expected = answer(model, [PROMPT], max_new_tokens=6)[0]
        assert told(model, PROMPT, 6)[0] == expected
    assert expected != told(model, PROMPT, 6)[0]


def test_it_ends_with_the_answer(model):
    base = told(model, PROMPT, 6)[0].split()
    end = model.tokenizer.convert_tokens_to_ids(base[2])
    model.network.generation_config.eos_token_id = end
    try:
        first = base.index(base[2])
        assert told(model, PROMPT, 6)[0].split() == base[:first]
    finally:
        model.network.generation_config.eos_token_id = None


def test_an_error_of_the_listener_ends_it_and_leaves_the_model_whole(model):
    before, config = told(model, PROMPT, 6), model.network.generation_config

    def refuse(_):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"), rescale(model, EDIT):
        stream_answer(model, PROMPT, refuse, max_new_tokens=6)
    assert model.network.generation_config is config
    assert told(model, PROMPT, 6) == before
