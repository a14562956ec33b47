import sys
import time

import pytest

from headpursuit.files import column
from headpursuit.studies.tasks.rows import filled, read_rows

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.fixture
def base(tmp_path):
    """A folder with data of every kind."""
    (tmp_path / "rows.jsonl").write_text('{"q": "who?", "answer": {"aliases": ["x", "y"]}}\n{"q": "when?"}\n')
    for split, text in (("train", "one"), ("test", "two")):
        (tmp_path / "both").mkdir(exist_ok=True)
        datasets.Dataset.from_dict({"text": [text]}).to_parquet(tmp_path / "both" / f"{split}.parquet")
    (tmp_path / "single").mkdir()
    datasets.Dataset.from_dict({"text": ["only", "these"]}).to_parquet(tmp_path / "single" / "train.parquet")
    datasets.Dataset.from_dict({"text": ["saved"]}).save_to_disk(tmp_path / "saved")
    return tmp_path


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("single", ["only", "these"]),
        ("hf:single", ["only", "these"]),
        ("hf:both::test", ["two"]),
        ("hf:both:default:train", ["one"]),
        ("hf:saved", ["saved"]),
    ],
)
def test_folders_are_read_by_the_library(base, source, texts):
    assert [row["text"] for row in read_rows(source, base)] == texts


def test_rows_know_where_they_stand(base):
    assert [row.where for row in read_rows("rows.jsonl", base)] == [f"{base}/rows.jsonl, line {n}" for n in (1, 2)]
    assert read_rows("hf:both::test", base)[0].where == f"{base}/both, test, row 0"
    (base / "rows.csv").write_text("text\nhello\n")
    assert read_rows(str(base / "rows.csv"), base / "elsewhere") == [{"text": "hello"}]


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("hf:both", ValueError, r"both has several splits: train, test; name one, like hf:NAME:CONFIG:SPLIT"),
        ("hf:both::validation", ValueError, r"both has no split 'validation'; it has train, test"),
        ("hf:both:nonsense", ValueError, r"the data set .*both cannot be loaded: .*default"),
        ("hf:", ValueError, r"'hf:' names no data set; write hf:NAME, "),
        ("hf:a:b:c:d", ValueError, r"'hf:a:b:c:d' names no data set"),
        ("nothing.jsonl", FileNotFoundError, r"there is no file or folder .*nothing\.jsonl; data are a file \.jsonl, "),
        ("empty.jsonl", ValueError, r"empty\.jsonl has no rows"),
    ],
)
def test_data_that_are_not_there_are_named(base, source, error, message):
    (base / "empty.jsonl").write_text("\n")
    with pytest.raises(error, match=message) as found:
        read_rows(source, base)
    assert "\n" not in str(found.value)


def test_without_a_network_one_line_comes_at_once(tmp_path, monkeypatch, caplog):
    # Nothing listens there.
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=r"^the data set someone/some is not on this machine, and .* \(.*refused"):
        read_rows("hf:someone/some:rc:validation", tmp_path)
    assert time.monotonic() - start < 10
    assert not datasets.config.HF_HUB_OFFLINE
    assert "Retrying" not in caplog.text


def test_without_a_network_the_copy_in_the_cache_is_read(tmp_path, monkeypatch):
    folder = tmp_path / "cache" / "someone___some" / "default" / "0.0.0" / "abc"
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder.mkdir(parents=True)
    made = datasets.Dataset.from_dict({"text": ["kept"]})
    made.to_parquet(tmp_path / "train.parquet")
    loaded = datasets.load_dataset("parquet", data_files={"train": str(tmp_path / "train.parquet")}, split="train")
    files = [path for path in (tmp_path / "cache" / "parquet").rglob("*") if path.is_file()]
    for path in files:
        if path.suffix in (".arrow", ".json"):
            (folder / path.name.replace("parquet-", "some-")).write_bytes(path.read_bytes())
    assert len(loaded) == 1
    assert [row["text"] for row in read_rows("hf:someone/some", tmp_path)] == ["kept"]


def test_the_missing_library_is_named_with_its_extra(base, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'headpursuit\[data\]'"):
        read_rows("hf:single", base)
    assert len(read_rows("rows.jsonl", base)) == 2


def test_columns_may_lie_inside_others(base):
    first, second = read_rows("rows.jsonl", base)
    assert column(first, "answer.aliases") == ["x", "y"]
    assert column({"answer.aliases": "flat"}, "answer.aliases") == "flat"
    assert filled("{q:>6}", first, "t.yaml") == "  who?"
    with pytest.raises(ValueError, match=r"line 1, answer\.aliases: there is a list .*,"):
        filled("{answer.aliases}", first, "t.yaml")
    with pytest.raises(ValueError, match=r"rows\.jsonl, line 1: there is no column 'qestion'; there is q, answer$"):
        column(first, "qestion")
    with pytest.raises(
        ValueError,
        match=r"line 1: there is no column 'answer\.alias'; in 'answer' there is aliases; did you",
    ):
        column(first, "answer.alias")
    with pytest.raises(ValueError, match=r"no column 'q\.x'; in 'q' there is 'when\?', which has no columns"):
        column(second, "q.x")
    with pytest.raises(
        ValueError, match=r"the template '\{nope\}' cannot be filled: .*line 2: there is no column 'nope'"
    ):
        filled("{nope}", second, "t.yaml")
    with pytest.raises(ValueError, match=r"^t\.yaml: the template '\{q' cannot be filled: "):
        filled("{q", second, "t.yaml")
