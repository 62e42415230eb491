"""Every command on a page is run by a test, or says why not; every command that prose names is there."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Final

import click
import pytest
import yaml
from markdown_it.token import Token

from docs.generate.command_help import PROGRAMS, contexts
from tests.e2e.given import GIVEN, NEEDS_NOTHING
from tests.pages import COMMANDS, NOT_RUN, Block, blocks, commands, matches, not_run, pages, script, tokens
from tests.services import ROOT

_LANGUAGES: Final = COMMANDS | {"text", "yaml", "toml", "python", "json", "{toctree}", "{generated}"}


def test_every_block_of_commands_is_run_or_says_why_not() -> None:
    found = [block for page in pages() for block in commands(page)]
    run = [block for block in found if block.not_run is None]
    assert {block.page for block in run} == GIVEN.keys() | NEEDS_NOTHING, "tests/e2e/given.py names others"
    assert {block.not_run for block in not_run()} <= NOT_RUN.keys()
    assert len(run) > 20


def test_the_end_of_a_run_lists_what_is_not_run(request: pytest.FixtureRequest) -> None:
    """Behind the results, since what a test prints is nobody's to see where tests run side by side."""
    said = io.StringIO()
    reporter = pytest.TerminalReporter(request.config, said)
    conftest = request.config.pluginmanager.get_plugin(str(ROOT / "tests/conftest.py"))
    assert conftest is not None
    conftest.pytest_terminal_summary(reporter)
    assert not said.getvalue()
    reporter.stats = {"passed": [SimpleNamespace(nodeid=request.node.nodeid)]}
    conftest.pytest_terminal_summary(reporter)
    listed = said.getvalue().splitlines()[1:]
    assert len(listed) > 2 and all(re.fullmatch(r"\S+\.md:\d+ \((docker|conda|macos|root)\)", line) for line in listed)


def test_what_is_typed_has_no_comment() -> None:
    """A shell of macOS takes `#` for a word."""
    for page in pages():
        for block in commands(page):
            assert not [typed for typed, _ in block.steps if re.search(r"(^|\s)#", typed)], f"{page}:{block.line}"


@pytest.fixture
def refusing() -> Iterator[str]:
    """A server that refuses everything."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        beside = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        beside.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        beside.join()


def _bash(*typed: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-euo", "pipefail", "-c", script(typed)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("flags", ["-s", "-s --fail", "-s -d 1"])
def test_an_answer_that_is_an_error_stops_the_walk(refusing: str, flags: str) -> None:
    done = _bash(f"curl {flags} {refusing}/api/models", "echo went on")
    assert done.returncode == 22 and "went on" not in done.stdout


def test_what_was_started_beside_the_page_ends_with_it() -> None:
    # Else this would wait for the end of its output.
    done = _bash("sleep 300 &\necho $!", "false && true", "echo went on")
    assert done.returncode == 1 and "went on" not in done.stdout
    assert not Path(f"/proc/{done.stdout.split()[3]}").exists()
    assert _bash("true &\nwait $!", "echo a").stdout.split() == ["@@", "step", "0", "@@", "step", "1", "a"]
    assert _bash("(sleep 0.1; exit 3) &\nwait $!").returncode == 3


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


def test_every_measurement_and_flag_that_a_page_names_is_there() -> None:
    seen = 0
    for page in pages():
        for text in _prose(tokens(page)):
            for module, rest in re.findall(r"python -m (bench(?:\.\w+)*)((?: [^|>;&)`]*)?)", text):
                path = ROOT.joinpath(*module.split("."))
                source = (path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text(
                    encoding="utf-8"
                )
                assert not [flag for flag in re.findall(r"--[a-z-]+", rest) if f'"{flag}"' not in source], (
                    f"{page}: {text}"
                )
                seen += 1
    assert seen > 8


def test_a_command_that_no_test_runs_stands_in_a_block_that_says_so() -> None:
    for page in pages():
        inline = [
            child.content for token in tokens(page) for child in token.children or () if child.type == "code_inline"
        ]
        assert not [text for text in inline if re.match(r"(docker|conda|sudo|brew|apt-get) ", text)], page


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
