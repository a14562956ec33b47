"""Whatever a file holds, it is read whole, or refused in one line that names it; nothing is dropped without a word.

A few hundred inputs by default; `make fuzz` tries over ten thousand others.
"""

import csv
import io
import json
import re
import warnings

import pytest
import torch
import yaml
from damaged import altered, encoded, mangled, texts, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import save_picture

from headpursuit.analysis import Capture, CaptureConfig, RankConfig, RankedHead, Ranking, SavedEdit, read_prompts
from headpursuit.analysis.samples import Samples
from headpursuit.concepts import Concept, load_concept
from headpursuit.concepts.normalising import normalised
from headpursuit.files import is_blank
from headpursuit.heads import Edit, Head
from headpursuit.media import load_images
from headpursuit.models import Identity
from headpursuit.pursuit import Moments
from headpursuit.storage import sha256_of
from headpursuit.studies import load_task
from headpursuit.studies.experiments.sensitivity.synonyms import read_synonyms
from headpursuit.studies.experiments.transfer.files import read_tasks
from headpursuit.studies.tasks import rows as rows_of_tasks

pytestmark = [pytest.mark.usefixtures("as_users_run_it"), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def _no_data_sets(monkeypatch):
    """Any name may be that of a data set on the hub, or of a folder on this machine."""

    def out_of_reach(name, *_):
        raise ConnectionError("the data sets of fuzz are out of reach")

    monkeypatch.setattr(rows_of_tasks, "data_set", out_of_reach)


FEW, MANY = 40, 1000


def read(reader, *arguments):
    """What a reader makes of a file; None if it refuses it as it should."""
    try:
        return reader(*arguments)
    except (ValueError, OSError) as error:
        text = str(error)
        assert "\n" not in text and len(text) < 1000, text
        # All files here are called so, or lie in a folder that is; but a table may name any image.
        assert "fuzz" in text or "image" in text, text
        return None


def lines(content):
    """The lines of a text file, by hand."""
    text = content.decode("utf-8-sig")
    found = re.split("\r\n|\n|\r", text)
    return [line.removeprefix("\ufeff") for line in found]


def words(folder, content):
    file = folder / "fuzz.txt"
    file.write_bytes(content)
    found = read(load_concept, file)
    if found is not None:
        own = [normalised(line) for line in lines(content)]
        assert found.words == tuple(dict.fromkeys(line for line in own if line and not line.startswith("#")))


def synonyms(folder, content):
    file = folder / "fuzz.txt"
    file.write_bytes(content)
    found = read(read_synonyms, file, Concept("c", ("a", "b")))
    assert found is None or found.keys() <= {"a", "b"}


def prompts_in_lines(folder, content):
    file = folder / "fuzz.TXT"
    file.write_bytes(content)
    found = read(read_prompts, file)
    if found is not None:
        assert list(found) == [line for line in lines(content) if not is_blank(line)]
        assert len(found) == len(list(found))


def prompts_in_json_lines(folder, content):
    file = folder / "fuzz.jsonl"
    file.write_bytes(content)
    found = read(read_prompts, file)
    if found is not None:
        rows = [json.loads(line) for line in lines(content) if line.strip()]
        assert [row.get("prompt") for row in rows if "prompt" in row] == [one for one in found if isinstance(one, str)]
        assert len(found) == len(rows)


def prompts_in_a_table(folder, content):
    file = folder / "fuzz.csv"
    file.write_bytes(content)
    found = read(read_prompts, file)
    if found is not None:
        head, *rows = [
            row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True) if row
        ]
        place = [name.strip() for name in head].index("prompt")
        assert [row[place] for row in rows] == list(found)
        assert all(len(row) == len(head) for row in rows)


def prompts_in_a_list(folder, content):
    file = folder / "fuzz.json"
    file.write_bytes(content)
    found = read(read_prompts, file)
    assert found is None or len(found) == len(json.loads(content.decode("utf-8-sig")))


def prompts_in_parquet(folder, content):
    file = folder / "fuzz.parquet"
    file.write_bytes(content)
    found = read(read_prompts, file)
    assert found is None or list(found) == ["a", "b, c", "d"]


