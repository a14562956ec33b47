import sys

import pytest

from headpursuit.files import TABLES, read_table

ROWS = [{"text": "a", "n": 1}, {"text": "b ü", "n": 2}]


def written(folder, ending):
    path = folder / f"rows{ending}"
    if ending == ".parquet":
        pytest.importorskip("datasets").Dataset.from_list(ROWS).to_parquet(path)
    else:
        texts = {
            ".jsonl": '\ufeff{"text": "a", "n": 1}\n\n{"text": "b ü", "n": 2}\n',
            ".json": '[{"text": "a", "n": 1}, {"text": "b ü", "n": 2}]',
            ".csv": "text,n\na,1\nb ü,2\n",
            ".tsv": "text\tn\na\t1\nb ü\t2\n",
        }
        path.write_text(texts[ending], encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("ending", "places"),
    [
        (".jsonl", ["line 1", "line 3"]),
        (".json", ["row 0", "row 1"]),
        (".csv", ["line 2", "line 3"]),
        (".tsv", ["line 2", "line 3"]),
        (".parquet", ["row 0", "row 1"]),
    ],
)
def test_every_kind_of_file_gives_the_same_rows(tmp_path, ending, places):
    path = written(tmp_path, ending)
    expected = [row | {"n": str(row["n"])} for row in ROWS] if ending in (".csv", ".tsv") else ROWS
    found = read_table(path)
    assert found == expected
    assert [row.where for row in found] == [f"{path}, {place}" for place in places]
    assert ending in TABLES


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a"}\n', r"a\.jsonl, line 2: no valid JSON \(.* at column 5\)"),
        ("a.jsonl", b"[1]\n", r"a\.jsonl, line 1: no JSON object"),
        ("a.json", b'[{"a": 1},\n oops]', r"a\.json: no valid JSON \(.* at line 2, column 2\)"),
        ("a.json", b'{"a": 1}', r"a\.json holds no list of objects"),
        ("a.json", b'[{"a": 1}, 5]', r"a\.json, row 1: no JSON object"),
        ("a.csv", b"a,b\n1\n", r"a\.csv, line 2: another number of columns than the first line has"),
        ("a.csv", b"a\n\xff\n", r"a\.csv, line 2: byte 0xff is not UTF-8; "),
        ("a.parquet", b"no", r"a\.parquet is no Parquet file that can be read: "),
        ("a.txt", b"no", r"a\.txt ends in '\.txt'; a table is a file \.jsonl, \.json, \.csv, \.tsv, \.parquet"),
    ],
)
def test_files_that_cannot_be_read_are_named_with_the_place(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_table(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*rows\.csv"):
        read_table(tmp_path / "rows.csv")


def test_parquet_without_its_package_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "rows.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"Parquet files need the package pyarrow .* 'headpursuit\[data\]'"):
        read_table(tmp_path / "rows.parquet")
