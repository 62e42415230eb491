"""What is true of every command's flags."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from pipeline.__main__ import main

COMMANDS = main.list_commands(click.Context(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_flag_that_stands_twice_is_refused(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    option = next(parameter for parameter in command.params if isinstance(parameter, click.Option))
    result = CliRunner().invoke(main, [name, option.opts[0], "a", option.opts[0], "b"])
    assert result.exit_code == 2
    assert f"{option.opts[0]} stands 2 times" in result.output
