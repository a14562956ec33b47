"""What was typed and cannot be read is one plain line, with the nearest flag, and exit code 2."""

import pytest
from typed import assert_refused, run


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("rank cap --concpt x", "rank has no flag --concpt; did you mean --concept?"),
        ("rank cap --n_draws 3", "rank has no flag --n_draws; did you mean --n-draws?"),
        ("study countries-qa m --no-chatt", "study has no flag --no-chatt; did you mean --no-chat?"),
        ("rank cap --zzzz", "rank has no flag --zzzz; see `headpursuit rank --help`"),
        ("rank cap -x", "rank has no flag -x; see `headpursuit rank --help`"),
        ("atlas diff a b --outptu o", "atlas diff has no flag --outptu; did you mean --output?"),
        ("--anatomi f doctor m", "headpursuit has no flag --anatomi; did you mean --anatomy?"),
        (
            "doctor m --anatomy f",
            "doctor has no flag --anatomy; it stands before the command: headpursuit --anatomy ... doctor",
        ),
        ("study", "study needs TASK; see `headpursuit study --help`"),
        ("capture m", "capture needs --prompts; see `headpursuit capture --help`"),
        ("study a m --heads", "option '--heads' requires an argument"),
        ("doctor a b c", "doctor: got unexpected extra argument(s) (b c); see `headpursuit doctor --help`"),
        ("stdy x", "no such command 'stdy'. Did you mean 'study'?; see `headpursuit --help`"),
    ],
)
def test_a_line_that_cannot_be_read(line, told):
    found = run(*line.split())
    assert_refused(found, told)
    assert len(found.output.splitlines()) == 1


@pytest.mark.parametrize(("given", "flag"), [("--n-draws no", "'--n-draws'"), ("--score nonsense", "'--score'")])
def test_a_value_that_cannot_be(given, flag):
    found = run("rank", "cap", "--concept", "x", *given.split())
    assert_refused(found, f"rank: invalid value for {flag}: ")
    assert "Value error" not in found.output
    assert len(found.output.splitlines()) == 1


@pytest.mark.parametrize("words", [(), ("concepts",), ("rank", "--help"), ("atlas", "diff", "--help")])
def test_help_is_help(words):
    assert "Usage: " in run(*words).output
