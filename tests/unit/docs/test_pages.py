"""Every command on a page is run by a test, or says why not; every command that prose names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import click
import pytest
import yaml
from markdown_it.token import Token

from docs.generate.command_help import PROGRAMS, contexts
from tests.e2e.given import GIVEN, NEEDS_NOTHING
from tests.pages import COMMANDS, NOT_RUN, Block, blocks, commands, matches, pages, tokens
from tests.services import ROOT

_LANGUAGES: Final = COMMANDS | {"text", "yaml", "toml", "python", "json", "{toctree}", "{generated}"}


def test_every_block_of_commands_is_run_or_says_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    found = [block for page in pages() for block in commands(page)]
    run = [block for block in found if block.not_run is None]
    assert {block.page for block in run} == GIVEN.keys() | NEEDS_NOTHING, "tests/e2e/given.py names others"
    left = [block for block in found if block.not_run is not None]
    with capsys.disabled():
        print("\nnot run here:", *(f"{block.page}:{block.line} ({block.not_run})" for block in left), sep="\n  ")
    assert {block.not_run for block in left} <= NOT_RUN.keys()
    assert len(run) > 20


def test_code_says_what_it_is() -> None:
    """An indented block, or a fence without a language, might be a command that no test sees."""
    for page in pages():
        assert not [token.map for token in tokens(page) if token.type == "code_block"], f"{page}: fence it"
        assert not [block.line for block in blocks(page) if block.language not in _LANGUAGES], page
        # Nor may a command hide in what is only shown.
        shown = [block for block in blocks(page) if block.language == "text"]
        assert not [f"{page}:{block.line}" for block in shown if re.search(r"^\$ ", block.text, re.MULTILINE)]


def test_a_mark_stands_right_before_a_block_of_commands() -> None:
    for page in pages():
        marks = [token for token in tokens(page) if token.type == "html_block" and "not run here" in token.content]
        assert len(marks) == len([block for block in commands(page) if block.not_run]), page


def test_what_is_shown_is_compared_but_for_what_is_left_out() -> None:
    block = Block("page", 1, "console", '$ echo a \\\n> b\na b\n$ date\n{"at":…}\n$ true\n', None)
    assert block.steps == [("echo a \\\nb", "a b"), ("date", '{"at":…}'), ("true", None)]
    assert matches('{"at":…}', '{"at":{"hour":7}}\n') and matches("a…c\nd", "abc\nd")
    assert not matches('{"at":…}', '{"in":7}') and not matches("a…c", "ab")


def _prose(tokens_: list[Token]) -> Iterator[str]:
    for token in tokens_:
        yield from (child.content for child in token.children or () if child.type == "code_inline")
        if token.type == "fence" and token.info in COMMANDS:
            yield from token.content.splitlines()


def _options() -> dict[str, set[str]]:
    """Return the flags of each command of each program, by what is typed before them."""
    found = {}
    for program, command in PROGRAMS.items():
        for context in contexts(program, command):
            names = [name for each in context.command.params if isinstance(each, click.Option) for name in each.opts]
            found[context.command_path] = {*names, *context.help_option_names}
    return found


def test_every_command_and_flag_that_a_page_names_is_there() -> None:
    known = _options()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE))
    entry_points = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["entry_points"]
    seen = 0
    for page in pages():
        for text in _prose(tokens(page)):
            for program, rest in re.findall(r"(python -m (?:pipeline|infra|serving))((?: [^|>;&)`]*)?)", text):
                words = rest.split()
                name = f"{program} {words[0]}" if words and re.fullmatch("[a-z]+", words[0]) else program
                assert name in known, f"{page}: {text}"
                flags = {word.partition("=")[0] for word in words if re.fullmatch(r"--?[a-z].*", word)}
                assert flags <= known[name], f"{page}: {text}"
                seen += 1
            for entry in re.findall(r"mlflow run \S+.* -e (\w+)", text):
                assert entry in entry_points, f"{page}: {text}"
            for parameter in re.findall(r"-P (\w+)=", text):
                assert any(parameter in point["parameters"] for point in entry_points.values()), f"{page}: {text}"
            for target in re.findall(r"(?:^|[ &])make ([a-z-]+)", text):
                assert target in targets, f"{page}: {text}"
    assert seen > 50
