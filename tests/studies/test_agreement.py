"""The agreement of two rankings, as a user asks for it and as the library is asked."""

import math
import random
from dataclasses import replace
from itertools import combinations

import pytest
from scipy import stats
from typed import assert_refused, run

from headpursuit import load_result
from headpursuit.analysis import RankConfig, RankedHead, Ranking
from headpursuit.heads import Head
from headpursuit.studies.experiments.agreement import AgreementConfig, compare_rankings

HEADS = [Head(layer, index) for layer in range(5) for index in range(4)]


def ranking(order, name="hues", noise=0):
    """Heads in an order, which scores follow."""
    rng = random.Random(noise)
    scores = sorted((rng.random() for _ in order), reverse=True)
    entries = tuple(RankedHead(head, score, score, 3.0) for head, score in zip(order, scores, strict=True))
    return Ranking(name, entries, RankConfig(), "tiny", None, "5a", (" red",))


def shuffled(seed):
    return random.Random(seed).sample(HEADS, len(HEADS))


def compared(tmp_path, one, other, tops=("2", "5")):
    return compare_rankings(AgreementConfig("a", "b", tops), tmp_path / "out", one=one, other=other)


def test_what_is_shared_and_how_probable_that_is(tmp_path):
    one, other = ranking(shuffled(0)), ranking(shuffled(1))
    result = compared(tmp_path, one, other, ("5", "50%"))
    assert [top.n_heads for top in result.tops] == [5, 10]
    top = result.tops[0]
    best = [set(r.top(5)) for r in (one, other)]
    assert set(top.shared) == {str(head) for head in best[0] & best[1]}
    drawn = [len(best[0] & set(heads)) for heads in combinations(HEADS, 5)]
    assert top.expected == pytest.approx(sum(drawn) / len(drawn))
    assert top.p == pytest.approx(sum(n >= len(top.shared) for n in drawn) / len(drawn))


def test_sets_that_keep_their_layers_are_a_harder_comparison(tmp_path):
    late = [head for head in HEADS if head.layer == 4] + [head for head in HEADS if head.layer < 4]
    swapped = [late[1], late[0], *late[2:]]
    top = compared(tmp_path, ranking(late), ranking(swapped), ("3",)).tops[0]
    assert top.expected_in_layers == pytest.approx(9 / 4)
    assert top.p < 0.05 < top.p_in_layers


def test_the_order_of_all_heads(tmp_path):
    one, other = ranking(shuffled(0), noise=1), ranking(shuffled(3), noise=2)
    result = compared(tmp_path, one, other)
    theirs = other.by_head()
    expected = stats.spearmanr(list(one.by_head().values()), [theirs[head] for head in one.by_head()]).statistic
    assert result.spearman.value == pytest.approx(expected)
    reach = 1.96 / math.sqrt(len(HEADS) - 3)  # Fisher's interval, which a bootstrap comes near
    low, high = (math.tanh(math.atanh(expected) + side * reach) for side in (-1, 1))
    assert result.spearman.low == pytest.approx(low, abs=0.2)
    assert result.spearman.high == pytest.approx(high, abs=0.2)
    places = {place.head: (place.one, place.other) for place in result.places}
    assert places[str(one.entries[0].head)] == (1, list(theirs).index(one.entries[0].head) + 1)
    assert set(places) == {str(head) for r in (one, other) for head in r.top(5)}


def test_a_ranking_agrees_with_itself_and_not_with_its_reverse(tmp_path):
    one = ranking(shuffled(0))
    same = compared(tmp_path / "same", one, one)
    assert (same.spearman.value, same.spearman.high) == (1, 1)
    assert [len(top.shared) for top in same.tops] == [2, 5]
    assert "more than sets that keep their layers would" in same.sentence
    reverse = compared(tmp_path / "reverse", one, ranking(shuffled(0)[::-1]))
    assert reverse.spearman.value == -1
    assert not reverse.tops[0].shared
    assert "no more than sets that keep their layers might" in reverse.sentence


def test_the_command_prints_a_table_and_writes_a_page(tmp_path):
    ranking(shuffled(0), "<b>hues</b>").save(tmp_path / "one.json")
    (tmp_path / "rank").mkdir()
    ranking(shuffled(1), "forms").save(tmp_path / "rank" / "ranking.json")
    result = run("agreement", tmp_path / "one.json", tmp_path / "rank", "-o", tmp_path / "out", "--tops", "1,20%")
    assert result.exit_code == 0, result.output
    found = load_result(tmp_path / "out")
    assert found.sentence in result.stdout
    assert "<b>hues</b> by specificity and forms by specificity, 20 heads" in result.stdout
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;b&gt;hues" in page
    assert "<b>hues" not in page
    assert (tmp_path / "out" / "figures" / "places.svg").is_file()


def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path):
    ranking(shuffled(0)).save(tmp_path / "one.json")
    ranking([*HEADS[:-1], Head(7, 0)]).save(tmp_path / "other.json")
    words = ("agreement", tmp_path / "one.json", tmp_path / "other.json", "-o", tmp_path / "out")
    assert_refused(run(*words), "rank different heads: L4H3 is in one of them only")
    ranking(shuffled(1)).save(tmp_path / "other.json")
    assert_refused(run(*words, "--tops", "1,30"), "30 heads were asked for, but there are 20")
    assert_refused(run(*words, "--tops", ","), "there is no number of best heads to compare")
    assert_refused(run("agreement", tmp_path / "one.json", tmp_path / "none", "-o", tmp_path / "out"), "no file")
    assert not (tmp_path / "out").exists()


def test_another_ranking_cannot_go_on(tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    config, one = AgreementConfig("a", "b", ("2",)), ranking(shuffled(0))
    with pytest.raises(KeyboardInterrupt):
        compare_rankings(config, tmp_path / "out", one=one, other=one, progress=interrupt)
    with pytest.raises(ValueError, match="was begun with another ranking as the other"):
        compare_rankings(config, tmp_path / "out", one=one, other=ranking(shuffled(1)), resume=True)
    assert compare_rankings(config, tmp_path / "out", one=one, other=one, resume=True) == load_result(tmp_path / "out")
    assert replace(config, tops=("3",)).counts(20) == (3,)
