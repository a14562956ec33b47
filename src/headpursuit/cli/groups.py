"""Groups of commands, one of which is meant where none is named."""

from typing import Any

from typer.core import TyperGroup


def meaning(usual: str) -> type[TyperGroup]:
    """The class of a group in which `GROUP ARGUMENTS` is `GROUP USUAL ARGUMENTS`.

    An argument that has the name of a command is written `./NAME`.
    """

    class Group(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
                args = [usual, *args]
            return super().parse_args(ctx, args)

    Group.usual = usual  # type: ignore[attr-defined]
    return Group
