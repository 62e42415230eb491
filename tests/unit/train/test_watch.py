"""What a watching trainer reads again at each look, and what it says while another one works."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from contract.errors import StreamFileError
from pipeline.settings import StoreSettings
from pipeline.stream_file import load_stream
from pipeline.train import lease, watch
from pipeline.train.lease import Lease
from pipeline.train.ledger.edits import Registered
from pipeline.train.ledger.ledger import Noted
from pipeline.train.ledger.registrations import Registrations
from pipeline.train.series import Series
from pipeline.train.settings import TrackingSettings
from pipeline.train.typed import typed_commands
from pipeline.train.watch import Watch
from tests.line import wait_for
from tests.memory_store import MemoryStore
from tests.unit.land.test_landed_types import TEXT, land


class Warm:
    """Spark that is there and asked for nothing."""

    def start(self) -> None:
        """As the real one."""

    def session(self) -> None:
        """As the real one."""

    def has_died(self) -> bool:
        """As the real one."""
        return False

    def is_starting(self) -> bool:
        """As the real one."""
        return False

    def close(self) -> None:
        """As the real one."""


class Idle:
    """A trainer with nothing to yield."""

    def take(self, *_: object) -> Iterator[Any]:
        """As the real one."""
        yield from ()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def watching(tmp_path: Path, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A watch over one batch that was landed with another type than the stream file says by now."""
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    land(store, path, 5, first=0)
    stream = load_stream(path)
    series = Series(stream, "disjoint", "s", "", "", None, typed_commands(str(path), stream, "disjoint", "s"))
    stored = StoreSettings(endpoint_url="http://127.0.0.1:9", access_key=SecretStr("a"), secret_key=SecretStr("b"))
    monkeypatch.setattr(watch, "ObjectStore", lambda _: store)
    monkeypatch.setattr(watch, "open_trainer", lambda *_, **__: Idle())
    monkeypatch.setattr(Registrations, "now", lambda _: Registered({}, Noted()))
    tracking = TrackingSettings(uri="http://127.0.0.1:9")
    return Watch(series, tracking, stored, cast("Any", Warm()), poll_s=0.01, say=lambda _: None)


def test_the_stream_file_is_read_again_at_each_look(watching: Watch, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT.replace("float64", "int32"))
    with pytest.raises(StreamFileError, match=r"columns.x.type: int32.*landed with float64"):
        watching._look()
    # Mended as the message asks, while the watch goes on.
    path.write_text(TEXT)
    watching._look()
    path.write_text(TEXT.replace("name: s", "name: other"))
    watching._settled = None
    with pytest.raises(StreamFileError, match="name: other, which was s at the start"):
        watching._look()


def test_another_trainer_is_told_of_once_however_long_it_works(
    watching: Watch, store: MemoryStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_POLL_S", 0.01)
    # As long as a look waited for the lease once, before the next began.
    monkeypatch.setattr(watch, "_LEASE_S", 0.1, raising=False)
    caplog.set_level(logging.WARNING)
    with Lease(store, "s", wait_s=0):
        watching.start()
        wait_for(lambda: "waiting for process" in caplog.text, 5)
        time.sleep(1)
        assert caplog.text.count("waiting for process") == 1 and "state=down" not in caplog.text
    wait_for(lambda: "state=waiting" in caplog.text, 5)
    assert watching.stop(5)
