"""A setting is declared once; its option, key, keyword and word in commands are made of that."""

import subprocess
import sys
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest
import typer
from typed import run
from typer.main import get_command
from typer.testing import CliRunner

from headpursuit.analysis import AtlasConfig, CaptureConfig, RankConfig
from headpursuit.cli.app import app
from headpursuit.cli.console import with_flags
from headpursuit.cli.settings import given_in, with_settings
from headpursuit.registry import NAMES, experiment
from headpursuit.settings import Flag, Settings, config_of, settings_in
from headpursuit.studies import StudyConfig

CONFIGS = [
    AtlasConfig,
    CaptureConfig,
    RankConfig,
    *{config.__name__: config for config in (experiment(name).kind.config for name in NAMES.values())}.values(),
]
NOT_TYPED = {"edit", "tasks"}
"""A file's content, and what `transfer` reads from several files."""


@dataclass(frozen=True)
class Inside:
    """A config inside another."""

    n_draws: int = 16
    """Draws."""
    seed: int = 0
    """Seed of the draws."""


@dataclass(frozen=True)
class Shape(Settings):
    """Settings of every type."""

    place: Annotated[str, Flag("PLACE")]
    """Where it is."""
    words: str
    """Has to be given."""
    kind: Literal["round", "square"] = "round"
    """Its kind."""
    sides: Annotated[tuple[str, ...], Flag(also="--side", usual="all")] = ()
    """Its sides,
    in two lines."""
    lengths: tuple[float, ...] = (1.0, 2.5)
    """Its lengths."""
    filled: bool = False
    """Filled."""
    limit: Annotated[int | None, Flag(least=1)] = None
    """A limit."""
    dtype: Annotated[str, Flag(choices=("auto", "float32"))] = "auto"
    """A number format."""
    seed: int = 0
    """Seed of all."""
    inside: Inside = field(default_factory=lambda: Inside(n_draws=99))


@pytest.fixture
def typed(monkeypatch):
    """What a command makes of words."""
    monkeypatch.setattr("headpursuit.settings.Shape", Shape, raising=False)
    program, made = typer.Typer(), []

    @program.command(cls=with_settings("settings:Shape", without=("limit",)))
    def command(ctx: typer.Context, output: Annotated[str, typer.Option("-o")] = "") -> None:
        made.append((config_of(Shape, given_in(ctx)), output))

    def typed(*words):
        result = CliRunner().invoke(program, words)
        return made.pop() if result.exit_code == 0 else result.output

    return typed


def test_words_make_the_config(typed):
    assert typed("here", "--words", "w") == (Shape("here", "w", inside=Inside(99)), "")
    config, output = typed(
        *("here", "--words", "w", "--kind", "square", "--side", "a, b", "--lengths", "3,-1.5,3", "--filled"),
        *("--dtype", "float32", "--n-draws", "7", "--seed", "5", "-o", "out"),
    )
    assert config == Shape(
        "here", "w", "square", ("a", "b"), (3.0, -1.5), filled=True, dtype="float32", seed=5, inside=Inside(7, 5)
    )
    assert output == "out"
    assert typed("here", "--words", "w", "--filled", "--no-filled")[0].filled is False


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("here",), "Missing option"),
        (("--words", "w"), "Missing argument"),
        (("here", "--words", "w", "--kind", "oval"), "'oval' is not one of"),
        (("here", "--words", "w", "--dtype", "float64"), "'float64' is not one of"),
        (("here", "--words", "w", "--limit", "3"), "No such option"),
    ],
)
def test_words_that_are_no_setting_are_usage_errors(typed, words, text):
    assert text in typed(*words)


def test_help_is_the_docstring_with_the_default():
    settings = settings_in(Shape)
    assert settings["sides"].help == "Its sides, in two lines."
    assert (settings["seed"].help, settings["n_draws"].default) == ("Seed of all.", 99)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
def test_every_setting_says_what_it_is(config):
    silent = {name for name, setting in settings_in(config).items() if not setting.help}
    assert silent <= NOT_TYPED


def test_every_setting_of_a_study_is_an_option_of_its_commands():
    commands = get_command(app).commands
    wanted = settings_in(StudyConfig)
    for name, beside in (("study", set()), ("sweep", {"sweep"}), ("plan", set())):
        offered = {each.name: each for each in commands[name].params}
        assert wanted.keys() - offered.keys() == beside
        assert all(offered[each].help == wanted[each].help for each in wanted.keys() - beside)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"limit": 0}, "`limit` is 0; it must be at least 1"),
        ({"lengths": "1,x"}, "`lengths`: cannot read '1,x'; write numbers with commas"),
        ({"sides": [True]}, r"`sides`: cannot read \[True\]; write texts with commas"),
        ({"filed": True}, "there is no setting 'filed'; did you mean filled?"),
        ({"kind": "oval"}, "`kind`: 'oval' is none of round, square"),
        ({"filled": "yes"}, "`filled`: expected bool, found 'yes'"),
        ({"inside": {"n_draws": 3}}, "there is no setting 'inside'"),
        ({"inside": Inside(), "n_draws": 3}, "n_draws stands beside `inside`; give it in that"),
    ],
)
def test_what_no_setting_can_be_is_refused_by_its_name(settings, text):
    with pytest.raises(ValueError, match=text):
        config_of(Shape, {"place": "here", "words": "w"} | settings)


def test_lists_may_be_written_in_any_way():
    for sides in (["a", 1], "a,1", ("a", 1.0)):
        assert config_of(Shape, {"place": "here", "words": "w", "sides": sides}).sides == ("a", "1")
    for lengths in (2, "2", [2], (2.0,)):
        assert config_of(Shape, {"place": "here", "words": "w", "lengths": lengths}).lengths == (2.0,)


def test_arguments_are_said_as_flags_where_there_are_some():
    flags = {"other_concept": "--other-concept", "chat": "--chat"}
    text = "`other_concept` is `months`: leave `chat` out, or `resume=True`, `centre=False`, `dtype=float32`"
    assert with_flags(text, flags) == (
        "--other-concept is `months`: leave --chat out, or --resume, --no-centre, --dtype float32"
    )


def test_help_waits_for_no_torch():
    """Of every command whose settings stand in a module of their own."""
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom headpursuit.cli.app import app\n"
        "for name in ('study', 'sweep', 'plan', 'rank', 'capture', 'rankers', 'transfer', 'sensitivity', 'lm-eval'):\n"
        "    assert CliRunner().invoke(app, [name, '--help']).exit_code == 0, name\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_refusal_names_flags_on_the_command_line_and_arguments_in_python():
    with pytest.raises(ValueError, match="`system` would do nothing without the chat template; add `chat=True`"):
        StudyConfig("months", "m", system="Be brief.")
    assert "--system would do nothing without the chat template; add --chat" in run(
        "study", "months", "m", "--system", "Be brief."
    ).output.replace("\n", " ")
