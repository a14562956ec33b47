"""The real embedded model, in short; test_smollm2.py goes the whole road with it (`make real`)."""

import headpursuit as hp


def test_it_answers_like_a_language_model_and_its_heads_are_certified():
    model = hp.load("smollm2-135m", device="cpu")
    assert "France" in hp.answer(model, ["The Eiffel Tower is located in the country of"], max_new_tokens=4)[0]
    assert model.anatomy.summary() == "270 heads: layers 0-29 with 9 heads of width 64"
    assert model.certificate.identity
    assert model.certificate.isolation
    assert max(model.certificate.conservation, model.certificate.silence) < 1e-5
