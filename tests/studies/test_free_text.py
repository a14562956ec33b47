"""Studies of free text: drawn with one chance for base and edit, read again, judged by two scorers."""

import json
from dataclasses import replace

import pytest
import tiny
import tiny_study

import headpursuit as hp
from headpursuit.concepts import Concept
from headpursuit.heads import Edit
from headpursuit.models import Decoding, Draws, Sampling, answer, answers_under, log_probabilities, losses_behind
from headpursuit.studies import StudyResult, find_task, usual_config
from headpursuit.studies.experiments.answers import prepare
from headpursuit.studies.figures.free_text import free_text
from headpursuit.studies.settings import divided
from headpursuit.studies.tasks import drawn

PROMPTS = [tiny_study.prompt(i) for i in range(6)]
DRAWS = Draws(Sampling(1.0, 0.9), tuple(f"0 {text}" for text in PROMPTS))


def written(model=None, draws=DRAWS, **changes):
    model = model or tiny.word_model()
    return answer(model, PROMPTS, **({"max_new_tokens": 6, "decoding": Decoding(draws=draws)} | changes))


def test_draws_hang_on_seed_and_prompt_and_not_on_the_batch():
    given = written()
    assert given == written(batch_size=2) == written()
    assert given != written(draws=None)
    assert given != written(draws=replace(DRAWS, seeds=tuple(f"1 {text}" for text in PROMPTS)))
    only = replace(DRAWS, seeds=(DRAWS.seeds[0], *[None] * 5))
    assert written(draws=only) == [given[0], *written(draws=None)[1:]]


def test_base_and_edit_meet_the_same_chance():
    model = tiny.word_model()
    edits = [Edit({}), Edit.uniform(model.anatomy.heads[:1], -1.0), Edit({})]
    found = answers_under(model, PROMPTS, edits, max_new_tokens=6, batch_size=7, decoding=Decoding(draws=DRAWS))
    assert list(found[0].texts) == list(found[2].texts) == written()
    with hp.rescale(model, edits[1]):
        assert list(found[1].texts) == written(model) != written()


def test_many_draws_are_as_likely_as_the_model_says():
    model, prompt, n = tiny.word_model(), PROMPTS[0], 400
    draws = Draws(Sampling(0.5), tuple(map(str, range(n))))
    first = answer(model, [prompt] * n, max_new_tokens=1, decoding=Decoding(draws=draws))
    token = max(set(first), key=first.count)
    (text,) = {f"{prompt} {token.strip()}"}
    ((likely, came),) = [pair for pair in log_probabilities(model, [text])]
    sharpened = (2 * likely[-1]).softmax(-1)[came[-1]].item()
    spread = (sharpened * (1 - sharpened) / n) ** 0.5
    assert abs(first.count(token) / n - sharpened) < 4 * spread


def test_texts_are_read_behind_their_prompts():
    model = tiny.word_model()
    texts = [" w20 w61", "", " w7"]
    found = losses_behind(model, PROMPTS[:3], texts)
    assert found[1] is None
    ((likely, came),) = log_probabilities(model, [PROMPTS[0] + texts[0]])
    plain = -likely.gather(1, came[:, None])[-2:].mean().item()
    assert found[0] == pytest.approx(plain, abs=1e-4)
    assert losses_behind(model, PROMPTS[:3], texts, batch_size=1) == pytest.approx(found, abs=1e-4)


def test_one_word_said_again_is_told_from_a_rise():
    colours = Concept("colours", ("red", "blue", "green"))
    many = free_text(["a red and a blue house", "the green door"], colours)
    one = free_text(["red red red red house", "the red door"], colours)
    assert (many.said_again, one.said_again) == (0.0, pytest.approx(0.6))
    assert (one.named, one.named_share) == ("red", 1.0)
    assert many.distinct == 1.0 > one.distinct


