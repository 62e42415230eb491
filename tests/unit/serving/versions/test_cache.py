"""What older servers kept is read, and kept without the tracking server's password from then on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import orjson

from serving.versions.cache import LocalCache


def _keep(directory: Path, file: dict[str, Any]) -> Path:
    body = orjson.dumps(file)
    path = directory / "registry.json"
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    return path


def test_a_tag_is_kept_as_it_is_and_an_address_without_its_password(tmp_path: Path) -> None:
    tags = {"x": 'http://h/?token=a"b', "y": "http://h/?" + "?token" * 16_000}
    version = {
        "model": "m", "number": 1, "run_id": "r", "source": "s3://u:hush@h/k", "state": "unavailable", "tags": tags,
        "created_ms": 1, "reason": "http://u:hush@h failed", "experiment_id": None, "gone_at": None, "digests": {},
    }  # fmt: skip
    served = {"models": [{"name": "m", "aliases": {}, "versions": [version]}], "checked_at": 1.0}
    path = _keep(tmp_path, {"format": 1, "tracking_uri": "http://h:1", "served": served})
    for _ in range(2):
        kept = LocalCache(tmp_path).read_registry("http://h:1")
        assert kept is not None
        found = kept.models[0].versions[0]
        assert (found.tags, found.source, found.reason) == (tags, "s3://h/k", "http://h failed")
        assert b"hush" not in path.read_bytes()


def test_a_registry_that_was_kept_with_a_password_is_kept_without(tmp_path: Path) -> None:
    served = {"models": [], "checked_at": 1.0}
    uri = "http://svc:hush-hush@127.0.0.1:1"
    path = _keep(tmp_path, {"format": 1, "tracking_uri": uri, "served": served})
    cache = LocalCache(tmp_path)
    for _ in range(2):
        assert msgspec.to_builtins(cache.read_registry("http://127.0.0.1:1")) == served
        assert b"hush" not in path.read_bytes()
    assert cache.read_registry("http://127.0.0.1:2") is None
