import json
from dataclasses import replace

import pytest
import torch
from made_atlas import HEADS, SPECIFICITY, TOKENS, Q, made_atlas

from headpursuit.analysis import AtlasConfig, AtlasDiff, CaptureConfig, RankConfig, diff_atlases
from headpursuit.heads import Head
from headpursuit.storage import read_json, sha256_of


def change_of(tokens, head=HEADS[0], **changes):
    found = diff_atlases(made_atlas(), made_atlas(TOKENS | {head: tokens}, **changes))
    return next(change for change in found.heads if change.head == head)


def test_an_atlas_does_not_differ_from_itself():
    found = diff_atlases(made_atlas(), made_atlas())
    assert [change.head for change in found.heads] == list(HEADS)
    assert {(change.changed, change.kept) for change in found.heads} == {(0.0, 1.0)}
    assert all(change.gone == change.new == change.gained == change.lost == () for change in found.heads)
    assert all(change.specificity == (0.0, 0.0, 0.0) for change in found.heads)
    assert found.mean_changed == 0
    assert found.sentence == "No head changed its words."
    assert not found.by_text
    assert [note.split(":")[0] for note in found.notes] == [
        "Both models have the same output projections and the same unembedding"
    ]


def test_half_the_sum_of_what_shares_differ_by():
    # Shares: red 0.4, blue 0.1 before; blue 0.3, green 0.3 after.
    change = change_of(((" blue", " green"), (4, 9), (0.3, 0.6)))
    assert change.changed == pytest.approx((0.4 + 0.2 + 0.3) / 2)
    assert change.kept == pytest.approx(0.1 / (0.4 + 0.3 + 0.3))
    assert (change.gone, change.new) == ((" red",), (" green",))
    assert change.explained == pytest.approx((0.5, 0.6))


def test_the_order_of_tokens_does_not_matter_but_what_they_explain_does():
    assert change_of(((" blue", " red"), (4, 3), (0.1, 0.5))).changed == pytest.approx(0)
    less = change_of(((" red", " blue"), (3, 4), (0.2, 0.25)))
    assert less.changed == pytest.approx(0.125)
    assert less.kept == pytest.approx(0.5)


def test_all_and_nothing():
    assert change_of((("a",), (40,), (1.0,)), HEADS[2]).changed == pytest.approx((0.9 + 1) / 2)
    assert change_of((("a",), (40,), (1.0,)), HEADS[2]).kept == 0
    assert change_of(((), (), ()), HEADS[2]).changed == pytest.approx(0.45)
    assert change_of(((), (), ()), HEADS[3]).kept == 1


def test_heads_that_tokens_explain_come_before_those_they_do_not():
    other = {HEADS[1]: (("a", "b"), (40, 41), (0.2, 0.25)), HEADS[2]: ((" France", "c"), (7, 42), (0.5, 0.9))}
    found = diff_atlases(made_atlas(), made_atlas(TOKENS | other))
    assert [change.head for change in found.heads] == [HEADS[2], HEADS[1], HEADS[0], HEADS[3]]
    assert [round(change.kept, 2) for change in found.heads[:2]] == [0.38, 0.0]
    assert found.mean_changed == pytest.approx(0.65 / 4)
    assert f"the words for {found.mean_changed:.3f} of a head's energy changed" in found.sentence
    assert "most of all those of L1H0 (0.400); 0.596 of what tokens explain was kept." in found.sentence


def test_other_vocabularies_are_compared_by_text_and_that_is_said():
    same_text = ((" red", " blue"), (13, 14), (0.4, 0.5))
    assert change_of(same_text).changed == pytest.approx(0.5)
    found = diff_atlases(made_atlas(), made_atlas(TOKENS | {HEADS[0]: same_text}, vocabulary_sha256="w"))
    assert found.by_text
    assert all(change.changed == 0 for change in found.heads)
    assert "The vocabularies differ, so tokens are compared by their text." in found.notes
    twice = change_of(((" red", " red"), (13, 15), (0.4, 0.5)), vocabulary_sha256="w")
    assert twice.changed == pytest.approx(0.1)


def test_concepts_gained_and_lost_and_changes_of_specificity():
    specificity, q = torch.tensor(SPECIFICITY), torch.tensor(Q, dtype=torch.float64)
    specificity[3, 0], q[3, 0] = 0.7, 0.01
    q[2, 1] = 0.5
    found = diff_atlases(made_atlas(), made_atlas(specificity=specificity, q=q))
    changes = {change.head: change for change in found.heads}
    assert changes[HEADS[3]].gained == ("colours",)
    assert changes[HEADS[3]].specificity == pytest.approx((0.7, 0, 0))
    assert changes[HEADS[2]].lost == ("countries",)
    assert changes[HEADS[2]].gained == changes[HEADS[0]].lost == ()
    gained, lost, most = found.concept_changes()["colours"]
    assert (gained, lost, most.head) == (1, 0, HEADS[3])
    assert found.concept_changes()["countries"][:2] == (0, 1)


