"""Studies of encoder-decoders that write what they hear, or read in another language: tiny and random ones."""

import csv
import json
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import tiny
import tiny_translators as translators
import torch
from zoo import randomise

from headpursuit.heads import Edit, Head
from headpursuit.media import AudioPrompt, Passage
from headpursuit.models import LanguageModel, answer, answers_under, neutral_text
from headpursuit.models.neutral import written_ids
from headpursuit.report.pages import render
from headpursuit.report.pages.answers import page_of
from headpursuit.studies import StudyResult, load_task, study
from headpursuit.studies.steps.arms import ArmRunner
from headpursuit.studies.steps.thumbnails import write_thumbnails
from headpursuit.studies.tasks.numerals import with_numerals
from headpursuit.studies.tasks.speech import spoken_concepts

N_NEW = 6


def table(file, rows):
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


@pytest.fixture(scope="module")
def reading():
    """A T5 whose answers depend on what it reads: plain random ones write one word for ever."""
    torch.manual_seed(1)
    network = translators.NETWORKS["t5"]()
    randomise(network)
    network.generation_config.eos_token_id = None
    for name, weight in network.named_parameters():
        if name.endswith("EncDecAttention.o.weight") or ("decoder" in name and name.endswith("SelfAttention.o.weight")):
            weight.data *= 8
    return LanguageModel(network.eval(), tiny.word_tokenizer(), "tiny-t5")


@pytest.fixture(scope="module")
def translated(reading, tmp_path_factory):
    """Sentences with the model's own translations, and some words that many of these have."""
    folder = tmp_path_factory.mktemp("sentences")
    sources = [f"w{i} w{3 * i % 200} w{i + 2}" for i in range(5, 195)]
    targets = answer(reading, sources, max_new_tokens=N_NEW)
    count = Counter(word for text in targets for word in set(text.split()))
    chosen = [word for word, n in count.items() if n >= 4 and len(word) == 4][:14]
    (folder / "words.txt").write_text("\n".join(chosen))
    rows = [{"source": source, "target": target} for source, target in zip(sources, targets, strict=True)]
    return table(folder / "pairs.csv", rows), folder / "words.txt"


def settings(translated):
    data, concept = translated
    return dict(
        data=str(data),
        concept=str(concept),
        other_concept=str(concept.parent / "others.txt"),
        max_new_tokens=N_NEW,
        controls=2,
        doses=("1",),
        scales=(0.0, -2.0),
        effect=0.01,
    )


@pytest.fixture(scope="module")
def finished(reading, translated, tmp_path_factory):
    (translated[1].parent / "others.txt").write_text("w7\nw9\nw11\n")
    folder = tmp_path_factory.mktemp("study") / "s"
    return study(reading, "translation", folder, **settings(translated)), folder


def test_a_translation_is_studied_to_a_verdict(finished):
    result, folder = finished
    base = result.arms_of("base")[0]
    assert (base.target.score.value, base.unrelated.score.value) == (1.0, 1.0)
    assert base.damage.kl == 0
    assert result.verdict.outcome
    assert {head[:1] for head in result.edit.heads} == {"L"}
    assert StudyResult.load(folder) == result


def test_one_translation_answers_all_that_is_asked_of_its_sentence(reading, translated, finished, monkeypatch):
    asked = []

    def watched(model, prompts, *args, **kwargs):
        asked.append(len(prompts))
        return answers_under(model, prompts, *args, **kwargs)

    monkeypatch.setattr("headpursuit.studies.steps.arms.answers_under", watched)
    task, config = load_task("translation", concept=str(translated[1]), data=str(translated[0])), finished[0].config
    ArmRunner(reading, task, config, lambda *_: None).run("base", "base", Edit({}))
    sentences = {q.reference for q in task.heldout}
    assert len(task.heldout) > asked[0] >= len(sentences)


def test_whole_sentences_are_compared_with_what_should_be_written(finished):
    result, _ = finished
    assert [one.arm for one in result.restated] == [arm.name for arm in result.arms]
    base, edit = result.restated[:2]
    assert (base.word_errors, round(base.chrf), round(base.bleu)) == (0.0, 100, 100)
    assert edit.chrf < 100


def test_the_page_has_them(finished):
    text = render(finished[1]).read_text(encoding="utf-8")
    assert "Whole sentences" in text
    assert "<audio" not in text


