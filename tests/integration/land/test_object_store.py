"""What landing relies on, of the real object store and of the one in memory that stands for it."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from contract.errors import ServiceDownError
from pipeline.object_store import ObjectStore
from pipeline.store_probe import refuse_racing_store
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


def test_a_store_that_tells_writers_apart_is_accepted_and_nothing_stays_behind(store: ObjectStore) -> None:
    store.bucket = f"probe-{uuid.uuid4().hex}"
    store.ensure_bucket()
    store.put("_probe/of-now", b"of another process that starts")
    refuse_racing_store(store)
    assert [left.key for left in store.list_objects("")] == ["_probe/of-now"]
