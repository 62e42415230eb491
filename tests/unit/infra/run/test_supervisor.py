"""Whatever answers on the supervisor's port, only the supervisor of this data directory counts as one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra import credentials, settings
from infra.layout import Layout
from infra.run.processes import port_is_free
from infra.run.supervisor import Supervisor
from tests.services import port_block


class Stranger(BaseHTTPRequestHandler):
    """Somebody else's server: it says hello to everything."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def supervisor_on(port: int, data: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    monkeypatch.setenv("SWATHE_DATA", str(data))
    monkeypatch.setenv("SWATHE_PORT_SUPERVISOR", str(port))
    layout = Layout(data)
    return Supervisor(settings.load(), layout, credentials.load_or_create(layout), timeout_s=5)


def test_a_stranger_on_its_port_is_not_it(stranger: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not port_is_free("127.0.0.1", stranger)
    assert not supervisor_on(stranger, tmp_path, monkeypatch).answers()


def test_nobody_on_its_port_is_not_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with port_block() as ports:
        assert not supervisor_on(ports[0], tmp_path, monkeypatch).answers()