def test_only_shared_concepts_are_compared_whatever_their_order():
    order = [2, 0]
    after = made_atlas()
    parts = {name: getattr(after, name)[:, order] for name in ("explained", "specificity", "z", "q")}
    after = replace(after, concepts=tuple(after.concepts[i] for i in order), **parts)
    found = diff_atlases(made_atlas(), after)
    assert found.concepts == ("colours", "<b>own</b>")
    assert all(change.specificity == (0, 0) and not change.gained for change in found.heads)
    assert "Only the first atlas has countries; concepts are compared where both have them." in found.notes
    backwards = diff_atlases(after, made_atlas())
    assert "Only the second atlas has countries; concepts are compared where both have them." in backwards.notes


def test_other_prompts_and_other_words_are_said():
    concepts = made_atlas().concepts
    after = made_atlas(
        n_prompts=40,
        capture=CaptureConfig("all", chat=True, samples=0),
        concepts=(replace(concepts[0], tokens=("x",)), *concepts[1:]),
        identity=replace(made_atlas().identity, heads_sha256="i"),
    )
    captures, words = diff_atlases(made_atlas(), after).notes
    assert "36 positions (last) of 12 prompts; 36 positions (all, chat template) of 40 prompts" in captures
    assert words == "Not the same tokens stand for colours in both."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"anatomy": "8 heads: layers 0-3 with 2 heads"}, "has 4 heads: .* has 8 heads: .* of one architecture"),
        (
            {"config": AtlasConfig(10, RankConfig(null="matched", rule="forward"))},
            "rule is l2 in the first and forward in the second",
        ),
        ({"config": AtlasConfig(9)}, "n_tokens is 10 in the first and 9 in the second"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        diff_atlases(made_atlas(), made_atlas(**changes))


def test_draws_and_seeds_may_differ():
    assert diff_atlases(made_atlas(), made_atlas(config=AtlasConfig(10, RankConfig(null="matched", seed=3)))).heads


def test_a_difference_comes_back_from_disk(tmp_path):
    found = diff_atlases(made_atlas(), made_atlas(TOKENS | {HEADS[0]: ((" green",), (9,), (0.3,))}))
    found.save(tmp_path / "diff")
    assert AtlasDiff.load(tmp_path / "diff") == found
    assert read_json(tmp_path / "diff" / "diff.json")["heads"][0]["head"] == str(Head(0, 0))
    (tmp_path / "diff" / "diff.json").write_text("{}")
    with pytest.raises(ValueError, match=r"diff.json does not match its checksum"):
        AtlasDiff.load(tmp_path / "diff")
    with pytest.raises(FileNotFoundError, match="expected an atlas diff"):
        AtlasDiff.load(tmp_path / "none")


def changed(folder, change):
    """A difference whose file was written anew, with a checksum that agrees."""
    diff_atlases(made_atlas(), made_atlas(TOKENS | {HEADS[0]: ((" green",), (9,), (0.3,))})).save(folder)
    content, manifest = read_json(folder / "diff.json"), read_json(folder / "manifest.json")
    change(content)
    (folder / "diff.json").write_text(json.dumps(content))
    manifest["files"]["diff.json"] = sha256_of(folder / "diff.json")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["heads"][0].update(changed="much"), "changed is 'much', not a number"),
        (lambda c: c["heads"][0].update(specificity=[0.1]), "L0H0 has 1 changes of specificity, .* 3 concepts"),
        (lambda c: c["heads"][0].update(specificity=["a", "b", "c"]), "specificity.0. is 'a', not a number"),
        (lambda c: c["heads"][0].update(gained=[1]), "gained.0. is 1, not text"),
        (lambda c: c["heads"][0]["after"].update(tokens=[]), "L0H0 has 0 tokens, 1 token ids"),
        (lambda c: c.update(heads=[]), "it compares no heads"),
        (lambda c: c.update(notes=[None]), "notes.0. is None, not text"),
        (lambda c: c.update(before=None), "before is None, not the fields of Identity"),
        (lambda c: c.pop("heads"), "heads is missing"),
    ],
)
def test_values_of_another_type_are_refused_by_name(tmp_path, as_users_run_it, change, message):
    with pytest.raises(ValueError, match=rf"diff.json is no atlas diff that this version can read \(.*{message}"):
        AtlasDiff.load(changed(tmp_path / "diff", change))


def test_a_difference_remembers_its_level(tmp_path):
    found = diff_atlases(made_atlas(), made_atlas(), level=0.01)
    found.save(tmp_path / "diff")
    assert AtlasDiff.load(tmp_path / "diff").level == 0.01
    assert AtlasDiff.load(changed(tmp_path / "older", lambda content: content.pop("level"))).level == 0.05


@pytest.mark.parametrize("heads", [slice(None), slice(None, None, -1)])
def test_what_is_no_number_did_not_change_most(heads):
    specificity = torch.tensor(SPECIFICITY)
    specificity[0, 0], specificity[1, 0], specificity[2, 0], specificity[2, 1] = torch.nan, torch.inf, 0.3, torch.nan
    found = diff_atlases(made_atlas(), made_atlas(specificity=specificity))
    found = replace(found, heads=found.heads[heads])
    assert found.concept_changes()["colours"][2].head == HEADS[2]
    changes = {change.head: change for change in found.heads}
    assert found.most_changed(changes[HEADS[2]]) == ("colours", pytest.approx(0.3))
    assert found.most_changed(replace(changes[HEADS[0]], specificity=(torch.nan,) * 3)) == ("", 0.0)
