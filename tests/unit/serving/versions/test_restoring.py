"""A model that is made again: what was served is served, in whatever order and however slowly it comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from contract.tracking import TrackingServer
from serving.kinds.installed import kinds
from serving.versions.cache import LocalCache
from serving.versions.pickup import Pickup
from serving.versions.registry import Registry
from tests.memory_tracking import MemoryTracking, answer
from tests.tracking import Tracking, artifact


class Shown:
    """A registry in memory that shows only a part of what it has; nothing that it lists no more has a grace."""

    def __init__(self, directory: Path, grace_s: float) -> None:
        self.memory = MemoryTracking()
        self.tracking = Tracking("http://memory", self.memory)
        self.tracking.model("m")
        for seed in (1, 2, 3):
            self.tracking.version("m", artifact(seed))
        self.tracking.alias("m", "champion", 2)
        cache = LocalCache(directory / "cache")
        cache.prepare()
        registry = Registry(TrackingServer("http://memory"), transport=self.memory)
        self.pickup = Pickup(registry, cache, kinds(), models=(), poll_s=0.01, grace_s=grace_s)
        self.look()

    def look(self) -> None:
        while self.pickup.look():
            pass

    def shows(self, model: dict[str, Any] | None, versions: int = 0) -> None:
        """Let it show ``model``, or none, with its first ``versions``; then look."""
        self.memory.before = lambda _url: None
        pages = self.memory.handle_request(
            httpx.Request(
                "GET",
                "http://memory/api/2.0/mlflow/model-versions/search",
                params={"filter": "name='m'", "max_results": "9"},
            )
        )
        listed = json.loads(pages.read())["model_versions"]

        def before(url: str) -> httpx.Response | None:
            if "registered-models/search" in url:
                return _answer({"registered_models": [{"name": "m"}] if model is not None else []})
            if "registered-models/get" in url:
                return _answer({"registered_model": model}) if model is not None else answer(404, b"{}")
            if "model-versions/search" in url:
                return _answer({"model_versions": [each for each in listed if int(each["version"]) <= versions]})
            return None

        self.memory.before = before
        self.look()

    def downloads(self) -> int:
        return sum(url.endswith("scoring.json") for url in self.memory.asked)

    def served(self) -> tuple[list[int], dict[str, int]]:
        model = self.pickup.catalogue.models.get("m")
        if model is None:
            return [], {}
        assert all(version.state == "ready" for version in model.versions.values())
        return list(model.versions), dict(model.aliases)


def _answer(fields: Any) -> httpx.Response:
    return answer(200, json.dumps(fields).encode())


RESTORING = {"name": "m", "tags": [{"key": "restoring", "value": "t"}]}
CHAMPION = [{"alias": "champion", "version": "2"}]


def test_what_was_served_is_served_at_each_step_without_a_grace(tmp_path: Path) -> None:
    shown, whole = Shown(tmp_path, grace_s=0), ([1, 2, 3], {"champion": 2})
    assert shown.served() == whole
    downloads = shown.downloads()
    # Marked, version 1 was deleted; deleted; made; its versions back one by one; its aliases; unmarked.
    shown.shows({**RESTORING, "aliases": CHAMPION}, 3)
    for model, versions in ((None, 0), (None, 0), (RESTORING, 0), (RESTORING, 1), (RESTORING, 2), (RESTORING, 3)):
        shown.shows(model, versions)
        assert shown.served() == whole, (model, versions)
    shown.shows({**RESTORING, "aliases": CHAMPION}, 3)
    shown.shows({"name": "m", "aliases": CHAMPION}, 3)
    assert shown.served() == whole
    # No longer: from here on the registry is right again.
    shown.shows({"name": "m"}, 2)
    assert shown.served() == ([1, 2], {})
    assert shown.downloads() == downloads


def test_a_model_that_was_deleted_goes_with_its_aliases_after_the_grace(tmp_path: Path) -> None:
    shown = Shown(tmp_path, grace_s=60)
    shown.shows(None)
    assert shown.served() == ([1, 2, 3], {"champion": 2})
    at_once = Shown(tmp_path / "other", grace_s=0)
    at_once.shows(None)
    assert at_once.served() == ([], {})