def test_a_recording_is_played_beside_its_transcripts(finished):
    result = finished[0]
    first = replace(result.examples[0], image_name="one.wav", thumbnail="sounds/0001.ogg")
    page = page_of(
        replace(result, examples=(first, *result.examples[1:])), {"sounds/0001.ogg": "data:audio/ogg;base64,AA"}
    )
    text = page.text()
    assert text.count("<audio") == 1
    assert 'src="data:audio/ogg;base64,AA"' in text
    assert "media-src data:" in text


def test_by_effect_an_edit_is_grown_over_decoder_heads(reading, translated, tmp_path):
    told = {k: v for k, v in settings(translated).items() if k not in ("doses", "scales")}
    result = study(reading, "translation", tmp_path / "s", by="effect", **told)
    assert result.grown is not None
    assert {Head.parse(head).kind for head in result.edit.heads} <= {"self", "cross"}


def test_damage_of_text_behind_prompts_is_what_reading_it_whole_says(reading):
    passages = [Passage("w5 w6 w7", "w20 w21 w22 w23"), Passage("w9", "w30 w31")]
    edit = Edit({Head.parse("L1XH3"): -2.0})
    kl, loss = neutral_text(reading, passages).under(edit)
    for number, passage in enumerate(passages):
        alone_kl, alone_loss = neutral_text(reading, [passage]).under(edit)
        assert (kl[number], loss[number]) == pytest.approx((float(alone_kl[0]), float(alone_loss[0])), abs=1e-5)
    assert float(kl.min()) > 0
    assert len(written_ids(reading, "w20 w21")) == 2


@pytest.mark.parametrize("head", ["L1H3", "L1XH3", "E1H1"])
def test_answers_side_by_side_are_those_of_each_edit_alone(reading, head):
    prompts = ["w5 w6 w7", "w9", "w20 w21"]
    edits = [Edit({}), Edit({Head.parse(head): -3.0})]
    together = answers_under(reading, prompts, edits, max_new_tokens=N_NEW, batch_size=4)
    alone = [answers_under(reading, prompts, [edit], max_new_tokens=N_NEW)[0] for edit in edits]
    assert [one.texts for one in together] == [one.texts for one in alone]
    assert together[0].texts != together[1].texts


REFUSED = {
    "no table": (dict(data=""), "translation needs sentences"),
    "a table that is not there": (dict(data="none.csv"), "there is no table none.csv"),
    "no concept": (dict(concept=""), "translation needs a concept"),
    "instructions": (dict(baselines=True), "`baselines` asks for text that is not there"),
    "long answers": (dict(long=100), "`long` asks for text that is not there"),
}


