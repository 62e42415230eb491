"""A store that tells writers apart only when they come one after the other is refused before anything is written."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from contract.errors import ChainError
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings
from pipeline.store_probe import refuse_racing_store
from pipeline.train.lease import Lease
from tests.fault.proxy import racing_proxy
from tests.line import Line, record


def _store(settings: StoreSettings, url: str) -> ObjectStore:
    return ObjectStore(settings.model_copy(update={"endpoint_url": url}))


@pytest.fixture
def settings(services: dict[str, str], tmp_path: Path) -> StoreSettings:
    line = Line(services, tmp_path)
    settings = line.store_settings.model_copy(update={"bucket": f"probe-{uuid.uuid4().hex}"})
    ObjectStore(settings).ensure_bucket()
    return settings


@pytest.mark.parametrize("broken", ["If-None-Match", "If-Match"])
def test_a_store_that_looks_first_and_writes_then_is_refused(settings: StoreSettings, broken: str) -> None:
    real = ObjectStore(settings)
    with racing_proxy(real, broken) as proxy:
        store = _store(settings, proxy.url)
        # What was asked before: it refuses the second of two.
        first = store.put_if_absent("a", b"1")
        assert first is not None and store.put_if_absent("a", b"2") is None
        assert store.put_if_match("a", b"3", first) is not None and store.put_if_match("a", b"4", first) is None
        for refused in (lambda: refuse_racing_store(store), lambda: Lease(store, "m", wait_s=0).__enter__()):
            with pytest.raises(ChainError, match=f"of 4 writers at once that they put a key by `{broken}"):
                refused()
    assert [left.key for left in real.list_objects("")] == ["a"]


def test_landing_and_landing_again_do_not_begin_on_it(services: dict[str, str], tmp_path: Path) -> None:
    line = Line(services, tmp_path)
    line.make_topic()
    line.send([record(1)])
    with racing_proxy(line.store, "If-None-Match") as proxy:
        code, said = line.run("land", "--exit-when-idle", "1s", AWS_ENDPOINT_URL_S3=proxy.url)
    assert code == 1 and "rows would be lost or doubled" in said
    assert list(line.store.list_objects(f"{line.name}/")) == []
