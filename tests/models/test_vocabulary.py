import pytest
import tiny
import torch

from headpursuit.concepts import Concept
from headpursuit.models import AnatomyError, collisions, first_tokens, token_text, tokens_of, unembedding
from headpursuit.models.vocabulary import final_gain

COLOURS = Concept("colours", ("red", "blue"))


def model(*words, family="llama"):
    return tiny.language_model(family, words)


def texts(model, ids):
    return {token_text(model, i) for i in ids}


def spelling(found, text):
    return next(s for s in found.spellings if s.text == text)


def test_every_spelling_that_is_one_token_counts_with_and_without_space_in_any_case():
    coloured = model(" red", "red", "Red", " RED")
    found = tokens_of(coloured, COLOURS)
    assert texts(coloured, found.token_ids) == {"red", " red", "Red", " RED"}
    assert list(found.token_ids) == sorted(found.token_ids)


def test_a_capitalised_word_counts_in_lower_case_too():
    coloured = model("May", "may", "MAY")
    assert texts(coloured, tokens_of(coloured, Concept("months", ("May",))).token_ids) == {"May", "may", "MAY"}


def test_a_dropped_spelling_says_into_which_pieces_it_falls():
    found = tokens_of(model("red"), COLOURS)
    assert spelling(found, "red").dropped == ""
    assert spelling(found, "RED").dropped == "takes 3 tokens: R|E|D"
    assert spelling(found, "RED").pieces == ("R", "E", "D")


def test_a_word_without_any_spelling_left_is_dropped():
    assert tokens_of(model("red"), COLOURS).dropped_words == ("blue",)
    assert tokens_of(model("red", " blue"), COLOURS).dropped_words == ()


def test_a_lone_space_piece_before_the_word_is_not_the_word():
    found = tokens_of(model("red"), COLOURS, "first")
    assert spelling(found, " red").pieces == ("red",)
    assert spelling(found, " blue").pieces == ("b", "l", "u", "e")


def test_the_first_token_stands_for_the_word_if_asked_for():
    coloured = model("red", "bl")
    found = tokens_of(coloured, COLOURS, "first")
    assert texts(coloured, found.token_ids) == {"red", "R", "bl", "B"}
    assert found.dropped_words == ()


def test_an_unknown_policy_is_refused(as_users_run_it):
    with pytest.raises(ValueError, match="unknown multi-token policy 'mean'; choose drop or first"):
        tokens_of(model("red"), COLOURS, "mean")


def test_a_concept_without_tokens_is_refused():
    with pytest.raises(ValueError, match="concept 'colours' has no token in this vocabulary: each of its 2 words"):
        tokens_of(model("green"), COLOURS)


def test_special_tokens_never_stand_for_a_word():
    found = tokens_of(tiny.word_model(), Concept("mixed", ("w5", "<pad>", "nonsense")))
    assert found.token_ids == (5,)
    assert found.dropped_words == ("<pad>", "nonsense")
    assert spelling(found, "nonsense").dropped == "unknown to the tokenizer"


def test_a_token_beyond_the_unembedding_is_dropped():
    found = tokens_of(tiny.word_model(n_words=310), Concept("words", ("w299", "w300")))
    assert found.token_ids == (299,)
    assert spelling(found, "w300").dropped == "has no row in the unembedding"


def test_collisions_name_the_shared_tokens():
    coloured = model(" red", "red", "pink")
    others = [Concept("wines", ("red", "white")), Concept("pastels", ("pink",))]
    assert collisions(coloured, tokens_of(coloured, COLOURS), others) == {"wines": (" red", "red")}


def test_collisions_follow_the_policy():
    coloured = model("red", "pink")
    found = tokens_of(coloured, COLOURS, "first")
    others = [Concept("shapes", ("box",))]
    assert collisions(coloured, found, others) == {}
    assert collisions(coloured, found, others, "first") == {"shapes": ("B", "b")}


def test_rows_beyond_the_tokenizers_vocabulary_are_left_out():
    coloured = model("red")
    n_tokens = len(coloured.tokenizer)
    assert n_tokens < 300
    assert torch.equal(unembedding(coloured).vectors, coloured.network.lm_head.weight[:n_tokens])


@pytest.mark.parametrize(
    ("family", "gain"),
    [
        ("llama", lambda n: n.model.norm.weight),
        ("gemma", lambda n: 1 + n.model.norm.weight),
        ("gpt2", lambda n: n.transformer.ln_f.weight),
        ("opt", lambda n: n.model.decoder.final_layer_norm.weight),
        ("gpt_neox", lambda n: n.gpt_neox.final_layer_norm.weight),
    ],
)
def test_the_final_norms_gain_is_the_one_in_its_weights(family, gain):
    network = model(family=family)
    torch.testing.assert_close(final_gain(network), gain(network.network).detach(), atol=1e-4, rtol=1e-4)


def test_the_gain_multiplies_every_direction():
    coloured = model("red")
    plain, gained = unembedding(coloured), unembedding(coloured, gain=True)
    torch.testing.assert_close(gained.vectors, plain.vectors * coloured.network.model.norm.weight, atol=1e-5, rtol=1e-4)


def test_measuring_the_gain_leaves_no_hooks():
    coloured = model()
    final_gain(coloured)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in coloured.network.modules())


def test_a_model_without_final_norm_has_no_gain():
    coloured = model()
    coloured.network.model.norm = torch.nn.Identity()
    with pytest.raises(AnatomyError, match="the unembedding does not read the output of the final norm"):
        final_gain(coloured)


def test_a_model_without_unembedding_is_refused(monkeypatch):
    coloured = model("red")
    monkeypatch.setattr(coloured.network, "get_output_embeddings", lambda: None)
    with pytest.raises(AnatomyError, match="LlamaForCausalLM has no single unembedding matrix"):
        unembedding(coloured)


def test_the_hash_belongs_to_the_rows_alone():
    coloured = model("red")
    before = unembedding(coloured).sha256
    assert unembedding(coloured, gain=True).sha256 == before
    coloured.network.model.norm.weight.data += 1
    coloured.network.lm_head.weight.data[-1] += 1  # a row that stands for no token
    assert unembedding(coloured).sha256 == before
    coloured.network.lm_head.weight.data[5, 3] += 1e-3
    assert unembedding(coloured).sha256 != before


def test_half_precision_has_a_hash_of_its_own():
    coloured = model("red")
    before = unembedding(coloured).sha256
    coloured.network.to(torch.bfloat16)
    assert unembedding(coloured).sha256 not in ("", before)


def test_first_tokens_are_those_an_answer_begins_with():
    model = tiny.language_model("llama", (" red", "red", " redder"))
    one, other = (model.tokenizer.convert_tokens_to_ids(token) for token in ("Ġred", "red"))
    assert first_tokens(model, ("red", "red hot"), spaced=True) == (one,)
    assert first_tokens(model, ("red",), spaced=False) == (other,)
    assert first_tokens(model, (), spaced=True) == ()