@pytest.mark.parametrize(("changed", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused(reading, translated, tmp_path, changed, message):
    (translated[1].parent / "others.txt").write_text("w7\nw9\nw11\n")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        study(reading, "translation", tmp_path / "s", **(settings(translated) | changed))
    assert not (tmp_path / "s").exists()


def test_sentences_without_and_with_the_concept_are_both_needed(translated, tmp_path):
    data, concept = translated
    rows = [{"source": "w1 w2", "target": concept.read_text().split()[0]}] * 4
    with pytest.raises(ValueError, match="every sentence has a word of words"):
        load_task("translation", concept=str(concept), data=str(table(tmp_path / "a.csv", rows)))
    with pytest.raises(ValueError, match="no ranking sentence has a word of words"):
        load_task(
            "translation", concept=str(concept), data=str(table(tmp_path / "b.csv", [{"source": "a", "target": "b"}]))
        )
    rows = [{"source": "a", "target": concept.read_text().split()[0], "split": "some"}]
    with pytest.raises(ValueError, match="'some' is none of ranking, selection, heldout"):
        load_task("translation", concept=str(concept), data=str(table(tmp_path / "c.csv", rows)))


def test_a_causal_model_and_an_encoder_decoder_are_told_apart(reading, translated, tmp_path):
    (translated[1].parent / "others.txt").write_text("w7\nw9\nw11\n")
    with pytest.raises(ValueError, match="`study transcription` and `study translation`"):
        study(reading, "months", tmp_path / "s")


@pytest.mark.parametrize(
    ("word", "accepted"),
    [("fourteen", ("fourteen", "14")), ("Million", ("Million", "1000000", "1,000,000")), ("blue", ("blue",))],
)
def test_numbers_count_in_words_and_numerals(word, accepted):
    assert with_numerals(word) == accepted


@pytest.fixture
def recordings(tmp_path):
    """Noise that is said to be sentences."""
    rows = []
    for number, text in enumerate(["the red house", "a blue door", "green grass grows", "the quiet street"] * 4):
        noise = np.random.default_rng(number).normal(0, 0.1, 4000)
        soundfile.write(tmp_path / f"{number}.wav", noise, 16000)
        rows.append({"audio_path": f"{number}.wav", "text": text, "speaker": f"s{number % 2}"})
    return rows


def test_recordings_with_transcripts_are_a_task(recordings, tmp_path):
    task = load_task("transcription", concept="colours", data=str(table(tmp_path / "r.csv", recordings)))
    target = [q for q in task.questions if q.group == "target"]
    assert Counter(q.split for q in target) == {"ranking": 3, "heldout": 6, "selection": 3}
    assert {q.answers for q in target} == {("red",), ("blue",), ("green",)}
    assert {q.answers for q in task.questions if q.fact == "green grass grows"} == {("grass",), ("grows",)}
    assert [str(text) for text in task.neutral_texts] == ["the quiet street"] * 4
    assert all(isinstance(text.prompt, AudioPrompt) for text in task.neutral_texts)
    prompts = {id(q.prompt) for q in task.questions}
    assert len(prompts) == 12  # one for each recording, whatever is asked of it


def test_held_out_recordings_are_kept_small_once_each(recordings, tmp_path):
    task = load_task("transcription", concept="colours", data=str(table(tmp_path / "r.csv", recordings)))
    files = write_thumbnails(task, tmp_path)
    assert len(files) == 6
    sounds = [tmp_path / name for name in files.values()]
    assert all(name.endswith(".ogg") for name in files.values())
    assert {soundfile.info(file).frames for file in sounds} == {4000}
    times = [file.stat().st_mtime_ns for file in sounds]
    assert write_thumbnails(task, tmp_path) == files
    assert [file.stat().st_mtime_ns for file in sounds] == times


BAD_RECORDINGS = {
    "a sound that is not there": ({"audio_path": "none.wav"}, "there is no sound file"),
    "no transcript": ({"text": ""}, "text: there is nothing"),
}


@pytest.mark.parametrize(("changed", "message"), BAD_RECORDINGS.values(), ids=BAD_RECORDINGS.keys())
def test_recordings_that_cannot_be_used_are_refused_by_their_row(recordings, tmp_path, changed, message):
    recordings[1] |= changed
    with pytest.raises((ValueError, FileNotFoundError), match=f"line 3.*{message}"):
        load_task("transcription", concept="colours", data=str(table(tmp_path / "r.csv", recordings)))


def test_the_packages_sentences_hold_their_word_once_and_no_held_out_word_ranks():
    from headpursuit.concepts import load_concept
    from headpursuit.studies.tasks.task import shipped_text
    from headpursuit.studies.text.phrases import phrases

    rows = [json.loads(line) for line in shipped_text("spoken.jsonl").splitlines()]
    assert spoken_concepts() == ("numbers", "colours", "countries", "animals")
    for concept in spoken_concepts():
        named = phrases(load_concept(concept).words)
        for row in rows:
            found = [" ".join(match.phrase) for match in named.matches(row["text"])]
            if row["concept"] == concept:
                assert found == [row["word"].lower()], row
            elif not row["concept"]:
                assert not found, row
        of = {
            split: {row["word"] for row in rows if (row["concept"], row["split"]) == (concept, split)}
            for split in ("ranking", "selection", "heldout")
        }
        assert not of["heldout"] & (of["ranking"] | of["selection"])
    voices = {row["voice"] for row in rows if row["split"] == "heldout"}
    assert not voices & {row["voice"] for row in rows if row["split"] in ("ranking", "selection")}


def test_without_espeak_the_package_to_install_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(FileNotFoundError, match="apt-get install espeak-ng"):
        load_task("transcription", concept="numbers")


def test_a_concept_without_sentences_names_those_there_are():
    with pytest.raises(ValueError, match="choose numbers, colours, countries, animals"):
        load_task("transcription", concept="months")


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="needs espeak-ng")
def test_espeak_says_the_same_every_time_and_refuses_voices_that_it_lacks():
    from headpursuit.media import speak

    one, again = speak("a red door", "en-gb"), speak("a red door", "en-gb")
    assert np.array_equal(one.values, again.values)
    assert not np.array_equal(one.values[:1000], speak("a red door", "en-us+f3").values[:1000])
    with pytest.raises(ValueError, match="cannot speak in the voice 'xx-none'"):
        speak("a", "xx-none")
