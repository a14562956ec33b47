"""Commands as a user types them, and how they refuse."""

from typer.testing import CliRunner

from headpursuit.cli.app import app


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def assert_refused(result, text):
    """One clear line, exit code 2, no traceback."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    lines = [line for line in result.stderr.splitlines() if line.startswith("headpursuit: ")]
    assert len(lines) == 1
    assert text in lines[0]
    assert "Traceback" not in result.output
