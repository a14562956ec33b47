"""`doctor`, `capture` and `rank` on a tiny model that hears in a local folder, as a user types it."""

import json

import numpy as np
import pytest
import tiny_hearing
import tiny_translators as translators
from typed import assert_refused, run

soundfile = pytest.importorskip("soundfile", reason="needs the extra audio")
pytest.importorskip("soxr", reason="needs the extra audio")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("model") / "tiny"
    translators.network("whisper").save_pretrained(place)
    translators.processor().save_pretrained(place)
    return place


@pytest.fixture
def spoken(tmp_path):
    place = tmp_path / "spoken"
    place.mkdir()
    for number in range(3):
        values = np.random.default_rng(number).normal(0, 0.1, 8000)
        soundfile.write(place / f"{number}.wav", values, 22050)
    return place


def capture(folder, prompts, tmp_path, *more):
    return run("capture", folder, "--prompts", prompts, "-o", tmp_path / "cap", "--device", "cpu", *more)


def test_doctor_says_what_it_opened(folder):
    result = run("doctor", folder, "--device", "cpu")
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "WhisperForConditionalGeneration, float32 on cpu" in said
    assert "layers 0-2 with 4 cross-attention heads of width 8; encoder: layers 0-2 with 2 heads of width 16" in said
    assert "24 heads in 3 layers, and 6 of its encoder" in said
    assert "WhisperProcessor, one channel at 16,000 Hz, 2 s at once; its encoder hears, prompts are sound" in said
    assert "seconds of sound a second" in said


def test_a_folder_of_sounds_is_captured_and_ranked_by_kind(folder, spoken, tmp_path):
    how = ("--positions", "generated", "--max-new-tokens", "5")
    result = capture(folder, spoken, tmp_path, *how)
    assert result.exit_code == 0, result.output
    assert "captured 15 positions of 3 prompts" in result.stdout
    words = tmp_path / "words.txt"
    words.write_text("ab\nac\nad\n")
    for kind, name in (("cross", "XH"), ("self", "H")):
        result = run("rank", tmp_path / "cap", "--concept", words, "--sites", kind, "--json", "--device", "cpu")
        assert result.exit_code == 0, result.output
        heads = [entry["head"] for entry in json.loads(result.stdout)["entries"]]
        assert len(heads) == 12
        assert all(name in head for head in heads)


@pytest.mark.parametrize("declared", [True, False])
def test_the_sounds_of_a_data_set_are_captured(folder, spoken, tmp_path, monkeypatch, declared):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    rows = [{"bytes": file.read_bytes(), "path": None} for file in sorted(spoken.glob("*.wav"))]
    (tmp_path / "talk").mkdir()
    made = datasets.Dataset.from_dict({"said" if declared else "audio": rows})
    made = made.cast_column("said", datasets.Audio(decode=False)) if declared else made
    made.to_parquet(tmp_path / "talk" / "train.parquet")
    result = capture(folder, f"hf:{tmp_path / 'talk'}", tmp_path, "--positions", "generated", "--max-new-tokens", "2")
    assert result.exit_code == 0, result.output
    assert "captured 6 positions of 3 prompts" in result.stdout
    rows[1]["bytes"] = b"no sound"
    datasets.Dataset.from_dict({"audio": rows}).to_parquet(tmp_path / "talk" / "train.parquet")
    assert_refused(
        capture(folder, f"hf:{tmp_path / 'talk'}:train", tmp_path / "b"), "talk, train, row 1 is no sound file"
    )
    assert_refused(
        capture(folder, f"hf:{tmp_path / 'talk'}:dev", tmp_path / "b"), "talk has no split 'dev'; it has train"
    )
    datasets.Dataset.from_dict({"text": ["a"]}).to_parquet(tmp_path / "talk" / "train.parquet")
    wanted = "talk has no column with sound (such as audio) or images (such as image); it has text"
    assert_refused(capture(folder, f"hf:{tmp_path / 'talk'}", tmp_path / "b"), wanted)


def test_sounds_of_a_folder_are_asked_about(spoken, tmp_path):
    model = tiny_hearing.hearing_model("qwen2_audio")
    model.network.save_pretrained(tmp_path / "m")
    model.processor.save_pretrained(tmp_path / "m")
    how = ("--ask", "<sound> w5 w6", "--positions", "audio")
    result = capture(tmp_path / "m", spoken, tmp_path, *how)
    assert result.exit_code == 0, result.output
    assert "while it hears" in result.stdout
    assert "captured 27 positions of 3 prompts" in result.stdout
    refused = capture(tmp_path / "m", spoken, tmp_path / "b")
    assert_refused(
        refused, "prompt 1: the text does not say where its sound goes; write <sound> there, or use the chat"
    )
    said = " ".join(run("doctor", tmp_path / "m", "--device", "cpu").stdout.split())
    assert "hearing: Qwen2AudioProcessor, one channel at 16,000 Hz, 2 s at once, decoder model.language_model" in said
    assert "<sound> in a prompt; audio positions: in the text, at its audio token" in said


def test_a_bad_sound_is_named_and_skipped_only_when_asked(folder, spoken, tmp_path):
    (spoken / "1.wav").write_text("no sound at all\n" * 20)
    file = tmp_path / "p.csv"
    file.write_text("audio_path\n" + "".join(f"spoken/{i}.wav\n" for i in range(3)))
    assert_refused(capture(folder, file, tmp_path), "prompt 2: ")
    assert not (tmp_path / "cap").exists()
    result = capture(folder, file, tmp_path, "--skip-bad")
    assert result.exit_code == 0, result.output
    assert "prompt 2 is skipped: " in result.stderr


def test_experiments_refuse_encoder_decoders(folder, tmp_path):
    result = run("study", "months", folder, "-o", tmp_path / "s", "--device", "cpu")
    assert_refused(result, "is an encoder-decoder, and this asks causal language models")