def task(folder, content):
    (folder / "fuzz-rows.jsonl").write_text('{"asked": "x", "answer": "red"}\n' * 2 + '{"asked": "y", "answer": 5}\n')
    file = folder / "fuzz.yaml"
    file.write_bytes(content)
    found = read(load_task, str(file))
    if found is not None:
        assert found.ranking_questions
        assert all(isinstance(text, str) and text.strip() for q in found.questions for text in (q.prompt, *q.answers))


def rows(folder, content):
    (folder / "fuzz-rows.jsonl").write_bytes(content)
    file = folder / "fuzz.yaml"
    file.write_text(yaml.safe_dump(TASK))
    found = read(load_task, str(file))
    if found is not None:
        given = [json.loads(line) for line in lines(content) if line.strip()]
        assert {q.prompt for q in found.questions} == {f"{row['asked']} is" for row in given}
        answers = [row["answer"] for row in given]
        own = {str(one) for each in answers for one in (each if isinstance(each, list) else [each])}
        assert {answer for q in found.questions for answer in q.answers} == own


def transfer(folder, content):
    file = folder / "fuzz.yaml"
    file.write_bytes(content)
    read(read_tasks, [str(file)])


def edit(folder, content):
    file = folder / "fuzz.json"
    file.write_bytes(content)
    found = read(SavedEdit.load, file)
    if found is not None:
        found.save(folder / "again.json")
        assert SavedEdit.load(folder / "again.json") == found
        written = json.loads(content.decode("utf-8-sig"))
        assert len(found.edit) == len(written.get("scales", written))


def ranking(folder, content):
    file = folder / "fuzz.json"
    file.write_bytes(content)
    found = read(Ranking.load, file)
    if found is not None:
        found.save(folder / "again.json")
        assert repr(Ranking.load(folder / "again.json")) == repr(found)  # as text, since no NaN equals another


def capture(folder, damage):
    name, content, is_listed = damage
    place = folder / "fuzz"
    if not place.exists():
        CAPTURE.save(place)
    kept = {file: file.read_bytes() for file in place.iterdir()}
    try:
        (place / name).write_bytes(content)
        if is_listed and name != "manifest.json":
            manifest = json.loads((place / "manifest.json").read_text())
            manifest["files"][name] = sha256_of(place / name)
            (place / "manifest.json").write_text(json.dumps(manifest))
        found = read(Capture.load, place)
        if found is not None:
            assert found.n_samples == found.moments["L0"].count
            assert len(found.samples) == len(found.samples.prompt_of) == len(found.samples.position_of)
    finally:
        for file, own in kept.items():
            file.write_bytes(own)


def captions(folder, content):
    for n in range(4):
        save_picture(folder / "fuzz" / f"{n}.png", n)
    (folder / "fuzz" / "metadata.csv").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = read(load_images, str(folder / "fuzz"))
    if found is not None:
        _, *table = [
            row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True) if row
        ]
        assert {image.name for image in found.images} <= {row[0] for row in table}


def parquet():
    pytest.importorskip("pyarrow")
    from pyarrow import BufferOutputStream, table
    from pyarrow.parquet import write_table

    made = BufferOutputStream()
    write_table(table({"prompt": ["a", "b, c", "d"]}), made, write_page_checksum=True)
    return made.getvalue().to_pybytes()


TASK = {
    "concept": "colours",
    "target": {"data": "fuzz-rows.jsonl", "prompts": "{asked} is", "answers": "answer", "fact": "asked"},
    "unrelated": "none",
    "name": "fuzz",
    "settings": {"heads": 2},
}
ROWS = [{"asked": str(n), "answer": ["red", "blue"]} for n in range(3)]
EDIT = SavedEdit(Edit({Head(1, 2): -1.0, Head(3, 4): 0.5}, (0, -1)), "m", None, "0", "c").to_json()
RANKING = Ranking(
    "c",
    tuple(RankedHead(Head(0, n), 0.5 - n / 10, 0.1, 1.0, 0.5, None) for n in range(3)),
    RankConfig(),
    "m",
    None,
    "0",
    ("a", "\0"),
)
_MIXED = torch.arange(12.0).reshape(3, 2, 2)
CAPTURE = Capture(
    {"L0": Moments.of(_MIXED)},
    Samples({"L0": _MIXED}, torch.arange(3), torch.arange(3), torch.arange(3)),
    CaptureConfig(),
    Identity("m", None, "float32", "0", "1"),
    3,
)


