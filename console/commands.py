"""What is the same in every command: how its flags are read, and what its --help shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.exceptions import NoSuchCommand

from console import exit_codes

_WIDTH = 110


class _WithExamples(click.Command):
    """Shows ``examples`` behind its flags: the arguments of each, as they are typed behind the command's own name.

    ``exits`` are the exit codes that mean something of this command's own, by their meaning here.
    """

    def __init__(
        self, *args: Any, examples: Sequence[str] = (), exits: Mapping[int, str] | None = None, **fields: Any
    ) -> None:
        known = {"help_option_names": ["-h", "--help"], "max_content_width": _WIDTH}
        super().__init__(*args, **{**fields, "context_settings": {**known, **(fields.get("context_settings") or {})}})
        self.examples = tuple(examples)
        self.exits = {code: exit_codes.MEANINGS[code] for code in exit_codes.OF_EVERY_COMMAND} | dict(exits or {})

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on a line that can be copied, and the exit codes."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{' ' * formatter.current_indent}{ctx.command_path} {example}".rstrip() + "\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in sorted(self.exits.items())])
        super().format_epilog(ctx, formatter)


class Command(_WithExamples):
    """A command that refuses a flag that stands twice; click would take the last and not say so."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read ``args``.

        Raises
        ------
        click.UsageError: a flag with one value stands more than once.
        """
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for parameter, times in Counter(order).items():
                if times > 1 and isinstance(parameter, click.Option) and not _may_repeat(parameter):
                    raise click.UsageError(f"{parameter.opts[0]} stands {times} times; it takes one value", ctx)
        return super().parse_args(ctx, args)


def _may_repeat(option: click.Option) -> bool:
    return option.is_flag or option.multiple or option.count


class Group(_WithExamples, click.Group):
    """Commands below one name; one that is misspelt is told the nearest of them."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that ``args`` begin with.

        Raises
        ------
        NoSuchCommand: there is none of that name.
        """
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            # What is imported only when it runs is known by its name alone.
            raise NoSuchCommand(error.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with the whole first line of its help; click would cut it where a terminal is narrow."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_line(command)) for name, command in found if command is not None])


def _first_line(command: click.Command) -> str:
    return (command.help or "").partition("\n\n")[0]
