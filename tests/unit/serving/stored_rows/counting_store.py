"""An object store in memory, for tests of what reads by ranges."""

from __future__ import annotations


class CountingStore:
    """Objects in memory, and how often they were asked for."""

    bucket = "b"

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects, self.reads = objects, 0

    def get_range(self, key: str, _etag: str, first: int, after: int) -> bytes:
        """Return a range, as the real store does."""
        self.reads += 1
        return self.objects[key][first:after]

    def get(self, key: str, _most_bytes: int) -> bytes:
        """Return an object."""
        self.reads += 1
        return self.objects[key]
