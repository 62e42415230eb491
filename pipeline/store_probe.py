"""Whether the object store tells writers apart that come at once: exactly-once and the lease rest on it.

Several stores refuse the second of two PUTs in a row, and let all of several at once win. So writers race here.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from contract.errors import ChainError
from pipeline.object_store import PROBE_PREFIX, ConflictError, ObjectStore

WRITERS = 4
ROUNDS = 3
# What a killed probe left is nobody's any more.
_LEFT_OVER_S = 3600.0

Put = Callable[[bytes], str | None]


def refuse_racing_store(store: ObjectStore) -> None:
    """Check, once in a process, that of several writers at once exactly one wins, on absence and on the ETag.

    Raises
    ------
    ChainError: several won, or none, or another one's bytes are there.
    """
    if store.tells_writers_apart:
        return
    prefix = f"{PROBE_PREFIX}{secrets.token_hex(8)}-"
    keys = [f"{prefix}{number}" for number in range(ROUNDS)]
    keys += [
        left.key for left in store.list_objects(PROBE_PREFIX) if time.time() - left.modified_at_s > _LEFT_OVER_S
    ]  # fmt: skip
    try:
        with ThreadPoolExecutor(WRITERS, "probe") as pool:
            won = [_round(store, pool, key) for key in keys[:ROUNDS]]
    finally:
        for key in keys:
            store.delete(key)
    if not any(won):
        raise ChainError(
            f"the object store at {store.endpoint_url} let none of {WRITERS} writers write a key that is absent, in "
            f"{ROUNDS} rounds; use a store with conditional writes (MinIO from 2024 on, AWS S3)"
        )
    store.tells_writers_apart = True


def _round(store: ObjectStore, pool: ThreadPoolExecutor, key: str) -> bool:
    """Race for ``key`` while it is absent, and then for replacing what won; whether anybody did."""
    etag = _race(store, pool, key, "If-None-Match: *", lambda body: store.put_if_absent(key, body))
    if etag is None:
        return False
    return _race(store, pool, key, "If-Match", lambda body: store.put_if_match(key, body, etag)) is not None


def _race(store: ObjectStore, pool: ThreadPoolExecutor, key: str, condition: str, put: Put) -> str | None:
    """Let all writers put at once; return the winner's ETag, or None where the store refused all as a conflict."""
    bodies = [secrets.token_bytes(16) for _ in range(WRITERS)]
    together = threading.Barrier(WRITERS)

    def write(body: bytes) -> str | None:
        together.wait()
        try:
            return put(body)
        except ConflictError:
            # AWS S3 answers so to some of several writers at once; it is a refusal.
            return None

    etags = list(pool.map(write, bodies))
    won = [body for body, etag in zip(bodies, etags, strict=True) if etag is not None]
    found = store.get(key)
    # Where the winner's answer was lost, and its PUT sent again, nobody was told.
    if won and (len(won) > 1 or found is None or found[0] != won[0]):
        raise ChainError(
            f"the object store at {store.endpoint_url} told {len(won)} of {WRITERS} writers at once that they put a "
            f"key by `{condition}`, and holds the bytes of one: rows would be lost or doubled; "
            f"use a store with conditional writes (MinIO from 2024 on, AWS S3)"
        )
    return found[1] if found is not None and found[0] in bodies else None
