"""An answer whose head drips is given up, and the next one is read."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from contract.errors import ServiceDownError
from contract.tracking import TrackingServer
from serving.versions.registry import Registry

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


def _serve(listener: socket.socket) -> None:
    """Drip the first answer; give the second one."""
    first, _ = listener.accept()
    with first, contextlib.suppress(OSError):
        first.sendall(b"HTTP/1.1 200 OK\r\nx: ")
        for _ in range(200):
            first.sendall(b"x")
            time.sleep(0.05)
    second, _ = listener.accept()
    with second:
        second.recv(65536)
        second.sendall(WHOLE)


def test_a_head_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.versions.registry._DEADLINE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_serve, args=(listener,), daemon=True)
        server.start()
        registry = Registry(TrackingServer(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        began = time.monotonic()
        with pytest.raises(ServiceDownError, match="head of the answer"):
            registry.model_names()
        assert time.monotonic() - began < 5
        assert registry.model_names() == []
        registry.close()
        server.join(timeout=5)
