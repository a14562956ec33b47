from dataclasses import replace

import pytest
import tiny
from tiny_study import ARMS, breaking_in

from headpursuit.concepts import Concept
from headpursuit.report import render
from headpursuit.storage import read_json, sha256_of, write_json
from headpursuit.studies import StudyResult, study
from headpursuit.studies.steps import ranked, study_run


def test_a_study_repeats_exactly(finished, model, config, tmp_path):
    result, folder = finished
    again = study(model, config, tmp_path / "study")
    assert again == result
    assert (tmp_path / "study" / "study.json").read_bytes() == (folder / "study.json").read_bytes()


def test_an_interrupted_study_goes_on_where_it_stopped(finished, model, config, tmp_path, monkeypatch):
    folder = tmp_path / "study"
    with breaking_in("matched-2") as begun, pytest.raises(KeyboardInterrupt):
        study(model, config, folder)
    assert begun == ARMS[:4]
    assert sorted(path.stem for path in (folder / "arms").iterdir()) == sorted(ARMS[:3])

    monkeypatch.setattr(ranked, "capture", None)  # finished before, so not to be called again
    monkeypatch.setattr(ranked, "rank", None)
    monkeypatch.setattr(study_run, "explain", None)
    with breaking_in(None) as begun:
        result = study(model, config, folder, resume=True)
    assert begun == ARMS[3:]
    assert result == finished[0]
    assert StudyResult.load(folder) == result


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("arms/edit.json", lambda arm: arm["answers"].pop(), r"edit\.json has \d+ answers to \d+ questions; remove"),
        ("arms/edit.json", lambda arm: arm["edit"].update(scope="prompt"), r"edit\.json is of another edit than edit"),
        ("ranking.json", lambda ranking: ranking["entries"].pop(), r"ranking\.json lacks L\dH\d; remove the file"),
    ],
)
def test_parts_that_are_not_whole_are_refused(model, config, tmp_path, file, change, told):
    with breaking_in("matched-1"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study")
    content = read_json(tmp_path / "study" / file)
    change(content)
    write_json(tmp_path / "study" / file, content)
    with pytest.raises(ValueError, match=told):
        study(model, config, tmp_path / "study", resume=True)


def test_a_study_interrupted_while_capturing_leaves_no_half_capture(model, config, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ranked.Capture, "_description", interrupt)
        with pytest.raises(KeyboardInterrupt):
            study(model, config, tmp_path / "study")
    assert {path.name for path in (tmp_path / "study").iterdir()} == {"config.json", "model.json"}
    assert study(model, config, tmp_path / "study", resume=True).concept == "colours"


@pytest.fixture
def copied(finished, tmp_path):
    folder = tmp_path / "study"
    for file in finished[1].rglob("*"):
        if file.is_file():
            (folder / file.relative_to(finished[1])).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.relative_to(finished[1])).write_bytes(file.read_bytes())
    return folder


@pytest.mark.parametrize("name", ["study.json", "ranking.json", "arms/edit.json", "capture/moments.safetensors"])
def test_a_changed_file_is_refused_by_name(copied, name):
    file = copied / name
    file.write_bytes(file.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(ValueError, match=f"study is damaged: {name} does not match its checksum"):
        StudyResult.load(copied)


def test_a_missing_file_is_refused_by_name(copied):
    (copied / "arms" / "base.json").unlink()
    with pytest.raises(ValueError, match="study is incomplete: arms/base.json is missing"):
        StudyResult.load(copied)


def test_arms_that_were_asked_other_groups_are_refused(copied):
    content = read_json(copied / "study.json")
    content["arms"][1]["unrelated"] = None
    write_json(copied / "study.json", content)
    manifest = read_json(copied / "manifest.json")
    write_json(copied / "manifest.json", manifest | {"files": {"study.json": sha256_of(copied / "study.json")}})
    with pytest.raises(ValueError, match=r"study\.json is no study .*arms: edit has no unrelated questions"):
        render(copied)


def test_what_is_no_study_is_refused(finished, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .*gone; expected a study"):
        StudyResult.load(tmp_path / "gone")
    with pytest.raises(ValueError, match="capture is no study: its manifest.json says 'capture'"):
        StudyResult.load(finished[1] / "capture")


def test_another_model_cannot_go_on_with_a_study(model, config, tmp_path):
    with breaking_in("edit"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study")
    with pytest.raises(ValueError, match="was begun with another model .model.json."):
        study(tiny.word_model(seed=1), config, tmp_path / "study", resume=True)


def test_other_questions_or_words_cannot_go_on_with_a_study(model, config, task, words, tmp_path):
    with breaking_in("edit"), pytest.raises(KeyboardInterrupt):
        study(model, config, tmp_path / "study", task=task)
    first, *others = task.questions
    changed = [
        replace(task, questions=(*others, first)),
        replace(task, questions=(replace(first, answers=("w5",)), *others)),
        replace(task, concept=Concept("colours", ("w20", "w61"))),
        replace(task, neutral_texts=("w11 w12",)),
    ]
    for other in changed:
        with pytest.raises(
            ValueError,
            match="was begun with other questions, images, neutral text, settings or concepts",
        ):
            study(model, config, tmp_path / "study", task=other, resume=True)
    study(model, config, tmp_path / "study", task=task, resume=True)


def test_a_folder_begun_before_a_setting_existed_is_told_the_flag_that_goes_on_with_it(model, config, tmp_path):
    folder = tmp_path / "study"
    with breaking_in("base"), pytest.raises(KeyboardInterrupt):
        study(model, config, folder)
    saved = {name: value for name, value in read_json(folder / "config.json").items() if name != "baselines"}
    write_json(folder / "config.json", saved)
    with pytest.raises(ValueError, match="baselines was False, is True: `--no-baselines`.; give those"):
        study(model, replace(config, baselines=True), folder, resume=True)
