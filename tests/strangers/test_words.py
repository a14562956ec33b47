"""Words, tokens and vocabularies as strangers have them."""

import re

import pytest
import tiny
import torch
import transformers as hf
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from typer.testing import CliRunner

from headpursuit.analysis import RankConfig, capture, explain, rank
from headpursuit.analysis.nulls import null_dictionaries
from headpursuit.cli.app import app
from headpursuit.concepts import Concept, WordsChanged, load_concept, normalised
from headpursuit.models import (
    LanguageModel,
    first_tokens,
    spell,
    token_text,
    tokens_of,
    unembedding,
    unembedding_facts,
    vocabulary_words,
)
from headpursuit.models.tokens import token_ids

FAMILY = "👨\u200d👩\u200d👧"
ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("cafe\u0301", "café"),
        ("e\u200b\u0301te\u0301", "été"),
        ("zero\u200bwidth", "zerowidth"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\ufeffbom", "bom"),
        ("mid\ufeffdle", "middle"),
        ("\u200frtl\u200e", "rtl"),
        ("\u202bשלום\u202c", "שלום"),
        ("\u2066isolated\u2069", "isolated"),
        ("word\u2060joiner", "wordjoiner"),
        ("New\u00a0York", "New York"),
        ("New \u2009 York", "New York"),
        ("東京\u3000都", "東京 都"),
        ("tab\tbed", "tab bed"),
        ("co\u200dop", "coop"),
        ("caf\ufe0fe", "cafe"),
        ("bell\x07", "bell"),
        ("hangul\u3164filler", "hangulfiller"),
        ("tagged\U000e0068\U000e0069", "tagged"),
        ("\u2126", "Ω"),
        ("\u0958", "क\u093c"),
        ("नमस्ते\u200b", "नमस्ते"),
        ("か\u3099", "が"),
        ("\u1112\u1161\u11ab", "한"),
    ],
)
def test_a_word_is_normalised_and_said(given, word):
    with pytest.warns(WordsChanged, match="1 word was normalised"):
        concept = Concept("words", ("plain", given))
    assert concept.words == ("plain", word)
    (note,) = concept.notes
    left, right = note.split(": ")[1].split(" -> ")
    assert left != right, "one sees what changed"
    assert left.isprintable()


@pytest.mark.parametrize(
    "word",
    ["می\u200cخواهم", "क्\u200dष", FAMILY, "❤\ufe0f", "1\ufe0f\u20e3", ENGLAND, "葛\U000e0100", "naïve", "Å", "ﬁne"],
)
def test_what_changes_how_a_word_is_read_stays_without_a_word(word, recwarn):
    assert Concept("words", (word,)).words == (word,)
    assert not recwarn.list


@pytest.mark.parametrize("given", ["\u200b", "\u00ad\u00ad", "\ufeff", "\u200d", "\ufe0f", "\u200e\u200f", "\u3164"])
def test_a_word_of_nothing_but_invisible_characters_is_dropped_with_a_reason_one_can_read(given):
    with pytest.warns(WordsChanged):
        concept = Concept("words", ("red", given))
    assert concept.words == ("red",)
    assert re.fullmatch(
        r"1 word was dropped, having nothing but invisible characters: '(\\[xuU][0-9a-f]+)+'", concept.notes[0]
    )
    with pytest.raises(ValueError, match="the words of 'words' are nothing but invisible characters"):
        Concept("words", (given,))


@given(
    st.text(
        st.sampled_from("aé日क❤ 1\u0301\u093c\u200b\u200c\u200d\ufe0f\u20e3\xad\xa0\U0001f3f4\U000e0067\U000e007f"),
        max_size=8,
    )
)
@example("a\ufe0f\u0301\ufe0f")
def test_what_is_normalised_stays_as_it_is(word):
    once = normalised(word)
    assert normalised(once) == once
    assert not set(once) & set("\u200b\xad\xa0")


def test_words_that_become_one_are_said():
    with pytest.warns(WordsChanged, match=re.escape(r"'cafe\u0301' and 'café' and 'ca\u200bfé' are one word")):
        concept = Concept("words", ("cafe\u0301", "café", "ca\u200bfé", "tea"))
    assert concept.words == ("café", "tea")


def test_many_changed_words_are_counted_and_the_first_ones_named():
    with pytest.warns(WordsChanged, match=r"12 words were normalised: .* and 7 more$"):
        Concept("words", tuple(f"w{i}\u200b" for i in range(12)))


