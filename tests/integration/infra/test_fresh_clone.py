"""A fresh clone needs make, git, Python and the network, and nothing that was done by hand."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.layout import Layout
from infra.run.processes import marked, port_is_free
from infra.settings import ROOT
from tests.services import port_block, settings_for

# What a new shell of a new user has; the certificates are the machine's own.
_BARE = ("HOME", "JAVA_HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "SWATHE_CACHE", "MINIO_BIN")
_TIMEOUT_S = 900


def bare_environment(data: Path, ports: list[int]) -> dict[str, str]:
    kept = {name: value for name, value in settings_for(data, ports).items() if name.startswith("SWATHE_")}
    path = [str(Path(str(shutil.which("git"))).parent), "/usr/local/bin", "/usr/bin", "/bin", f"{sys.base_prefix}/bin"]
    return {name: os.environ[name] for name in _BARE if name in os.environ} | kept | {"PATH": ":".join(path)}


@pytest.mark.long
def test_make_up_after_an_interrupted_setup(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    with port_block() as ports:
        environ = bare_environment(tmp_path / "data", ports)

        def make(target: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                ["make", target],
                cwd=clone,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_S,
            )

        with subprocess.Popen(
            ["make", "setup"], cwd=clone, env=environ, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as interrupted:
            assert interrupted.stderr is not None
            assert any("Python packages" in line for line in interrupted.stderr)
            os.killpg(interrupted.pid, signal.SIGKILL)
        assert not (clone / ".venv" / ".swathe").exists()

        try:
            up = make("up")
            assert up.returncode == 0, up.stderr
            assert make("status").returncode == 0
        finally:
            down = make("down")
        assert down.returncode == 0, down.stderr
        assert marked(Layout(tmp_path / "data").mark()) == []
        assert all(port_is_free("127.0.0.1", port) for port in ports)
    untracked = subprocess.run(["git", "status", "--short"], cwd=clone, capture_output=True, text=True, check=True)
    assert untracked.stdout == ""
