"""The pages' own words, typed as they stand and in order, in a clone of the project."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.e2e.conftest import run_command
from tests.e2e.given import GIVEN, NEEDS_NOTHING, Line, clone
from tests.pages import BEGUN, commands, matches, script
from tests.services import PORT_VARIABLES, ROOT, infra, port_block, settings_for


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """Services of these tests alone, which a page starts; the last one stops them."""
    with port_block() as ports:
        found = Line(settings_for(tmp_path_factory.mktemp("pages") / "data", ports), ports[-1])
        try:
            yield found
        finally:
            infra("down", environ=found.settings, check=False)


def _ports(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the default of each port that a page may name, and what it is here."""
    fields = {name: Settings.model_fields[name.removeprefix("SWATHE_").lower()] for name in PORT_VARIABLES}
    return {f":{field.default}": f":{environ[name]}" for name, field in fields.items()}


def walk(page: str, environ: Mapping[str, str], stands_for: Mapping[str, str], directory: Path) -> None:
    """Type all that stands on ``page``, in one shell; compare what is said with what the page shows.

    ``stands_for``: what the page says → what it is here.
    """
    run = [block for block in commands(page) if block.not_run is None]

    def here(text: str) -> str:
        for said, meant in (_ports(environ) | dict(stands_for)).items():
            text = text.replace(said, meant)
        return text

    makes_a_clone = any("git clone" in block.text for block in run)
    cwd = directory if makes_a_clone else clone(directory / "swathe")
    steps = [(block, here(typed), shown) for block in run for typed, shown in block.steps]
    commands_typed = script(typed for _, typed, _ in steps)
    said = run_command(("bash", "-euo", "pipefail", "-c", commands_typed), dict(environ), cwd)
    (directory / "said.txt").write_text(said)
    answers = re.split(rf"^{BEGUN}\d+\n", said, flags=re.MULTILINE)[1:]
    for (block, typed, shown), answer in zip(steps, answers, strict=True):
        assert shown is None or matches(here(shown), answer), f"{block.page}:{block.line}: {typed}\n{answer}"


@pytest.mark.parametrize("page", sorted(NEEDS_NOTHING))
def test_the_commands_of_a_page_that_needs_no_service(page: str, tmp_path: Path) -> None:
    walk(page, settings_for(tmp_path, [*range(20000, 20007)]), {}, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("page", GIVEN)
def test_the_commands_of_a_page(page: str, line: Line, tmp_path: Path) -> None:
    with GIVEN[page](line) as given:
        walk(page, given.settings, given.stands_for, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_the_notebook(line: Line, tmp_path: Path) -> None:
    environ = {**line.settings, **line.up()}
    line.demo("infra.demo")
    executed = tmp_path / "executed.ipynb"
    command = (str(ROOT / ".venv/bin/jupyter-execute"), "docs/notebook.ipynb", f"--output={executed}", "--timeout=300")
    run_command(command, environ, ROOT)
    cells = [cell for cell in json.loads(executed.read_text())["cells"] if cell["cell_type"] == "code"]
    shown = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in shown if output["output_type"] in ("error", "stream")], shown
    pictures = [output for output in shown if "image/png" in output.get("data", {})]
    assert len(pictures) == 2
    assert "".join(shown[-1]["data"]["text/plain"]) == "{'version': 3, 'same': True}"
