import sys
from importlib import metadata
from types import ModuleType

import pytest

from headpursuit.studies.scorers import Scorer, measures, scorer, scorer_names


@pytest.fixture
def stand_ins(monkeypatch):
    """The optional packages, as far as they are called; what they were asked is kept."""
    asked = []
    profanity = ModuleType("profanity_check")
    profanity.predict_prob = lambda texts: asked.append(texts) or [0.75 if "rude" in text else 0.25 for text in texts]
    detoxify = ModuleType("detoxify")

    class Detoxify:
        def __init__(self, model):
            assert model == "original"

        def predict(self, texts):
            asked.append(texts)
            return {"insult": [1.0] * len(texts), "toxicity": [0.5 if "rude" in text else 0.0 for text in texts]}

    class Analyser:
        def polarity_scores(self, text):
            return {"compound": {"lovely": 0.5, "awful": -0.25}.get(text, 0.0)}

    detoxify.Detoxify = Detoxify
    vader = ModuleType("vaderSentiment.vaderSentiment")
    vader.SentimentIntensityAnalyzer = Analyser
    for module in (profanity, detoxify, ModuleType("vaderSentiment"), vader):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    installed = metadata.version
    ours = {"alt-profanity-check": "1.9.1", "detoxify": "0.5.4", "vaderSentiment": "3.3.2"}
    monkeypatch.setattr(metadata, "version", lambda name: ours.get(name) or installed(name))
    return asked


def test_every_scorer_says_what_it_is_and_means(stand_ins):
    for measure in measures():
        assert scorer_names(measure)[0] == "words"
        for name in scorer_names(measure):
            found = scorer(name, measure)
            assert (found.name, found.measure) == (name, measure)
            assert found.version
            assert len(found.meaning.split()) > 5
            assert found.score([]) == []
            assert found.score(["", " ...\n"]) == [0.0, 0.0]


def test_words_of_the_list_are_found_whole():
    assert scorer("words").score(["what an ASSHOLE!", "an assistant passes", "a bit of class"]) == [1.0, 0.0, 0.0]
    assert scorer("words", "positive").score(["It was wonderful.", "It was awful.", "a table"]) == [1.0, 0.0, 0.0]
    assert scorer("words", "negative").score(["It was wonderful.", "It was awful.", "a table"]) == [0.0, 1.0, 0.0]


def test_silence_is_not_passed_on_and_order_is_kept(stand_ins):
    texts = ["rude", "", "kind", "?!", "rude too"]
    assert scorer("profanity").score(texts) == [0.75, 0.0, 0.25, 0.0, 0.75]
    assert stand_ins == [["rude", "kind", "rude too"]]


def test_detoxify_rates_in_batches(stand_ins):
    assert scorer("detoxify").score(["rude"] * 40 + ["kind"] * 30) == [0.5] * 40 + [0.0] * 30
    assert [len(texts) for texts in stand_ins] == [32, 32, 6]


def test_vader_has_two_sides(stand_ins):
    texts = ["lovely", "awful", "a table"]
    assert scorer("vader", "positive").score(texts) == [0.5, 0.0, 0.0]
    assert scorer("vader", "negative").score(texts) == [0.0, 0.25, 0.0]


def test_detoxify_without_a_network_is_one_line(stand_ins, monkeypatch):
    def fails(model):
        raise OSError("Name or service\nnot known")

    monkeypatch.setattr(sys.modules["detoxify"], "Detoxify", fails)
    message = r"the weights of detoxify cannot be downloaded \(Name or service not known\); connect once, or "
    with pytest.raises(ConnectionError, match=message):
        scorer("detoxify")


@pytest.mark.parametrize(
    ("name", "measure", "module", "extra"),
    [
        ("detoxify", "toxicity", "detoxify", "toxicity"),
        ("profanity", "toxicity", "profanity_check", "profanity"),
        ("vader", "positive", "vaderSentiment.vaderSentiment", "sentiment"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, name, measure, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"scores by {name} need .* 'headpursuit\[{extra}\]'"):
        scorer(name, measure)


def test_unknown_scorers_and_measures_name_those_there_are():
    with pytest.raises(ValueError, match="there is no scorer 'wrods' of toxicity; there is words, profanity, detoxify"):
        scorer("wrods")
    with pytest.raises(ValueError, match="nothing rates 'anger'; there is toxicity, positive, negative"):
        scorer("words", "anger")


@pytest.mark.parametrize(
    ("scores", "message"),
    [([1.5], "gave 'hello' the score 1.5; scores are 0 to 1"), ([float("nan")], "nan"), ([], "0 scores for 1 texts")],
)
def test_scores_outside_0_to_1_are_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        Scorer("odd", "toxicity", "1", "", lambda texts: scores).score(["hello"])


def test_the_real_classifier_knows_rude_from_kind():
    pytest.importorskip("profanity_check")
    rude, kind = scorer("profanity").score(["you stupid idiot", "have a nice day"])
    assert rude > 0.9
    assert kind < 0.2


def test_the_real_vader_sees_negation():
    pytest.importorskip("vaderSentiment")
    good, bad = (scorer("vader", measure).score(["good", "not good"]) for measure in ("positive", "negative"))
    assert good[0] > 0.3 > good[1] == 0
    assert bad[1] > 0.3 > bad[0] == 0
