"""The commands of a series that messages print, typed as they are printed: each does what it is printed for."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import remedies
from contract.series_commands import SeriesCommands
from pipeline.stream_file import load_stream
from pipeline.train.lease import Lease
from pipeline.train.typed import typed_commands
from tests.integration.train.conftest import ROOT, Lab, batch
from tests.integration.train.published import Published, shell


def typed(lab: Lab, said: str, cwd: Path = ROOT) -> list[str]:
    """Type each command of a series in ``said``; each has to succeed. Return them as they were printed."""
    commands = re.findall(r"`((?:mlflow|python) [^`]+)`", said)
    for command in commands:
        code, answered = shell(lab, command, cwd)
        assert code == 0, (command, answered)
    return [f"`{command}`" for command in commands]


def test_commands_are_whole_wherever_the_person_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my stream.yaml"
    file.write_text((ROOT / "streams" / "flights.yaml").read_text())
    stream = load_stream(file)
    monkeypatch.chdir(ROOT)
    here = typed_commands("streams/flights.yaml", stream, "disjoint", "flights")
    assert here.train() == "`mlflow run . --env-manager local -P stream=streams/flights.yaml`"
    monkeypatch.chdir(tmp_path)
    there = typed_commands("my stream.yaml", stream, "cumulative", "flights-2")
    told = f"`mlflow run {ROOT} --env-manager local -P 'stream={file}' -P scheme=cumulative -P model=flights-2"
    assert (there.train(), there.train_anew()) == (f"{told}`", f"{told[:-1]}3 -P batch=all`")


def test_another_streams_batch_is_refused_before_anything_is_begun(lab: Lab, make_lab: Callable[..., Lab]) -> None:
    """Even where its next batch has the number that the model's next version would have."""
    published, other = Published(lab), make_lab()
    published.publish("ready", "ready")
    before = published.shown()
    other.land(batch(50, 1), batch(50, 2), batch(50, 3))
    code, said = other.train("--model", lab.name)
    told = f"model '{lab.name}' is a series of stream '{lab.name}', disjoint"
    assert code == 1 and told in said and f"`mlflow run . --env-manager local -P stream={other.file}`" in said, said
    assert published.shown() == before and other.started_runs() == [] and other.versions() == {}
    code, said = lab.train("--scheme", "cumulative", "--model", lab.name)
    assert code == 1 and "-P scheme=cumulative`" in said and told in said, said


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_each_command_that_a_message_prints_does_what_it_is_printed_for(
    lab: Lab, make_lab: Callable[..., Lab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `doctor --fix` is to put away nothing but what this test leaves.
    for variable in ("TMPDIR", "MLFLOW_ENV_ROOT"):
        (tmp_path / variable).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / variable))
    lab.land(batch(400, 1), batch(400, 2), batch(400, 3))
    commands = SeriesCommands(".", str(lab.file), lab.stream, "disjoint", lab.name)
    # First what comes before, then all that waits.
    _, said = lab.train("--batch", "2")
    assert typed(lab, said) == [commands.train(1), commands.train()], said
    assert lab.states() == [(1, "ready"), (2, "ready"), (3, "ready")], said
    lab.delete_version(2)
    _, said = lab.train()
    assert typed(lab, said, tmp_path) == [remedies.restore(lab.name)], said
    assert lab.states() == [(1, "ready"), (2, "ready"), (3, "ready")]
    with lab.registry() as registry:
        registry.delete_tag(3, "state")
    _, said = lab.doctor()
    assert typed(lab, said) == [commands.train()] and lab.states()[2] == (3, "ready"), said
    # Of a run that was left running.
    lab.land(batch(400, 1), batch(400, 2), batch(400, 3), batch(400, 4))
    assert lab.train(SWATHE_FAULT="train.run-created")[0] == -signal.SIGKILL
    _, said = lab.doctor()
    assert (
        typed(lab, said) == [remedies.doctor_fix(str(lab.file), (), "1h")]
        and lab.runs()[-1]["info"]["status"] == "KILLED"
    ), said
    # From another directory under `mlflow run`
    other = make_lab()
    other.land(batch(400, 1))
    code, said = shell(
        other, f"mlflow run {ROOT} --env-manager local -P stream={other.file} -P model={lab.name}", tmp_path
    )
    assert code == 1 and f"mlflow run {ROOT} " in said, said
    told = re.findall(r"error: (.*)", said)
    commands = SeriesCommands(str(ROOT), str(other.file.resolve()), other.stream, "disjoint", lab.name)
    assert typed(other, told[0], tmp_path) == [commands.train_own()] and other.states() == [(1, "ready")], said
    commands = SeriesCommands(".", str(other.file), other.stream, "disjoint", other.name)
    with Lease(other.store, other.name, wait_s=0):
        other.land(batch(400, 1), batch(400, 2))
        _, said = other.train("--wait-s", "0")
    assert typed(other, said) == [commands.train_waiting(600)] and other.states() == [(1, "ready"), (2, "ready")], said
    commands = SeriesCommands(".", str(lab.file), lab.stream, "disjoint", lab.name)
    lab.k = "{k: 4, seed: 7}"
    _, said = lab.train("--batch", "all")
    assert typed(lab, said) == [commands.train_anew()], said
    assert [state for _, state in lab.states(f"{lab.name}-2")] == ["ready"] * 4
