"""A conversation without a terminal: what the model reads, under which edit it answers, and what is kept."""

import pytest
import tiny
from chatty import NO_SYSTEM
from worded import worded

from headpursuit.chatting import Talk
from headpursuit.conversations import Conversation, Message
from headpursuit.heads import Edit, Head
from headpursuit.models import rescale, stream_answer
from headpursuit.settings import Chat

EDIT = Edit.uniform([Head(1, i) for i in range(4)], -8)
N_NEW = 6
PLAIN = Chat()


@pytest.fixture
def model():
    return worded()


@pytest.fixture
def heard(model):
    """What the model reads before each answer, in its template."""
    texts = []

    def listen(_network, _args, given):
        if given["input_ids"].shape[1] > 1:
            texts.append(model.tokenizer.decode(given["input_ids"][0]))

    model.network.register_forward_pre_hook(listen, with_kwargs=True)
    return texts


def talk_of(model, edit=EDIT, chat=PLAIN):
    return Talk(model, edit, chat=chat, max_new_tokens=N_NEW)


def answered(model, edit, *said, chat=PLAIN):
    """What the model says to messages that are given whole, the user's and the assistant's in turns."""
    roles = ("user", "assistant") * len(said)
    prompt = Conversation(tuple(map(Message, roles, said)))
    with rescale(model, edit):
        return stream_answer(model, prompt, lambda _: None, max_new_tokens=N_NEW, chat=chat)


def first_id(model, text):
    return model.tokenizer.encode(text, add_special_tokens=False)[0]


def quiet(_):
    pass


def test_every_answer_is_given_to_the_whole_conversation_under_the_edit(model, heard):
    talk = talk_of(model)
    first = talk.ask("w20 w21", quiet)
    second = talk.ask("w22", quiet)
    assert heard == ["w10 w20 w21 w13 w11", f"w10 w20 w21 w13 w11 {first} w13 w10 w22 w13 w11"]
    assert first == answered(model, EDIT, "w20 w21") != answered(model, {}, "w20 w21")
    assert second == answered(model, EDIT, "w20 w21", first, "w22")


def test_pieces_follow_one_another(model):
    pieces = []
    assert talk_of(model).ask("w20 w21", pieces.append) == "".join(pieces)
    assert len(pieces) > 1


def test_the_edit_is_switched_and_rescaled_in_mid_conversation(model):
    talk = talk_of(model)
    first = talk.ask("w20 w21", quiet)
    talk.switch(False)
    assert talk.ask("w23 w24", quiet) == answered(model, {}, "w20 w21", first, "w23 w24")
    talk.reset()
    talk.scale(3)
    assert talk.edit == Edit.uniform(tuple(EDIT), 3)
    assert talk.ask("w20 w21", quiet) == answered(model, talk.edit, "w20 w21")
    talk.put(Edit({"L2H0": 5}))
    talk.reset()
    assert talk.ask("w20 w21", quiet) == answered(model, {"L2H0": 5}, "w20 w21")


def test_comparing_answers_the_other_way_and_leaves_the_conversation_as_it_was(model):
    talk = talk_of(model)
    first = talk.ask("w20 w21", quiet)
    assert talk.compare(quiet) == answered(model, {}, "w20 w21")
    assert talk.ask("w23 w24", quiet) == answered(model, EDIT, "w20 w21", first, "w23 w24")
    talk.switch(False)
    assert talk.compare(quiet) == answered(model, EDIT, "w20 w21", first, "w23 w24")
    assert talk.n_said == 4


def test_what_was_told_before_an_interruption_is_the_answer(model, heard):
    talk, told = talk_of(model), []

    def interrupting(piece):
        told.append(piece)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        talk.ask("w20 w21", interrupting)
    talk.ask("w23 w24", quiet)
    assert heard[-1] == f"w10 w20 w21 w13 w11 {''.join(told)} w13 w10 w23 w24 w13 w11"


def test_a_message_without_an_answer_is_not_kept(model):
    talk = talk_of(model)
    model.network.generation_config.eos_token_id = first_id(model, answered(model, EDIT, "w20 w21"))
    assert talk.ask("w20 w21", quiet) == ""
    assert talk.n_said == 0
    assert talk.compare(quiet) == answered(model, {}, "w20 w21")


def test_a_system_prompt_is_taken_in_mid_conversation_and_left_again(model, heard):
    talk = talk_of(model)
    first = talk.ask("w20 w21", quiet)
    talk.system("w30 w31")
    talk.ask("w23 w24", quiet)
    assert heard[-1] == f"w12 w30 w31 w13 w10 w20 w21 w13 w11 {first} w13 w10 w23 w24 w13 w11"
    talk.system("")
    talk.reset()
    assert talk.ask("w20 w21", quiet) == first
    assert heard[-1] == heard[0]


def test_without_a_template_every_message_is_a_prompt_of_its_own():
    model = tiny.word_model()
    talk = talk_of(model, chat=None)
    talk.ask("w5 w6", quiet)
    with rescale(model, EDIT):
        expected = stream_answer(model, "w7 w8", quiet, max_new_tokens=N_NEW)
    assert talk.ask("w7 w8", quiet) == expected
    assert talk.n_said == 0
    with pytest.raises(ValueError, match="no place for a system prompt"):
        talk.system("w30 w31")


def test_a_conversation_that_outgrows_the_context_says_so_and_stays_as_it_was(model):
    model.network.config.max_position_embeddings = 24
    talk = talk_of(model)
    first = talk.ask("w20 w21", quiet)
    with pytest.raises(ValueError, match="but the context holds 24; /reset forgets what was said before"):
        talk.ask(" ".join(["w25"] * 6), quiet)
    assert talk.n_said == 2
    assert talk.compare(quiet) == answered(model, {}, "w20 w21")
    talk.reset()
    assert talk.ask("w20 w21", quiet) == first
    talk.reset()
    with pytest.raises(ValueError, match="but the context holds 24$"):
        talk.ask(" ".join(["w25"] * 20), quiet)


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "a\0b"])
def test_messages_that_are_none_are_refused(model, text):
    talk = talk_of(model)
    with pytest.raises(ValueError, match="the message"):
        talk.ask(text, quiet)
    assert talk.n_said == 0


def test_what_the_template_or_the_model_lacks_is_refused_at_once():
    with pytest.raises(ValueError, match="System role not supported"):
        talk_of(worded(NO_SYSTEM), chat=Chat("w30 w31"))
    with pytest.raises(ValueError, match="has no chat template"):
        talk_of(tiny.language_model())
    talk = talk_of(worded(NO_SYSTEM))
    for wrong, text in ((lambda: talk.system("w30 w31"), "System role"), (lambda: talk.put(Edit({"L9H9": 0})), "L9H9")):
        with pytest.raises(ValueError, match=text):
            wrong()
    assert (talk.chat, talk.edit) == (Chat(), EDIT)


def test_without_an_edit_there_is_nothing_to_switch(model):
    talk = talk_of(model, None)
    assert talk.ask("w20 w21", quiet) == answered(model, {}, "w20 w21")
    for wrong in (lambda: talk.switch(True), lambda: talk.scale(2), lambda: talk.compare(quiet)):
        with pytest.raises(ValueError, match="there is no edit; give one with /edit"):
            wrong()
    with pytest.raises(ValueError, match="ask something first"):
        talk_of(model).compare(quiet)
