"""Options made of the settings of a config: their names, types, defaults and help are those of its fields."""

from dataclasses import MISSING, field, make_dataclass
from functools import cache
from importlib import import_module
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from typer.core import TyperCommand
from typer.main import get_command

from headpursuit.settings import Setting, settings_in, written
from headpursuit.settings.written import is_list

_META = "headpursuit.settings"


def with_settings(config: str, *, only: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> type[TyperCommand]:
    """The class of a command that has the settings of a config as options beside its own.

    The config is imported when somebody asks for this command, so that `headpursuit --help` waits for none.

    Args:
        config: The module of the config behind `headpursuit.`, a colon, and its name.
        only: Settings that are options; all if empty.
        without: Settings that are none.
    """

    class Command(TyperCommand):
        context_class = typer.Context
        _own: list[Any]
        _whole: list[Any]

        @property
        def params(self) -> list[Any]:
            if not self._whole:
                arguments, options = _made(config, only, without)
                self._whole = [*arguments, *self._own, *options]
            return self._whole

        @params.setter
        def params(self, own: list[Any]) -> None:
            self._own, self._whole = own, []

        def invoke(self, ctx: Any) -> Any:
            made = {each.name for of_a_kind in _made(config, only, without) for each in of_a_kind}
            given = {name: ctx.params.pop(name) for name in made}
            typed = {n: v for n, v in given.items() if ctx.get_parameter_source(n).name != "DEFAULT"}
            before = ctx.find_root().params  # the command's name
            ctx.meta[_META] = {n: str(v) for n, v in before.items() if n in made and v is not None} | typed
            return super().invoke(ctx)

    return Command


def given_in(ctx: typer.Context) -> dict[str, Any]:
    """The settings that were typed, by name."""
    return dict(ctx.meta[_META])


@cache
def _made(config: str, only: tuple[str, ...], without: tuple[str, ...]) -> tuple[list[Any], list[Any]]:
    """The arguments and the options, as Typer makes them."""
    module, _, name = config.partition(":")
    settings = settings_in(getattr(import_module(f"headpursuit.{module}"), name)).values()
    wanted = [each for each in settings if each.name not in without and (not only or each.name in only)]
    app = typer.Typer(add_completion=False)
    app.command()(make_dataclass("Options", [_field(each) for each in wanted if _typed_as(each)], kw_only=True))
    made = get_command(app).params
    return [each for each in made if each.param_type_name == "argument"], [
        each for each in made if each.param_type_name == "option"
    ]


def _field(setting: Setting) -> tuple[str, Any, Any]:
    flag, default = setting.flag, setting.default
    shown = flag.usual or default not in ("", None, (), False, MISSING)
    if flag.argument:
        info = typer.Argument(metavar=flag.argument, help=setting.help, show_default=False)
    else:
        names = [f"{setting.option}/--no-{setting.option.removeprefix('--')}"] if setting.kind is bool else []
        names = [setting.option, flag.also] if flag.also else names
        info = typer.Option(*names, help=setting.help, show_default=shown)
    if default is MISSING and flag.usual:  # something else decides it
        default = None
    value = written(default) if is_list(setting.kind) else default
    return setting.name, Annotated[_typed_as(setting), info], field() if default is MISSING else field(default=value)


def _typed_as(setting: Setting) -> Any:
    """The type that Typer takes for a setting; None if it cannot be typed."""
    kind, inside = setting.kind, [each for each in get_args(setting.kind) if each is not NoneType]
    if setting.flag.choices:
        return Literal[setting.flag.choices]
    if is_list(kind):
        return str
    plain = get_origin(kind) is Literal or (inside[0] if len(inside) == 1 else kind) in (str, int, float, bool)
    return kind if plain else None
