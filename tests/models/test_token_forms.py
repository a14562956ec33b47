import pytest
import tiny

from headpursuit.models import token_forms

WORDS = (" paris", " rome", " Paris", "Paris", "paris", " PARIS", " 42", "rome")


@pytest.fixture(scope="module")
def forms():
    model = tiny.language_model(words=WORDS)
    found = token_forms(model)
    return {word: int(found[model.tokenizer.encode(word)[0]]) for word in WORDS}


def test_tokens_of_one_form_are_written_alike(forms):
    assert forms[" paris"] == forms[" rome"]
    assert forms["paris"] == forms["rome"]


def test_space_case_and_letters_make_a_form(forms):
    assert len({forms[word] for word in (" paris", " Paris", "Paris", "paris", " PARIS", " 42")}) == 6
