"""What commands print is text: nothing that comes from a file, which may be somebody else's, steers a terminal."""

import json
import warnings
from dataclasses import replace

import pytest
from made_atlas import made_atlas
from typed import assert_refused, run

from headpursuit.cli.console import one_line_errors
from headpursuit.user_errors import Note

STEERS = "\x1b[2J\x9b\u202e"
SHOWN = r"\x1b[2J\x9b\u202e"


def assert_plain(output):
    assert SHOWN in output.replace("\n", "")
    assert not [c for c in output if not c.isprintable() and c != "\n"]


@pytest.fixture
def two(tmp_path):
    first, second, third = made_atlas().concepts
    concepts = (replace(first, name=f"a{STEERS}"), replace(second, name=f"b{STEERS}"), third)
    made_atlas(concepts=concepts).save(tmp_path / "one")
    made_atlas(concepts=(concepts[0], second, third)).save(tmp_path / "two")
    return tmp_path / "one", tmp_path / "two"


def test_names_of_concepts_are_printed_as_text(two):
    result = run("atlas", "diff", *two)
    assert result.exit_code == 0, result.output
    assert f"a{SHOWN}" in result.stdout
    assert f"Only the first atlas has b{SHOWN};" in result.stdout
    assert_plain(result.output)


@pytest.mark.parametrize("field", ["kind", "version"])
def test_what_an_edit_says_of_itself_is_printed_as_text(tmp_path, field):
    (tmp_path / "e.json").write_text(json.dumps({"kind": "edit", "version": 1, field: STEERS}))
    result = run("push", tmp_path / "e.json", "me/edit")
    assert_refused(result, repr(STEERS))
    assert_plain(result.output)


def test_errors_are_printed_as_text(two, tmp_path):
    made_atlas(anatomy=f"9 heads {STEERS}").save(tmp_path / "other")
    result = run("atlas", "diff", two[0], tmp_path / "other")
    assert_refused(result, f"9 heads {SHOWN}")
    assert_plain(result.output)


def test_a_note_is_said_once_in_a_line_and_other_warnings_are_left_alone(capsys):
    @one_line_errors
    def command():
        for _ in range(3):
            warnings.warn(f"mend {STEERS}this", Note, stacklevel=1)
        warnings.warn("another", Note, stacklevel=1)
        warnings.warn("not ours", DeprecationWarning, stacklevel=1)

    before = warnings.showwarning
    with pytest.warns(DeprecationWarning, match="not ours"):
        command()
    said = capsys.readouterr().err.splitlines()
    assert said == [f"note: mend {SHOWN}this", "note: another"]
    assert warnings.showwarning is before
