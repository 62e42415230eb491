"""What is true of every command: its flags, its help, its examples, its exit codes."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import get_args

import click
import pytest
from click.testing import CliRunner

from console import exit_codes
from console.commands import Command, Group
from docs.generate.command_help import PROGRAMS
from infra.run.status import ServiceStatus
from pipeline.__main__ import main as pipeline
from pipeline.describe.against import Change, What
from pipeline.describe.as_json import as_json
from pipeline.doctor.finding import Examination, Finding
from pipeline.land.reject_reasons import ReasonCount
from pipeline.land.verify import BatchProof, LaneProof, Proof
from pipeline.land.verify_columns import ColumnProof
from pipeline.status import BatchStatus, LaneStatus, StreamStatus
from tests.services import ROOT

DOCS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
# What makers run, and readers of the reference do not.
MAKERS = (
    "bench", "bench.peers", "bench.recommending", "bench.landing.nested", "docs.screenshots", "infra.bring.lock",
    "infra.bring.conda",
)  # fmt: skip
PATHS = {"--stream", "--file", "--schema-file", "--against"}


def commands(typed: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield ``command`` and all below it, each as it is typed."""
    yield typed, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(f"{typed} {name}", below)


ALL = dict(pair for typed, root in PROGRAMS.items() for pair in commands(typed, root))


def _single_valued(command: click.Command) -> list[str]:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return [each.opts[0] for each in options if not (each.is_flag or each.multiple or each.count)]


def test_all_commands_are_found() -> None:
    assert {"python -m pipeline land", "python -m infra up", "python -m serving"} <= ALL.keys() and len(ALL) > 20


