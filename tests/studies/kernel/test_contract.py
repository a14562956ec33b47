"""What holds for every experiment: it goes on, overwrites nothing, comes back, and can be repeated; or is refused."""

import json
import shlex
import shutil
from importlib.metadata import version

import pytest
from cases import CASES, without_lm_eval
from huggingface_hub.utils import WeakFileLock
from tiny_study import NEUTRAL
from typed import assert_refused, run

from headpursuit import load_result
from headpursuit.cli import running
from headpursuit.records import from_record
from headpursuit.registry import NAMES, experiment
from headpursuit.report import pictures, render
from headpursuit.storage import read_json, sha256_of
from headpursuit.studies.tasks import declared

pytestmark = pytest.mark.filterwarnings("ignore")


def contents(folder):
    return {name: path.read_bytes() for name, path in files_in(folder).items()}


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def test_every_experiment_is_tried():
    assert set(CASES) == set(NAMES.values())
    assert {kind: experiment(name).kind.name for kind, name in NAMES.items()} == {kind: kind for kind in NAMES}


@pytest.fixture(scope="module", autouse=True)
def shortened():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(declared, "neutral_texts", lambda: NEUTRAL)
        without_lm_eval(patch)
        yield


@pytest.fixture(scope="module", params=CASES)
def made(request, tmp_path_factory):
    """An experiment, its result, its folder, and how often it told how far it is."""
    place, told = tmp_path_factory.mktemp(request.param), []
    case = CASES[request.param](place)
    return case, case.run(place / "out", progress=lambda *stage: told.append(stage)), place / "out", len(told)


@pytest.fixture
def copied(made, tmp_path):
    """The same folder, to be changed."""
    shutil.copytree(made[2], tmp_path / "out")
    return tmp_path / "out"


