"""The commands for services that messages print, typed as they are printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contract import remedies
from tests.integration.infra.conftest import Instance
from tests.services import ROOT


def typed(instance: Instance, said: str) -> list[tuple[str, int, str]]:
    """Type each command in ``said``; return it with its exit code and what it said."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    commands, done = re.findall(r"`([^`]+)`", said), []
    for command in commands:
        ended = subprocess.run(
            ["bash", "-ec", f"{command}\nenv"],
            # What removes data asks first.
            input="y\n",
            cwd=ROOT,
            env={**instance.environ, "PATH": path, "SWATHE_DATA": str(instance.layout.data)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        done.append((command, ended.returncode, ended.stdout + ended.stderr))
    assert done, said
    return done


@pytest.mark.long
def test_each_command_does_what_is_said_of_it(stopped: Instance) -> None:
    for command, code, said in typed(stopped, remedies.start_services()):
        assert code == 0 and "MLflow" in said, (command, said)
    [(_, code, said)] = typed(stopped, remedies.set_environment())
    assert code == 0 and f"MLFLOW_TRACKING_URI={stopped.env()['MLFLOW_TRACKING_URI']}" in said, said
    [(_, code, said)] = typed(stopped, remedies.service_log("mlflow"))
    assert code == 0 and "mlflow" in said, said
    for stopping in (remedies.stop_services(), remedies.make_down()):
        [(_, code, said)] = typed(stopped, stopping)
        assert code == 0 and stopped.nothing_is_left(), said
    [(_, code, said)] = typed(stopped, remedies.begin_anew())
    assert code == 0 and not stopped.layout.data.exists(), said
    [(_, code, said)] = typed(stopped, remedies.infra_up())
    assert code == 0 and stopped.layout.data.exists(), said
