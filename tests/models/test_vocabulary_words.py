import tiny

from headpursuit.models import LanguageModel, WordKind, vocabulary_words

SPACED, BARE = WordKind(True, "lower"), WordKind(False, "lower")


def words_of(*words):
    return vocabulary_words(tiny.language_model("llama", words))


def named(found, word):
    return next((w for w in found.words if w.word == word), None)


def test_a_word_has_its_tokens_by_how_they_are_written():
    found = words_of(" red", "red", " Red", " RED")
    word = named(found, "red")
    assert set(word.token_ids) == {SPACED, BARE, WordKind(True, "capitalised"), WordKind(True, "capitals")}
    assert {kind: found.texts[i] for kind, i in word.token_ids.items()} == {
        SPACED: " red",
        BARE: "red",
        WordKind(True, "capitalised"): " Red",
        WordKind(True, "capitals"): " RED",
    }
    assert all(found.kind(i) == kind for kind, i in word.token_ids.items())


def test_pieces_that_only_go_on_with_a_word_are_no_words():
    found = words_of(" red", "ness")
    assert named(found, "red")
    assert named(found, "ness") is None


def test_single_characters_marks_and_special_tokens_are_no_words():
    found = words_of(" a", " --", " re")
    assert [w.word for w in found.words] == ["re"]


def test_a_vocabulary_that_marks_nothing_is_all_words():
    found = vocabulary_words(tiny.word_model())
    assert len(found.words) == 298
    assert named(found, "w20").token_ids == {BARE: 20}


def test_words_and_their_other_spellings_can_be_left_out():
    found = words_of(" red", " green", " Green")
    green = next(i for i, text in enumerate(found.texts) if text == " green")
    left = {w.word for w in found.without(["RED"], [green])}
    assert not left & {"red", "green"}
    assert {w.word for w in found.words} - left == {"red", "green"}


def test_words_behind_the_unembedding_are_left_out():
    network = tiny.network("llama")
    model = LanguageModel(network, tiny.word_tokenizer(350), "wide")
    assert max(i for w in vocabulary_words(model).words for i in w.token_ids.values()) == 299
