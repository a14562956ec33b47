"""Sound files of every kind that users have, and what is none."""

import numpy as np
import pytest

from headpursuit.analysis import read_prompts, readable
from headpursuit.analysis.prompt_stream import check_files, sha256_of_prompts
from headpursuit.media import AudioPrompt, Sound, check_sound, open_sound, sound_seconds

soundfile = pytest.importorskip("soundfile", reason="needs the extra audio")
pytest.importorskip("soxr", reason="needs the extra audio")


def tone(rate, seconds=0.25, hertz=440):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def written(path, values, rate, **how):
    soundfile.write(path, values, rate, **how)
    return path


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_files_of_every_kind_are_one_channel_at_the_rate_that_is_wanted(suffix, tmp_path):
    both = np.stack([tone(48000), np.zeros(12000)], axis=1)
    found = open_sound(written(tmp_path / f"a.{suffix}", both, 48000), 16000)
    assert found.dtype == np.float32
    assert abs(len(found) - 4000) < 600  # coders fill up what they are given
    loudest = np.abs(np.fft.rfft(found))
    assert abs(loudest.argmax() * 16000 / len(found) - 440) < 8
    assert 0.2 < np.abs(found[1000:3000]).max() < 0.3  # the mean of a tone of 0.5 and silence


def test_sound_in_memory_is_never_empty():
    with pytest.raises(ValueError, match="holds no frame"):
        Sound(np.zeros((0, 2)), 16000)


def test_eight_bits_are_read_as_what_they_are(tmp_path):
    found = open_sound(written(tmp_path / "a.wav", tone(16000), 16000, subtype="PCM_U8"), 16000)
    np.testing.assert_allclose(found, tone(16000), atol=0.01)


def test_sound_in_memory_is_read_like_a_file(tmp_path):
    file = written(tmp_path / "a.wav", tone(8000), 8000, subtype="FLOAT")
    np.testing.assert_allclose(open_sound(Sound(tone(8000).astype(np.float32), 8000), 16000), open_sound(file, 16000))
    assert sound_seconds(file) == sound_seconds(Sound(tone(8000), 8000)) == 0.25


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty, not a sound file"), (b"some text\n" * 50, "is no sound file that can be read .*give wav, flac")],
)
def test_what_is_no_sound_is_refused_in_one_line(content, reason, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.wav {reason}") as error:
        check_sound(tmp_path / "a.wav", None)
    assert "\n" not in str(error.value)


def test_sounds_that_are_missing_empty_too_long_or_broken_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no sound file .*a\.wav"):
        check_sound(tmp_path / "a.wav", None)
    with pytest.raises(ValueError, match="is a folder, not a sound file"):
        check_sound(tmp_path, None)
    with pytest.raises(ValueError, match=r"n\.wav is a sound file of no length"):
        check_sound(written(tmp_path / "n.wav", np.zeros(0), 16000), None)
    with pytest.raises(ValueError, match=r"l\.wav takes 3\.0 s, but the model hears 2 s at once; cut it"):
        check_sound(written(tmp_path / "l.wav", tone(8000, 3), 8000), 2.0)
    with pytest.raises(ValueError, match="infinite or undefined"):
        open_sound(Sound(np.full(10, np.nan), 16000), 16000)
    with pytest.raises(ValueError, match="0 frames a second; give its rate"):
        open_sound(Sound(tone(8000), 0), 16000)


def test_tables_name_sounds_beside_them(tmp_path):
    written(tmp_path / "a.wav", tone(8000), 8000)
    (tmp_path / "p.jsonl").write_text(
        '{"audio_path": "a.wav"}\n{"audio_path": "b.wav", "label": "x"}\n{"prompt": "t"}\n'
    )
    prompts = read_prompts(tmp_path / "p.jsonl")
    assert list(prompts) == [AudioPrompt(tmp_path / "a.wav"), AudioPrompt(tmp_path / "b.wav"), "t"]
    with pytest.raises(FileNotFoundError, match=r"prompt 2: there is no sound file .*b\.wav"):
        check_files(prompts)
    told = []
    assert list(readable(prompts, told.append)) == [AudioPrompt(tmp_path / "a.wav"), "t"]
    assert told[0].startswith("prompt 2 is skipped: there is no sound file")


def test_a_row_with_sound_and_text_asks_about_the_sound(tmp_path):
    (tmp_path / "p.csv").write_text("prompt,audio_path\nsay this,a.wav\n,b.wav\n")
    asked, heard = read_prompts(tmp_path / "p.csv")
    assert asked == AudioPrompt(tmp_path / "a.wav", "say this")
    assert heard == AudioPrompt(tmp_path / "b.wav")
    (tmp_path / "p.csv").write_text("prompt,audio_path,image_path\nsay this,a.wav,b.png\n")
    with pytest.raises(ValueError, match="line 2: it has image_path and audio_path; a prompt has one of them"):
        read_prompts(tmp_path / "p.csv")


def test_prompts_are_told_apart_by_what_is_heard(tmp_path):
    one, other = (written(tmp_path / f"{i}.wav", tone(8000, hertz=200 * i), 8000) for i in (1, 2))
    first = sha256_of_prompts([AudioPrompt(one)])
    assert first != sha256_of_prompts([AudioPrompt(other)])
    assert sha256_of_prompts([AudioPrompt(Sound(tone(8000), 8000))]) == sha256_of_prompts(
        [AudioPrompt(Sound(tone(8000), 8000))]
    )
    written(one, tone(8000, hertz=300), 8000)
    assert first != sha256_of_prompts([AudioPrompt(one)])
