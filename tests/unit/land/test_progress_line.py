"""The progress line reads how far landing is when it is shown; nobody has to tell it."""

from __future__ import annotations

import io
import threading

from confluent_kafka import Consumer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress

from contract.stream_sections import Cut
from pipeline.land.broker_state import BrokerState
from pipeline.land.lag import Lag
from pipeline.land.patient_store import PatientStore
from pipeline.land.progress_line import LandingColumn
from pipeline.settings import StoreSettings
from tests.memory_store import MemoryStore
from tests.unit.land.test_lander import _lander, _records, fetched


def test_it_shows_what_landed_what_is_open_and_what_is_waited_for() -> None:
    lander = _lander(MemoryStore(), "one", Cut(rows=5), 1)
    lander.own(0, 1)
    lander.begin(1)
    nowhere = StoreSettings(endpoint_url="http://127.0.0.1:1", access_key=SecretStr("a"), secret_key=SecretStr("b"))
    store, broker = PatientStore(nowhere, threading.Event()), BrokerState()
    lag = Lag(Consumer({"group.id": "nobody"}), "model", lander.lanes, broker)
    written = io.StringIO()
    column = LandingColumn(lander, lag=lag, store=store, broker=broker)
    column.max_refresh = 0
    shown = Progress(column, console=Console(file=written, force_terminal=True, width=120), auto_refresh=False)
    with shown:
        shown.add_task("landing")
        lander.take(fetched(0, 0, [*_records(0, 7), b"poison"]))
        shown.refresh()
        assert "5 rows landed" in written.getvalue() and "2 open for 0 s · 1 batches" in written.getvalue()
        assert "lag" not in written.getvalue() and "waiting" not in written.getvalue()
        lag.records = {0: 1_234}
        store.failure = "it does not answer"
        shown.refresh()
        assert "lag 1,234 · waiting for the object store" in written.getvalue()
