"""Every command that is printed comes from one place, where each is run by a test."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract import remedies, series_commands
from contract.series_commands import SeriesCommands, next_name
from tests.services import ROOT

COMMAND = re.compile(
    r"python -m (infra|pipeline|serving)\b|\bmlflow run\b|\bmake [a-z]+\b(?=[`\"]| again)|-P [a-z_]+=|infra env\b"
)
PLACES = ("contract/remedies.py", "contract/series_commands.py")
# They run these commands, and show a person what they run.
RUNNERS = ("infra/demo/demo.py", "infra/demo/ratings.py", "infra/demo/live.py")
# Where each is typed, and what it says is done.
RUN = {
    "tests/integration/land/test_rejects.py": {"rejects", "land"},
    "tests/integration/infra/test_remedies.py": {
        "start_services", "infra_up", "stop_services", "service_log", "set_environment",
        "make_down", "begin_anew",
    },
    "tests/integration/replay/test_ratings.py": {"install_source"},
    "tests/integration/train/test_remedies.py": {
        "restore", "doctor_fix", "train", "train_waiting", "train_anew", "train_own",
    },
}  # fmt: skip


def spelt_out(path: Path) -> Iterator[str]:
    """Yield the texts of a module, not its docstrings, that look like a command."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    spared = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, owners) and node.body and isinstance(node.body[0], ast.Expr)
    }
    spared |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "prog_name"}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in spared]
    for node in texts:
        # What a file says of how it was made is no remedy.
        text = node.value if isinstance(node.value, str) and not node.value.startswith("# Made by") else ""
        if COMMAND.search(text):
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {text}"


def test_no_other_module_spells_a_command_out() -> None:
    modules = [
        path
        for name in ("console", "contract", "infra", "pipeline", "scoring", "serving")
        for path in (ROOT / name).rglob("*.py")
    ]
    others = [path for path in modules if str(path.relative_to(ROOT)) not in {*PLACES, *RUNNERS}]
    assert len(others) > 100
    assert [found for path in others for found in spelt_out(path)] == []


def test_each_command_is_run_by_a_test() -> None:
    functions = {name for name, _ in inspect.getmembers(remedies, inspect.isfunction)} - {"shown"}
    methods = {name for name, _ in inspect.getmembers(SeriesCommands, inspect.isfunction) if not name.startswith("_")}
    assert functions | methods == set().union(*RUN.values())
    for path, names in RUN.items():
        assert names - set(called_in_tests((ROOT / path).read_text(encoding="utf-8"))) == set(), path


def called_in_tests(text: str) -> Iterator[str]:
    """Yield the commands that test functions of a module ask for by calling `remedies.…()` or `commands.…()`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for call in ast.walk(node):
                match call:
                    case ast.Call(func=ast.Attribute(value=ast.Name("remedies" | "commands"), attr=name)):
                        yield name


def test_a_word_is_no_call() -> None:
    text = (
        "def test_x():\n    # commands.train()\n    commands.train_own\n    lab.train_anew()\n    commands.restore(1)"
    )
    assert list(called_in_tests(text)) == ["restore"]


def test_the_next_name_is_one_that_can_be_given() -> None:
    assert [next_name(name) for name in ("flights", "flights-2", "flights-9", "y-2024")] == [
        *("flights-2", "flights-3", "flights-10", "y-2025")
    ]
    longest = next_name("x" * series_commands.LONGEST_NAME)
    assert len(longest) == series_commands.LONGEST_NAME and longest.endswith("x-2")


@pytest.mark.parametrize(
    "text", ["a `python -m infra up` b", "-P batch=", 'eval "$(python -m infra env)"', "(or `make up`)"]
)
def test_a_command_is_recognised(text: str) -> None:
    assert COMMAND.search(text)
