"""Every command's own `--help`, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import click

from infra.cli import cli
from infra.demo import demo, live, ratings
from pipeline.__main__ import main as pipeline
from serving.__main__ import main as serving

PROGRAMS: Final[Mapping[str, click.Command]] = {
    "python -m pipeline": pipeline,
    "python -m infra": cli,
    "python -m serving": serving,
    "python -m infra.demo": demo.main,
    "python -m infra.demo.ratings": ratings.main,
    "python -m infra.demo.live": live.main,
}
_WIDTH: Final = 100


def text() -> str:
    """Return a section for each program, and one for each of its commands."""
    parts = []
    for program, command in PROGRAMS.items():
        for context in contexts(program, command):
            level = "##" if context.parent is None else "###"
            parts += [f"{level} {context.command_path}", f"```text\n{context.get_help()}\n```"]
    return "\n\n".join(parts)


def contexts(program: str, command: click.Command, parent: click.Context | None = None) -> Iterator[click.Context]:
    """Yield a context for ``command`` and for all commands in it."""
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = command.context_class(command, info_name=program, parent=parent, **settings)
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            within = command.get_command(context, name)
            if within is not None and not within.hidden:
                yield from contexts(name, within, context)