def tabled(names):
    """Tables as `csv` writes them, of any text."""
    cells = st.lists(st.lists(texts, min_size=len(names), max_size=len(names)), min_size=1, max_size=4)
    return cells.map(lambda rows: _written([names, *rows])) | mangled(cells.map(lambda rows: _written([names, *rows])))


def _written(rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return encoded(text.getvalue())


def listed(keys):
    """Rows in lines of JSON, most of them with these keys."""
    row = st.fixed_dictionaries({key: texts | values for key in keys}) | values
    dumped = st.builds(lambda each, ascii: json.dumps(each, ensure_ascii=ascii), row, st.booleans())
    return st.lists(dumped, min_size=1, max_size=4).map(lambda rows: encoded("\n".join(rows)))


def as_file(content):
    return encoded(json.dumps(content, indent=1))


def of_capture():
    names = st.sampled_from(["moments.safetensors", "samples.safetensors"])
    good = {name: _file(name) for name in ("manifest.json", "moments.safetensors", "samples.safetensors")}
    manifest = json.loads(good["manifest.json"])
    tensors = st.one_of(*(st.tuples(st.just(name), mangled(st.just(good[name])), st.booleans()) for name in good))
    swapped = st.tuples(names, names.map(good.__getitem__), st.just(True))
    return tensors | swapped | st.tuples(st.just("manifest.json"), altered(manifest), st.just(True))


def _file(name):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        CAPTURE.save(Path(folder) / "c")
        return (Path(folder) / "c" / name).read_bytes()


any_text = st.lists(texts, max_size=5).map("\n".join).map(encoded) | st.binary(max_size=60)

READERS = {
    "words": (words, lambda: any_text | mangled(st.just(b"# source: x\nred\ngreen\n\nblue"))),
    "synonyms": (synonyms, lambda: any_text | mangled(st.just(b"a, red\n# b\nb, x, y\n"))),
    "prompts in lines": (prompts_in_lines, lambda: any_text),
    "prompts in JSON lines": (prompts_in_json_lines, lambda: listed(["prompt"]) | mangled(listed(["prompt"]))),
    "prompts in a table": (prompts_in_a_table, lambda: tabled(["prompt", "label"]) | tabled(["prompt"]) | any_text),
    "prompts in a list": (prompts_in_a_list, lambda: altered([{"prompt": "a"}, {"prompt": "b"}]) | values.map(as_file)),
    "prompts in Parquet": (prompts_in_parquet, lambda: mangled(st.just(parquet()))),
    "tasks": (task, lambda: altered(TASK) | mangled(st.just(encoded(yaml.safe_dump(TASK)))) | any_text),
    "rows of tasks": (rows, lambda: listed(["asked", "answer"]) | altered_rows()),
    "tasks of a transfer": (
        transfer,
        lambda: altered({"tasks": [{"task": "a", "heads": 2}], "settings": {"x": 1}}) | any_text,
    ),
    "edits": (edit, lambda: altered(EDIT) | mangled(st.just(as_file(EDIT))) | values.map(as_file)),
    "rankings": (ranking, lambda: altered(RANKING.to_json()) | mangled(st.just(as_file(RANKING.to_json())))),
    "captures": (capture, of_capture),
    "captions": (captions, lambda: tabled(["file_name", "caption"]) | captioned()),
}


def altered_rows():
    return (
        altered(ROWS)
        .map(json.loads)
        .map(lambda found: encoded("\n".join(map(json.dumps, found if isinstance(found, list) else [found]))))
    )


def captioned():
    """Tables about pictures that are there."""
    said = st.lists(texts, min_size=4, max_size=4)
    good = said.map(
        lambda each: _written([["file_name", "caption"], *([f"{n}.png", text] for n, text in enumerate(each))])
    )
    return good | mangled(good)


def explored(name, folder, count):
    reader, contents = READERS[name]
    tried = 0

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(contents())
    def try_it(content):
        nonlocal tried
        tried += 1
        reader(folder, content)

    try_it()
    assert tried >= count


@pytest.mark.parametrize("name", READERS)
def test_any_file_is_read_whole_or_refused(tmp_path, name):
    explored(name, tmp_path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_any_file_of_thousands_is_read_whole_or_refused(tmp_path, name):
    explored(name, tmp_path, MANY)