@pytest.mark.parametrize("typed", ALL)
def test_help_shows_examples_that_can_be_typed_and_the_exit_codes(typed: str) -> None:
    command, (root, *names) = ALL[typed], _split(typed)
    assert isinstance(command, Command | Group)
    shown = CliRunner().invoke(PROGRAMS[root], [*names, "-h"], prog_name=root, terminal_width=110)
    assert shown.exit_code == 0 and command.examples
    assert (
        shown.output
        == CliRunner().invoke(PROGRAMS[root], [*names, "--help"], prog_name=root, terminal_width=110).output
    )
    section = shown.output.partition("\nExamples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(section) == len(command.examples)
    for line in section:
        assert line.startswith(f"  {typed}")
        # Where a shell takes the output to is the shell's affair.
        _parse(PROGRAMS[root], root, shlex.split(re.split(r" [>|] ", line)[0].strip().removeprefix(root)))
    codes = shown.output.partition("\nExit codes:\n")[2]
    told = {int(code) for code in re.findall(r"^  (\d+) ", codes, re.MULTILINE)}
    assert told == command.exits.keys() and {0, 1, 2, 130} <= told <= exit_codes.MEANINGS.keys()


@pytest.mark.parametrize("program", MAKERS)
def test_a_makers_command_does_nothing_for_a_flag_that_it_does_not_know(program: str) -> None:
    module = importlib.import_module(program)
    command = (importlib.import_module(f"{program}.__main__") if hasattr(module, "__path__") else module).main
    asked = CliRunner().invoke(command, ["--help"], prog_name=f"python -m {program}")
    assert asked.exit_code == 0 and f"Examples:\n  python -m {program}" in asked.output
    refused = CliRunner().invoke(command, ["--hepl"])
    assert refused.exit_code == 2 and "No such option" in refused.output


def _split(typed: str) -> list[str]:
    root = max((root for root in PROGRAMS if f"{typed} ".startswith(f"{root} ")), key=len)
    return [root, *typed.removeprefix(root).split()]


def _parse(command: click.Command, name: str, words: list[str]) -> None:
    """Read ``words`` as the command itself would, without running it."""
    context = command.make_context(name, list(words))
    if isinstance(command, click.Group):
        below, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert below is not None and inner is not None
        # What an example asks --help of is there, and that is all it asks.
        if rest != ["--help"]:
            _parse(inner, below, rest)


@pytest.mark.parametrize("typed", [typed for typed, command in ALL.items() if isinstance(command, click.Group)])
def test_no_line_of_a_groups_help_is_cut(typed: str) -> None:
    shown = CliRunner().invoke(PROGRAMS[typed], ["--help"], prog_name=typed, terminal_width=80).output
    listed = " ".join(shown.partition("\nCommands:\n")[2].split())
    below = [(name.removeprefix(f"{typed} "), each) for name, each in ALL.items() if name.startswith(f"{typed} ")]
    assert below and not [name for name, each in below if not re.search(rf"\b{name} [^.]*\. ", listed)]
    assert "..." not in listed and "…" not in listed.partition(" Examples: ")[0]


@pytest.mark.parametrize("example", ["land --strem x", "lnd", "land", "land --stream a --rows many"])
def test_an_example_that_cannot_be_typed_is_found(example: str) -> None:
    with pytest.raises(click.UsageError):
        _parse(pipeline, "python -m pipeline", shlex.split(example))


@pytest.mark.parametrize("typed", [typed for typed, command in ALL.items() if _single_valued(command)])
def test_a_flag_that_stands_twice_is_refused(typed: str) -> None:
    root, *names = _split(typed)
    option = _single_valued(ALL[typed])[0]
    result = CliRunner().invoke(PROGRAMS[root], [*names, option, "1", option, "2"])
    assert result.exit_code == 2
    assert f"{option} stands 2 times" in result.output


@pytest.mark.parametrize(
    ("root", "word", "near"),
    [
        ("python -m pipeline", "stauts", "status"),
        ("python -m infra", "statis", "status"),
        ("python -m infra", "dwn", "down"),
    ],
)
def test_a_misspelt_command_is_told_the_nearest(root: str, word: str, near: str) -> None:
    result = CliRunner().invoke(PROGRAMS[root], [word])
    assert result.exit_code == 2 and f"No such command '{word}'. Did you mean '{near}'?" in result.output


def test_what_means_the_same_is_called_the_same() -> None:
    """One name has one type, and a flag for programs is `--json`, everywhere."""
    types: dict[str, set[str]] = {}
    for command in ALL.values():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                types.setdefault(parameter.opts[0], set()).add(parameter.type.name)
                assert re.fullmatch(r"(-[a-z]|--[a-z]+(-[a-z]+)*)", parameter.opts[0])
                assert parameter.help, parameter.opts
                assert parameter.opts[0] not in PATHS or parameter.metavar == "PATH"
                assert not re.match("(Of|To) ", parameter.help)
                if parameter.opts[0] == "--json":
                    assert parameter.help.startswith("For programs: one ")
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


def test_the_docs_have_the_same_exit_codes() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", DOCS, re.MULTILINE)
    assert {int(code): meaning.replace("\\|", "|") for code, meaning in rows} == dict(exit_codes.MEANINGS)


@pytest.mark.parametrize(
    ("typed", "documents", "more"),
    [
        ("python -m pipeline status --json", (StreamStatus, BatchStatus, LaneStatus, ReasonCount), ()),
        ("python -m pipeline verify --json", (Proof, BatchProof, LaneProof, ColumnProof), ("holds",)),
        ("python -m infra status --json", (ServiceStatus,), ()),
        (
            "python -m pipeline describe FILE --against streams/mine.yaml --json",
            (Change,),
            ("changes", *get_args(What)),
        ),
    ],
)
def test_the_docs_have_every_key_of_a_json_document(typed: str, documents: Sequence[type], more: Sequence[str]) -> None:
    table = DOCS.partition(f"`{typed}`")[2].partition("\n`python")[0]
    keys = {field.name for document in documents for field in dataclasses.fields(document)} | set(more)
    assert keys <= set(re.findall(r"`([a-z_]+)`", table))


def test_no_table_of_keys_has_one_twice() -> None:
    for typed, table in re.findall(r"^`(python -m [^`]+ --json)`(.*?)(?=^`python|\Z)", DOCS, re.MULTILINE | re.DOTALL):
        first_cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE)
        keys = [key for cell in first_cells for key in re.findall(r"`(\w+)`", cell)]
        assert keys and len(keys) == len(set(keys)), typed


def test_the_docs_have_every_key_of_a_description() -> None:
    keys = {
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(as_json)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch("[a-z_]+", node.value)
    }
    table = DOCS.partition("`python -m pipeline describe FILE --json`")[2].partition("\n`python")[0]
    assert keys - {"type", "required", "idle"} <= set(re.findall(r"`([a-z_]+)`", table))


def test_the_docs_have_every_key_of_the_doctors_findings() -> None:
    finding = Finding("run", "a", "why", "remedy")
    document = Examination("mine", [finding], []).as_json()
    table = DOCS.partition("`python -m pipeline doctor --json`")[2].partition("\n`python")[0]
    assert {*document, *document["findings"][0]} == set(re.findall(r"`([a-z_]+)`", table))
