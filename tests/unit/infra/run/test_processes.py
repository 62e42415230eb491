"""Ports and processes: only what carries our mark is ended, whatever group it hides in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from infra.layout import MARK_VARIABLE
from infra.run import processes

# A parent and a child in a session of its own that ignores SIGTERM; the child says when it is there.
_FAMILY = """
import signal, subprocess, sys, time
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('there', flush=True); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
time.sleep(60)
"""


@pytest.fixture
def family() -> Iterator[subprocess.Popen[str]]:
    environ = os.environ | {MARK_VARIABLE: f"test-{os.getpid()}:one"}
    with subprocess.Popen([sys.executable, "-c", _FAMILY], env=environ, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "there\n"
        yield parent
        processes.end(f"test-{os.getpid()}:", patience_s=0)


def test_an_orphan_in_its_own_session_is_found_and_ended(family: subprocess.Popen[str]) -> None:
    mark = f"test-{os.getpid()}:one"
    assert len(processes.marked(mark)) == 2
    family.kill()
    family.wait()
    orphans = processes.marked(mark)
    assert len(orphans) == 1
    assert processes.end(mark, patience_s=0.5) == [orphans[0].pid]
    assert processes.marked(mark) == []


def test_another_mark_is_left_alone(family: subprocess.Popen[str]) -> None:
    assert processes.end(f"test-{os.getpid()}:two", patience_s=0) == []
    assert len(processes.marked(f"test-{os.getpid()}:")) == 2


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use_is_seen_and_its_owner_named(address: str) -> None:
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not processes.port_is_free("127.0.0.1", port)
        assert not processes.wait_for_port("127.0.0.1", port, 0.3)
        assert f"process {os.getpid()}" in str(processes.listener_of(port))
    assert processes.port_is_free("127.0.0.1", port)