def begun(case, folder, n_told):
    """Begin it, and interrupt it after so many words about how far it is."""
    left = iter(range(n_told))

    def interrupt(*_):
        if next(left, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        case.run(folder, progress=interrupt)


def rewritten(folder, name, change):
    """Change a file and its checksum."""
    content, manifest = read_json(folder / name), read_json(folder / "manifest.json")
    change(content)
    (folder / name).write_text(json.dumps(content))
    manifest["files"][name] = sha256_of(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_it_comes_back_equal(made):
    case, result, folder, _ = made
    assert load_result(folder) == result
    assert experiment(case.name).kind.load(str(folder)) == result
    assert from_record(type(case.config), read_json(folder / "config.json")) == case.config


def test_its_manifest_says_which_software_made_it(made):
    versions = read_json(made[2] / "manifest.json")["versions"]
    assert versions["headpursuit"] == version("headpursuit")
    assert {"torch", "transformers"} <= set(versions)


def test_what_is_finished_is_not_overwritten(made):
    case, _, folder, _ = made
    before = {name: path.stat().st_mtime_ns for name, path in files_in(folder).items()}
    with pytest.raises(
        FileExistsError, match=r"out exists already; choose another output, or continue .* `resume=True`"
    ):
        case.run(folder)
    with pytest.raises(FileExistsError, match=r"out is finished; see it with `headpursuit report .*out`"):
        case.run(folder, resume=True)
    assert {name: path.stat().st_mtime_ns for name, path in files_in(folder).items()} == before


def test_a_folder_that_another_run_fills_is_refused_and_left_as_it_is(made, tmp_path):
    refused = pytest.raises(FileExistsError, match="out is being filled by another run; wait until it ends, or choose")
    with WeakFileLock(tmp_path / ".out.lock"), refused:
        made[0].run(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert [path.name for path in made[2].parent.iterdir() if path.name.endswith(".lock")] == []


@pytest.mark.parametrize("share", [0.3, pytest.param(0.7, marks=pytest.mark.slow)])
def test_what_was_interrupted_is_refused_and_goes_on(made, tmp_path, share):
    case, result, folder, n_told = made
    again = tmp_path / "out"
    begun(case, again, round(share * n_told))
    with pytest.raises(ValueError, match="out is unfinished; continue it with `resume=True`"):
        load_result(again)
    assert_refused(run("report", again), "is unfinished; continue it with --resume")
    with pytest.raises(FileExistsError, match="continue what is unfinished in it with `resume=True`"):
        case.run(again)
    with pytest.raises(ValueError, match=r"out was begun with other settings \(.* was .*, is .*\); give those"):
        case.run(again, config=case.other, resume=True)
    parts = {name: path.stat().st_mtime_ns for name, path in files_in(again).items()}
    resumed = case.run(again, resume=True)
    assert experiment(case.name).kind.load(again) == resumed
    kept = {name for name, when in parts.items() if (again / name).stat().st_mtime_ns == when}
    assert set(parts) - kept <= {"edit.json"}
    apart = set(experiment(case.name).kind.apart) - {"ranking"}
    assert {f for f in vars(result) if getattr(result, f) != getattr(resumed, f)} <= apart
    assert set(files_in(again)) == set(files_in(folder))


def test_a_newer_version_is_refused(copied):
    manifest = read_json(copied / "manifest.json")
    (copied / "manifest.json").write_text(json.dumps(manifest | {"version": 2}))
    with pytest.raises(ValueError, match=r"out was written by another version of headpursuit \(format 2\)"):
        load_result(copied)
    assert_refused(run("report", copied), "was written by another version of headpursuit (format 2)")


def test_another_kind_is_refused(made, copied, tmp_path):
    case, _, _, _ = made
    kind = experiment(case.name).kind
    manifest = read_json(copied / "manifest.json")
    (copied / "manifest.json").write_text(json.dumps(manifest | {"kind": "photo album"}))
    message = f"out is no {kind.name}: its manifest.json says 'photo album'"
    with pytest.raises(ValueError, match=message):
        kind.load(copied)
    with pytest.raises(ValueError, match=message):
        case.run(copied, resume=True)
    assert_refused(run("report", copied), "its manifest.json says 'photo album'")
    (tmp_path / "photos").mkdir()
    with pytest.raises(FileExistsError, match=f"photos exists and is no {kind.name}"):
        case.run(tmp_path / "photos", resume=True)
    (tmp_path / "photos" / "config.json").write_text('{"photos": 3}')
    with pytest.raises(ValueError, match=f"config.json is no config of a {kind.name} that this version can read"):
        case.run(tmp_path / "photos", resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(command=7), "command is 7, not text"),
        (lambda content: content["versions"].update(torch=2), "versions: torch is 2, not text"),
        (lambda content: content.pop("command"), "command is missing"),
        (lambda content: content.update(photos=3), "photos is no field of"),
    ],
)
def test_a_field_of_the_wrong_type_is_refused_by_name(made, copied, change, message):
    kind = experiment(made[0].name).kind
    rewritten(copied, kind.file, change)
    with pytest.raises(ValueError, match=f"{kind.file} is no {kind.name} that this version can read .{message}"):
        load_result(copied)
    assert_refused(run("report", copied), f"is no {kind.name} that this version can read ({message}")


SPLIT = {
    "captions": (lambda content: content["sheets"].pop("enhance"), "the verdict on enhance stands without its dose"),
    "lm_eval": (lambda content: content["arms"].clear(), "arms: a base and an edit are needed"),
    "screen": (lambda content: content["writes"].pop(0), "writes lacks L"),
}


def test_a_result_whose_parts_do_not_belong_together_is_refused(made, copied):
    name = made[0].name
    if name in SPLIT:
        change, message = SPLIT[name]
        rewritten(copied, experiment(name).kind.file, change)
        assert_refused(run("report", copied), message)


def test_a_damaged_part_is_refused_by_name(copied):
    name = next(name for name in files_in(copied) if name not in ("config.json", "manifest.json"))
    (copied / name).write_bytes((copied / name).read_bytes() + b" ")
    with pytest.raises(ValueError, match=f"out is damaged: {name} does not match its checksum"):
        load_result(copied)


def test_the_page_is_written_and_loads_nothing(made, copied, monkeypatch):
    drawn, saved = [], pictures.saved
    monkeypatch.setattr(pictures, "saved", lambda *picture: drawn.append(saved(*picture)) or drawn[-1])
    page = render(copied)
    text, files = page.read_text(), contents(copied)
    assert page.parent == copied
    assert text.lower().startswith("<!doctype html>")
    assert "default-src 'none'" in text
    again = iter(drawn)  # which takes long, and is the same every time
    monkeypatch.setattr(pictures, "saved", lambda *_: next(again))
    result = run("report", copied)
    assert result.exit_code == 0, result.output
    assert str(page) in result.stdout
    assert contents(copied) == files


def test_a_terminal_shows_tables_and_what_was_found(made, capsys):
    case, result, _, _ = made
    running.show_parts(experiment(case.name).shown(result))
    shown = capsys.readouterr().out
    for words in (getattr(result, "sentence", ""), *getattr(result, "sentences", ())):
        assert words in shown
    assert len(shown.splitlines()) > 4


def test_the_command_asks_for_the_same_again(made, tmp_path, monkeypatch):
    """The words that are printed reach the program as the same settings."""
    case, result, folder, _ = made
    asked = []
    monkeypatch.setattr(running, "run_experiment", lambda *given, **_: asked.append(given))
    monkeypatch.chdir(folder.parent)
    words = shlex.split(result.command)
    assert words[0] == "headpursuit"
    typed = run(*words[1:])
    assert typed.exit_code == 0, typed.output
    found, config, output = asked[0]
    assert (found.name, config) == (experiment(case.name).name, case.config)
    assert output.name.startswith("out")
