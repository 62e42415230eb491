"""What landing relies on, of the real object store and of the one in memory that stands for it."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from pathlib import Path

import botocore.auth
import pytest
from botocore.compat import get_current_datetime
from pydantic import SecretStr

from contract.errors import AccessDeniedError, ConfigurationError, ServiceDownError, ServiceUnwellError
from pipeline.land.patient_store import PatientStore
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings
from pipeline.store_probe import refuse_racing_store
from tests.fault.proxy import faulty_proxy
from tests.line import Line
from tests.memory_store import MemoryStore


@pytest.fixture(params=["real", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "memory":
        return MemoryStore()
    store = Line(request.getfixturevalue("services"), tmp_path).store
    store.ensure_bucket()
    return store


@pytest.fixture
def prefix() -> str:
    return f"store-{uuid.uuid4().hex}/"


def test_a_key_is_written_once(store: ObjectStore, prefix: str) -> None:
    etag = store.put_if_absent(prefix + "a", b"first", {"writer": "1"})
    assert etag
    assert store.put_if_absent(prefix + "a", b"second", {"writer": "2"}) is None
    assert store.get(prefix + "a") == (b"first", etag)
    found = store.head(prefix + "a")
    assert found is not None
    assert (found.key, found.etag, found.bytes, found.metadata) == (prefix + "a", etag, 5, {"writer": "1"})


def test_a_key_is_replaced_only_as_it_was_seen(store: ObjectStore, prefix: str) -> None:
    first = store.put(prefix + "a", b"1")
    second = store.put_if_match(prefix + "a", b"2", first)
    assert second not in {None, first}
    assert store.put_if_match(prefix + "a", b"3", first) is None
    assert store.get(prefix + "a") == (b"2", second)
    with pytest.raises(ServiceDownError):
        store.put_if_match(prefix + "b", b"1", first)


def test_the_same_bytes_have_the_same_etag(store: ObjectStore, prefix: str) -> None:
    assert store.put(prefix + "a", b"1") == store.put(prefix + "b", b"1") != store.put(prefix + "c", b"2")


def test_what_is_not_there(store: ObjectStore, prefix: str) -> None:
    assert store.get(prefix + "a") is None
    assert store.head(prefix + "a") is None
    assert list(store.list_objects(prefix)) == []
    assert store.list_folders(prefix) == []
    store.delete(prefix + "a")


def test_listings_are_in_key_order_and_begin_behind_a_key(store: ObjectStore, prefix: str) -> None:
    for name in ("b/2", "a/10", "a/2", "c", "a/1"):
        store.put(prefix + name, name.encode())
    assert [found.key for found in store.list_objects(prefix)] == [
        prefix + n for n in ("a/1", "a/10", "a/2", "b/2", "c")
    ]
    assert [found.key for found in store.list_objects(prefix + "a/", after=prefix + "a/10")] == [prefix + "a/2"]
    assert [found.bytes for found in store.list_objects(prefix + "a/")] == [3, 4, 3]
    assert store.list_folders(prefix) == ["a", "b"]
    store.delete(prefix + "a/10")
    assert [found.key for found in store.list_objects(prefix + "a/")] == [prefix + "a/1", prefix + "a/2"]


def _settings(services: dict[str, str], **other: str) -> StoreSettings:
    return StoreSettings(
        endpoint_url=other.get("endpoint_url", services["AWS_ENDPOINT_URL_S3"]),
        access_key=SecretStr(services["AWS_ACCESS_KEY_ID"]),
        secret_key=SecretStr(services["AWS_SECRET_ACCESS_KEY"]),
        bucket=other.get("bucket", "batches"),
    )


def test_a_full_store_is_waited_for_and_told_once(
    services: dict[str, str], prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    with faulty_proxy(services["AWS_ENDPOINT_URL_S3"], ["507"] * 3, prefix[:-1]) as proxy:
        full = ObjectStore(_settings(services, endpoint_url=proxy.url), attempts=1)
        with pytest.raises(ServiceUnwellError, match="no room left: free space") as told:
            full.put(prefix + "a", b"1")
        assert "infra up" not in str(told.value)
        patient = PatientStore(_settings(services, endpoint_url=proxy.url), threading.Event())
        assert patient.put_if_absent(prefix + "a", b"1")
    assert proxy.met == ["507"] * 3
    assert caplog.text.count("no room left") == 1


def test_a_clock_that_is_off_is_told_as_a_clock_whatever_is_asked(
    services: dict[str, str], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore(_settings(services), attempts=1)
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *given: get_current_datetime(*given) + timedelta(hours=1)
    )
    # A HEAD is refused without a word; the cause is asked for.
    for ask in (lambda: store.put(prefix + "a", b"1"), lambda: store.head(prefix + "a"), lambda: store.get(prefix)):
        with pytest.raises(AccessDeniedError, match="clock of this machine") as told:
            ask()
        assert "keys" not in str(told.value)


def test_what_no_start_would_mend_is_named(services: dict[str, str], prefix: str) -> None:
    with pytest.raises(ConfigurationError, match=f"no bucket '{prefix[:-1]}'"):
        ObjectStore(_settings(services, bucket=prefix[:-1])).put("a", b"1")
    with pytest.raises(ConfigurationError, match="bucket 'Not A Bucket'"):
        ObjectStore(_settings(services, bucket="Not A Bucket")).put("a", b"1")
    with pytest.raises(ConfigurationError, match=r"'127\.0\.0\.1:9000' is no address"):
        ObjectStore(_settings(services, endpoint_url="127.0.0.1:9000"))
    with pytest.raises(ServiceUnwellError, match="Correct http or https") as told:
        wrong = services["AWS_ENDPOINT_URL_S3"].replace("http:", "https:")
        ObjectStore(_settings(services, endpoint_url=wrong), attempts=1).put("a", b"1")
    assert "infra up" not in str(told.value)


def test_a_store_that_tells_writers_apart_is_accepted_and_nothing_stays_behind(store: ObjectStore) -> None:
    store.bucket = f"probe-{uuid.uuid4().hex}"
    store.ensure_bucket()
    store.put("_probe/of-now", b"of another process that starts")
    refuse_racing_store(store)
    assert [left.key for left in store.list_objects("")] == ["_probe/of-now"]
