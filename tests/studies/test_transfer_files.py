"""How tasks are named."""

import json
from pathlib import Path

import pytest

from headpursuit.studies.experiments.transfer import TransferConfig, TransferTask, find_tasks, read_tasks


def written(folder, text, name="transfer.yaml"):
    (folder / name).write_text(text)
    return str(folder / name)


def test_tasks_by_name_and_with_data():
    tasks, settings = read_tasks(["countries-qa", "image-classification:digits", "image-classification:hf:a/b"])
    assert tasks == (
        TransferTask("countries-qa", "countries-qa"),
        TransferTask("image-classification-digits", "image-classification", {"data": "digits"}),
        TransferTask("image-classification-b", "image-classification", {"data": "hf:a/b"}),
    )
    assert settings == {}


def test_a_file_lists_tasks_and_settings_and_what_lies_beside_it(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    file = written(
        tmp_path,
        "settings: {heads: 3, n_draws: 5}\n"
        "tasks:\n"
        "  - {name: a, task: image-classification, data: digits, ask: 'Describe the image.'}\n"
        "  - {task: image-classification, data: photos, images: 7}\n"
        "  - {name: c, task: mine.yaml}\n",
    )
    tasks, settings = read_tasks([file, "countries-qa", str(tmp_path / "mine.yaml")])
    assert [task.name for task in tasks] == ["a", "image-classification-photos", "c", "countries-qa", "mine"]
    assert tasks[0].settings == {"data": "digits", "ask": "Describe the image."}
    assert tasks[1].settings == {"data": str(tmp_path / "photos"), "images": 7}
    assert tasks[2].task == tasks[4].task == str(tmp_path / "mine.yaml")
    config = TransferConfig.of("m", tasks, settings | {"seed": 3})
    assert (config.heads, config.ranking.n_draws, config.ranking.seed, config.seed) == ("3", 5, 3, 3)
    assert config.study_of(tasks[1]).images == 7
    assert config.study_of(tasks[0]).images == 200
    fewer = TransferConfig.of("m", tasks, {"images": 9})
    assert [fewer.study_of(task).images for task in tasks[:2]] == [9, 7]
    assert (config.study_of(tasks[0]).positions, config.study_of(tasks[3]).positions) == ("generated", "last")


@pytest.mark.parametrize("text", ["{name: Other Name, concept: months}", "{name: Other Name, task: months}"])
def test_a_file_s_task_has_the_name_that_the_file_gives_it(tmp_path, text):
    file = written(tmp_path, text, "saved-as.yaml")
    tasks, _ = read_tasks([file])
    assert tasks == (TransferTask("other-name", file),)
    listed, _ = read_tasks([written(tmp_path, "tasks: [{task: saved-as.yaml}, {task: saved-as.yaml, name: mine}]")])
    assert [task.name for task in listed] == ["other-name", "mine"]


def test_the_config_that_is_written_can_be_given_again(tmp_path):
    tasks, settings = read_tasks(["countries-qa", "image-classification:digits"])
    config = TransferConfig.of("m", tasks, settings | {"scale": -2.0, "score": "explained", "seed": 2})
    again = read_tasks([written(tmp_path, json.dumps(config.to_json()), "config.json")])
    assert TransferConfig.of("m", *again) == config == TransferConfig.from_json(config.to_json())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tasks: [{name: a}]", "each of the tasks needs a key task"),
        ("tasks: [{task: x, heads: 3}]", "the task x has no setting 'heads'; it can have "),
        ("tasks: [{task: x, name: 'A b'}]", "'A b' cannot name a task"),
        ("tasks: [{task: captioning, data: scenes}]", "captioning has figures of its own"),
        ("tasks: [{task: x, images: many}]", "the task x, images: expected int, found 'many'"),
        ("tasks: countries-qa", "no list of rows"),
        ("tasks: []\nheads: 3", "unknown key 'heads'"),
        ("tasks: []\nsettings: 3", "the settings in .* are 3"),
        ("- a", "holds no settings"),
        ("tasks: [", "cannot be read as YAML"),
    ],
)
def test_files_that_say_nothing_useful_are_refused(tmp_path, text, reason):
    with pytest.raises(ValueError, match=reason):
        read_tasks([written(tmp_path, text)])


def test_what_is_missing_or_unknown_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file lost.yaml"):
        read_tasks(["lost.yaml"])
    with pytest.raises(ValueError, match="there is no setting 'head'; did you mean heads"):
        TransferConfig.of("m", read_tasks(["a", "b"])[0], {"head": 2})
    with pytest.raises(ValueError, match="settings, images: expected int, found '9'"):
        TransferConfig.of("m", read_tasks(["a", "b"])[0], {"images": "9"})


def test_whole_numbers_do_for_text_and_fractions():
    config = TransferConfig.of("m", read_tasks(["a", "b"])[0], {"heads": 2, "scale": -1, "images": None})
    assert (config.heads, type(config.scale), config.images) == ("2", float, None)


def test_the_worked_example_can_be_read_and_tests_what_it_says():
    studies = Path(__file__).parents[2] / "studies"
    tasks, settings = read_tasks([str(studies / "transfer-digits.yaml")])
    found = find_tasks(TransferConfig.of("smollava-135m", tasks, settings | {"images": 5, "selection_images": 5}))
    assert list(found) == ["digits", "digit-captions", "counting", "number-words", "cities"]
    assert {task.direction for task in found.values()} == {"suppress"}
    assert {q.text for q in found["digit-captions"].heldout if q.group == "target"} == {"Describe the image."}
    words = set(found["number-words"].words.words)
    assert all(q.answers[0] in words for q in found["number-words"].questions if q.group == "target")
    assert not any(set(q.answers) & words for q in found["cities"].questions)
