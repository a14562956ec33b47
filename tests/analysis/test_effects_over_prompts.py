import pytest
import tiny
import torch

from headpursuit import Concept, Edit, Head
from headpursuit.analysis import effects
from headpursuit.models import AnatomyError, rescale

PROMPTS = [tiny.text_of(ids) for ids in ([5, 9, 20, 33], [7, 8], [40, 41, 42, 43, 44, 45, 46])]
IDS = [[int(word[1:]) for word in prompt.split()] for prompt in PROMPTS]
CONCEPT = Concept("some", ("w50", "w51", "w52"))
EDIT = Edit({Head(1, 2): -2.0, Head(2, 1): 4.0})


def mass(network):
    """Probability of the concept after each prompt, by plain forward passes."""
    rows = [network(torch.tensor([ids])).logits[0, -1].softmax(-1) for ids in IDS]
    return torch.stack([row[[50, 51, 52]].sum() for row in rows]).mean().item()


def test_mass_is_that_of_plain_and_rescaled_forward_passes():
    model = tiny.word_model()
    found = effects(model, EDIT, PROMPTS, CONCEPT)
    base = mass(model.network)
    assert found.base_mass == pytest.approx(base, abs=1e-6)
    for effect, edit in zip(found.effects, [EDIT, *(Edit({h: s}) for h, s in EDIT.items())], strict=True):
        with rescale(model, edit):
            assert effect.mass == pytest.approx(mass(model.network) - base, abs=1e-6)
    assert [effect.heads for effect in found.effects] == ["together", "L1H2", "L2H1"]


def test_direct_and_indirect_add_up_to_the_whole():
    for effect in effects(tiny.word_model(), EDIT, PROMPTS, CONCEPT).effects:
        assert effect.direct + effect.indirect == pytest.approx(effect.mass)
        assert effect.direct != 0
        assert effect.kl > 0


def test_all_is_direct_where_nothing_comes_after():
    """The last layer's MLP of this family does not see its heads."""
    (effect,) = effects(tiny.word_model("gpt_neox"), Edit({Head(2, 1): -3.0}), PROMPTS, CONCEPT).effects
    assert effect.direct_share == pytest.approx(1, abs=1e-4)
    assert effect.indirect == pytest.approx(0, abs=1e-6)


def test_less_is_direct_in_early_layers():
    model = tiny.word_model()
    early, late = (effects(model, Edit({Head(layer, 1): -3.0}), PROMPTS).effects[0] for layer in (0, 2))
    assert early.direct_share < late.direct_share
    assert early.mass is None
    assert early.indirect is None


def test_flags_that_make_it_approximate_are_named():
    assert effects(tiny.word_model(), EDIT, PROMPTS).approximate == ()
    assert effects(tiny.word_model("doge"), EDIT, PROMPTS).approximate == ("scaled_stream",)


def test_where_nothing_reaches_a_final_norm_there_is_no_direct_part():
    with pytest.raises(AnatomyError, match="no direct part to measure.*post_ln"):
        effects(tiny.word_model("bert"), EDIT, PROMPTS)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (Edit({}), "the edit changes nothing"),
        (Edit({Head(1, 1): 1}), "the edit changes nothing"),
        (Edit({Head(1, 1): 0}, "generated"), "acts on generated tokens only"),
        (Edit({Head(7, 1): 0}), "L7H1 does not exist"),
    ],
)
def test_edits_without_an_effect_are_refused(edit, reason):
    with pytest.raises(ValueError, match=reason):
        effects(tiny.word_model(), edit, PROMPTS)