def declare(folder, metric="names-concept", **more):
    """A task of free text on the tiny model, whose concept is what the unedited model likes to say."""
    said = " ".join(answer(tiny.word_model(), [tiny_study.prompt(i) for i in range(30)], max_new_tokens=6)).split()
    words = sorted(dict.fromkeys(said), key=lambda word: -said.count(word))[:12]
    (folder / "words.txt").write_text("\n".join(words))
    (folder / "shapes.txt").write_text("w21\nw62\nw134\n")
    rows = [{"opening": tiny_study.prompt(i), "split": ("ranking", "selection", "heldout")[i % 3]} for i in range(30)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [f"concept: words.txt\nmetric: {metric}\nunrelated: none\nneutral: [w11 w12 w13 w14, w90 w91]"]
    lines += [f"{key}: {value}" for key, value in more.items()]
    lines.append("target: {data: rows.jsonl, prompts: '{opening}', fact: opening, split: split}")
    (folder / "free.yaml").write_text("\n".join(lines) + "\n")
    usual = dict(heads="2", scale=-2.0, controls=2, other_concept=str(folder / "shapes.txt"), max_new_tokens=6)
    usual |= dict(continuations=3, temperature=0.7, top_p=0.9, baselines=False, n_draws=4, batch_size=16)
    return lambda **changes: usual_config(str(folder / "free.yaml"), "tiny", **(usual | changes))


def test_a_study_of_free_text_draws_reads_and_goes_on(tmp_path):
    config = declare(tmp_path)(reader="smollm2-135m")
    reader = tiny.word_model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headpursuit.studies.steps.writing.load", lambda *_, **__: reader)
        result = hp.study(tiny.word_model(), config, tmp_path / "out")
    base, edit = result.arms_of("base")[0].target, result.edit.target
    assert base.n_questions == 30
    assert base.text.perplexity == pytest.approx(base.text.reader_perplexity)
    assert edit.text.perplexity > base.text.perplexity
    assert "Perplexity of what is written, as the unedited model reads it" in " ".join(result.verdict.reasons)
    examples = [e for e in result.examples if e.prompt == result.examples[0].prompt]
    assert len({e.answers["base"] for e in examples}) > 1
    assert StudyResult.load(tmp_path / "out") == result


def test_a_question_is_drawn_for_the_sheet_with_all_its_draws(tmp_path):
    config = declare(tmp_path)(sweep=True, heads="1%", scale=-1.0)
    task = divided(find_task(config), config)
    assert task.repeated(3) == task
    few = drawn(task.selection, 2, seed=0)
    assert [q.draw for q in few] == [0, 1, 2] * 2
    assert len({q.text for q in few}) == 2


@pytest.mark.parametrize(
    ("given", "task", "reason"),
    [
        (
            {"continuations": 2},
            "months",
            "`continuations` belongs to tasks whose outputs are free text, and those of mon",
        ),
        ({"temperature": 0.0}, "sentiment", "4 continuations at temperature 0 would all be the same; give a `temp"),
        ({"top_p": 0.0}, "sentiment", "`temperature` is 0.8 and `top_p` 0; give a temperature from 0"),
        (
            {"effect": 0.15, "sweep": True},
            "sentiment",
            "sentiment has 24 held-out openings, too few to tell an effect of 15% from none",
        ),
    ],
)
def test_draws_that_cannot_be_are_refused_before_anything_runs(given, task, reason):
    with pytest.raises(ValueError, match=reason):
        prepare(usual_config(task, "m", **given))


def test_too_few_openings_are_refused_before_anything_runs(tmp_path):
    file = tmp_path / "rows.jsonl"
    texts = [f"The driver number {i} is a complete" for i in range(6)]
    file.write_text("".join(json.dumps({"prompt": {"text": t}, "challenging": True}) + "\n" for t in texts))
    with pytest.raises(
        ValueError, match="toxicity has 3 held-out openings, too few to tell an effect of 50% .* least 7"
    ):
        prepare(usual_config("toxicity", "m", data=str(file), sweep=True))


def test_a_scorer_that_rates_all_alike_is_refused(tmp_path):
    config = declare(tmp_path, metric="toxicity", scorer="flat")()
    with pytest.MonkeyPatch.context() as patch:
        from headpursuit.studies.scorers import SCORERS, Scorer, ScorerMaker

        flat = ScorerMaker(
            "flat", ("toxicity",), lambda m: Scorer("flat", m, "1", "", lambda texts: [0.5] * len(texts))
        )
        patch.setitem(SCORERS._known, "flat", flat)
        with pytest.raises(ValueError, match="the scorer flat rates all 30 target outputs of the unedited model 0.50"):
            hp.study(tiny.word_model(), config, tmp_path / "out")


def test_two_scorers_are_compared(tmp_path):
    config = declare(tmp_path, metric="toxicity", judges="words.txt")()
    with pytest.MonkeyPatch.context() as patch:
        from headpursuit.studies.scorers import SCORERS, Scorer, ScorerMaker

        long = ScorerMaker(
            "long", ("toxicity",), lambda m: Scorer("long", m, "1", "", lambda t: [min(1, len(x) / 40) for x in t])
        )
        patch.setattr("headpursuit.studies.figures.agreement.scorer_names", lambda measure: ("words", "long"))
        patch.setitem(SCORERS._known, "long", long)
        result = hp.study(tiny.word_model(), config, tmp_path / "out")
    found = result.agreement
    assert (found.judge, found.other) == ("words", "long")
    assert -1 <= found.correlation <= 1
    assert any(text.startswith("Two scorers, words (which judges) and long") for text in result.remarks)


def test_openings_that_hold_the_words_already_are_counted(tmp_path):
    config = declare(tmp_path)
    word = (tmp_path / "words.txt").read_text().split()[0]
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    rows[2]["opening"] += f" {word}"
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = hp.study(tiny.word_model(), config(controls=1), tmp_path / "out")
    assert any(f"held-out target prompts hold words of the concept already ({word}" in text for text in result.remarks)