def test_a_list_saved_by_a_mac_an_editor_and_a_web_page(tmp_path):
    file = tmp_path / "cafes.txt"
    file.write_text("\u200b# description: drinks\ncafe\u0301\n\u200b\nNew\u00a0York\ncafé\n", encoding="utf-8")
    with pytest.warns(WordsChanged):
        concept = load_concept(file)
    assert concept.words == ("café", "New York")
    assert concept.description == "drinks"
    file.write_text("\u200b\n\ufeff\ufeff\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"cafes\.txt holds no words"):
        load_concept(file)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny"
    model = tiny.language_model("llama", (" red", " café", "red", "café", "日本", "bl"))
    model.network.save_pretrained(path)
    model.tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def words(tmp_path):
    file = tmp_path / "things.txt"
    file.write_text("cafe\u0301\nre\u00add\n\u200b\n😀\n日本\nblue\nblack\n", encoding="utf-8")
    return file


def test_the_audit_says_what_became_of_words(folder, words):
    found = run("concepts", "audit", words, "--model", folder)
    assert found.exit_code == 0, found.output
    assert r"2 words were normalised: 'cafe\u0301' -> 'café', 're\xadd' -> 'red'" in found.stdout
    assert r"1 word was dropped, having nothing but invisible characters: '\u200b'" in found.stdout
    assert "6 words, 5 tokens for 3 of them, 3 words dropped" in found.stdout
    assert "normalised" not in found.stderr


def test_every_command_that_reads_words_says_so_once(folder, words, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("the sky is\nthe grass was green\nthe long road to the sea\n")
    assert run("capture", folder, "--prompts", prompts, "-o", tmp_path / "cap", "--device", "cpu").exit_code == 0
    for command in (
        ("rank", tmp_path / "cap", "--concept", words),
        ("atlas", tmp_path / "cap", "-o", tmp_path / "atlas", "--concepts", words, "--no-builtin"),
    ):
        found = run(*command)
        assert found.exit_code == 0, found.output
        assert found.stderr.count(r"2 words were normalised: 'cafe\u0301' -> 'café', 're\xadd' -> 'red'") == 1


@pytest.mark.parametrize("word", ["😀", "👨", "日本", "über", FAMILY, "日"])
def test_a_fragment_of_a_character_stands_for_no_word(word):
    model = tiny.language_model("llama", ("red", "bl"))
    found = spell(model, Concept("words", ("blue", word)), "first")
    assert found.dropped_words == (word,)
    reasons = {s.dropped for s in found.spellings if s.word == word}
    assert all(
        re.fullmatch(r"begins with a part of a character, <0x..>, which begins many others too", r) for r in reasons
    )
    with pytest.raises(ValueError, match="has no token in this vocabulary: '.*': begins with a part of a character"):
        tokens_of(model, Concept("words", (word,)), "first")


def test_a_first_token_that_is_a_whole_character_stands_for_its_word():
    model = tiny.language_model("llama", ("日",))
    assert [token_text(model, i) for i in spell(model, Concept("words", ("日本",)), "first").token_ids] == ["日"]


def test_an_answer_may_begin_with_a_fragment_which_is_what_the_model_says_first():
    model = tiny.language_model("llama", ("red",))
    (first,) = first_tokens(model, ("日本",), spaced=False)
    assert token_text(model, first) == "<0xE6>"


def test_fragments_are_told_apart():
    model = tiny.language_model("llama", (" 日", "日"))
    texts = [token_text(model, i) for i in range(len(model.tokenizer))]
    assert len(set(texts)) == len(texts)
    assert {"<0xF0>", " <0xE6>", " <0xE6><0x97>", "日", " 日"} <= set(texts)
    assert not any("\ufffd" in text for text in texts)


def test_first_tokens_that_stand_for_several_words_are_said(folder, words):
    found = run("concepts", "audit", words, "--model", folder, "--multi-token", "first")
    assert "'B' stands for 2 words: blue, black" in found.stdout
    assert "first tokens of one letter, which begins very many other words: 'B'" in found.stdout
    assert "'bl' stands for 2 words" in found.stdout


def sentencepiece_like():
    """As Llama's and Mistral's: ▁ for spaces, bytes for what is not in the vocabulary, the first space dropped."""
    vocab = {"<unk>": 0, "▁": 1, "▁red": 2, "red": 3, "▁▁▁": 4}
    for piece in [*(f"<0x{i:02X}>" for i in range(256)), *"redabluA日", "re", "▁b", "▁bl", "▁blu", "▁blue"]:
        vocab.setdefault(piece, len(vocab))
    merges = [("r", "e"), ("re", "d"), ("▁", "red"), ("▁", "b"), ("▁b", "l"), ("▁bl", "u"), ("▁blu", "e")]
    pieces = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    unspaced = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    pieces.decoder = decoders.Sequence(unspaced)
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=pieces, unk_token="<unk>", pad_token="<unk>")
    return LanguageModel(tiny.network("llama"), tokenizer, "sentencepiece")


def test_a_word_with_its_space_and_without_look_different():
    model = sentencepiece_like()
    ids = model.tokenizer.get_vocab()
    assert [token_text(model, ids[piece]) for piece in ("▁red", "red", "▁", "▁▁▁")] == [" red", "red", " ", "   "]
    assert [token_text(model, ids[piece]) for piece in ("<0x41>", "A", "<0xF0>")] == ["<0x41>", "A", "<0xF0>"]
    texts = [token_text(model, i) for i in range(len(ids))]
    assert len(set(texts)) == len(texts)
    assert vocabulary_words(model).texts == tuple(texts[:300])


def test_tokens_look_different_in_all_results():
    model = sentencepiece_like()
    captured = capture(model, ["red blue", "blue red red", "a red", "bad blue"])
    ranking = rank(model, captured, Concept("hues", ("red", "blue")), RankConfig(n_draws=2))
    assert ranking.tokens == (" red", " blue")
    shown = {
        token: i for found in explain(model, captured) for token, i in zip(found.tokens, found.token_ids, strict=True)
    }
    assert len(shown) == len({i for found in explain(model, captured) for i in found.token_ids})


def test_an_emoji_in_bytes_behind_a_lone_space_stands_for_nothing():
    model = sentencepiece_like()
    found = spell(model, Concept("words", ("😀", "日本")), "first")
    assert found.dropped_words == ("😀",)
    assert found.spellings[0].dropped == "begins with a part of a character, <0xF0>, which begins many others too"
    assert [token_text(model, i) for i in found.token_ids] == ["日"]


def with_holes():
    """Four words, whose ids go up to 250; one token that was added later sits in the hole."""
    vocab = {"<pad>": 0, "<unk>": 1, "w2": 2, "red": 100, "blue": 250}
    vocab |= {f"w{i}": i for i in range(30, 50)}
    words = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unk>")
    tokenizer.add_tokens(["sky"])
    return LanguageModel(tiny.network("llama"), tokenizer, "holes")


def test_a_word_above_the_number_of_tokens_is_not_lost():
    model = with_holes()
    assert len(model.tokenizer) == 26
    assert token_ids(model)[-1] == 250
    found = tokens_of(model, Concept("hues", ("red", "blue", "sky")))
    assert set(found.token_ids) == {100, 250, model.tokenizer.convert_tokens_to_ids("sky")}
    assert found.dropped_words == ()


def test_rows_of_holes_are_nobodys_direction():
    model = with_holes()
    weights, found = model.network.lm_head.weight, unembedding(model)
    assert len(found.vectors) == 251
    holes = sorted(set(range(251)) - set(token_ids(model)))
    assert len(holes) == 225
    assert not found.vectors[holes].any()
    assert torch.equal(found.vectors[list(token_ids(model))], weights[list(token_ids(model))])
    assert weights[holes].all(), "the model itself is as it was"
    assert unembedding_facts(model).dropped_rows == 300 - 26
    assert token_text(model, 240) == "<no token 240>"


def test_no_head_is_explained_by_a_hole_nor_compared_with_one():
    model = with_holes()
    captured = capture(model, ["w40 w41 red", "w30 blue", "w35 w36 w37 red blue", "sky w31"])
    named = {i for found in explain(model, captured) for i in found.token_ids}
    assert named <= set(token_ids(model))
    draws = null_dictionaries(model, unembedding(model).vectors, torch.tensor([100, 250]), "any", 50, 0)
    assert set(draws.flatten().tolist()) <= set(token_ids(model)) - {0, 1, 100, 250}
    ranking = rank(model, captured, Concept("hues", ("red", "blue")), RankConfig(n_draws=3, null="matched"))
    assert ranking.tokens == ("red", "blue")


def test_an_undefined_row_of_the_unembedding_is_refused_by_its_token():
    model = tiny.language_model("llama", (" red",))
    model.network.lm_head.weight.data[model.tokenizer.convert_tokens_to_ids("Ġred"), 3] = torch.nan
    with pytest.raises(ValueError, match=r"row \d+ of the unembedding \(token ' red'\) is infinite or undefined"):
        capture(model, ["the sky", "a red"])


@pytest.mark.parametrize("more", [(), ("--rule", "l1"), ("--rule", "forward")])
def test_prompts_that_are_all_the_same_leave_nothing_to_explain(folder, words, tmp_path, more):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("the sky is red\n" * 12)
    assert run("capture", folder, "--prompts", prompts, "-o", tmp_path / "cap", "--device", "cpu", "--batch-size", 5)
    for command in (("rank", tmp_path / "cap", "--concept", words), ("explain", tmp_path / "cap")):
        found = run(*command, *more)
        assert found.exit_code == 2
        assert found.stderr.splitlines()[-1] == (
            "headpursuit: all 12 captured positions are the same; centred, there is nothing left to explain: capture "
            "different prompts, or do not centre (--no-centre)"
        )
        uncentred = run(*command, "--no-centre", *more)
        assert uncentred.exit_code == 0, uncentred.output


def test_an_undefined_head_is_named():
    model = tiny.language_model("llama", ("red", "blue"))
    captured = capture(model, ["the sky", "a red", "blue"])
    captured.moments["L1"].second[2, 0, 0] = torch.inf
    with pytest.raises(ValueError, match="L1H2 has infinite or undefined values in this capture"):
        rank(model, captured, Concept("hues", ("red", "blue")))
