"""What older servers kept is read, and kept without the tracking server's password from then on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import orjson

from serving.cache import LocalCache


def test_a_registry_that_was_kept_with_a_password_is_kept_without(tmp_path: Path) -> None:
    served = {"models": [], "checked_at": 1.0}
    uri = "http://svc:hush-hush@127.0.0.1:1"
    body = orjson.dumps({"format": 1, "tracking_uri": uri, "served": served})
    path = tmp_path / "registry.json"
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    cache = LocalCache(tmp_path)
    for _ in range(2):
        assert msgspec.to_builtins(cache.read_registry("http://127.0.0.1:1")) == served
        assert b"hush" not in path.read_bytes()
    assert cache.read_registry("http://127.0.0.1:2") is None
