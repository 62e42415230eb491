"""An object store that is waited for: while it is down the line is late, and nothing else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import tenacity

from contract.errors import ServiceDownError
from pipeline.object_store import ObjectStore, StoredObject
from pipeline.settings import StoreSettings

logger = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_WAIT_S = 30.0


class StoppedError(Exception):
    """The process was told to stop while it waited for the object store."""


class Durations(Protocol):
    """Takes what was measured, as a histogram does."""

    def observe(self, seconds: float, /) -> object:
        """Take in one duration."""
        ...


class PatientStore(ObjectStore):
    """An :class:`ObjectStore` whose calls come back only with an answer, or with :class:`StoppedError`.

    A PUT that is tried again may meet its own first try; :class:`pipeline.land.chain.Chain` recognises it.
    ``put_durations`` takes how long each answered PUT took.
    """

    def __init__(self, settings: StoreSettings, stop: threading.Event, put_durations: Durations | None = None) -> None:
        # Trying again is this class's own work.
        super().__init__(settings, attempts=1)
        self._stop = stop
        self.failure: str | None = None
        """What the store last failed with, None while it answers."""
        self._told: set[tuple[type[BaseException | None], object]] = set()
        self._put_durations = put_durations

    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> str | None:
        """As :meth:`ObjectStore.put_if_absent`."""
        return self._until_answered(self._timed(lambda: super(PatientStore, self).put_if_absent(key, body, metadata)))

    def put(self, key: str, body: bytes) -> str:
        """As :meth:`ObjectStore.put`."""
        return self._until_answered(self._timed(lambda: super(PatientStore, self).put(key, body)))

    def head(self, key: str) -> StoredObject | None:
        """As :meth:`ObjectStore.head`."""
        return self._until_answered(lambda: super(PatientStore, self).head(key))

    def get(self, key: str) -> tuple[bytes, str] | None:
        """As :meth:`ObjectStore.get`."""
        return self._until_answered(lambda: super(PatientStore, self).get(key))

    def list_objects(self, prefix: str, *, after: str = "") -> Any:
        """As :meth:`ObjectStore.list_objects`, but all at once."""
        return iter(self._until_answered(lambda: list(super(PatientStore, self).list_objects(prefix, after=after))))

    def _timed(self, call: Callable[[], T]) -> Callable[[], T]:
        def timed() -> T:
            began = time.monotonic()
            answer = call()
            if self._put_durations is not None:
                self._put_durations.observe(time.monotonic() - began)
            return answer

        return timed

    def _until_answered(self, call: Callable[[], T]) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(ServiceDownError),
            wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=LONGEST_WAIT_S),
            before_sleep=self._say,
            sleep=self._sleep,
        )
        answer = retrying(call)
        if self.failure is not None:
            logger.warning("object store answers again; address=%s", self.endpoint_url)
            self.failure = None
            self._told.clear()
        return answer

    def _say(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        # Each cause is told once, and not at every attempt; an outage may end as a full disk.
        cause = type(error), getattr(error, "reason", None)
        if cause not in self._told:
            logger.warning("landing waits for the object store; %s", error)
        self._told.add(cause)
        self.failure = str(error)

    def _sleep(self, wait_s: float) -> None:
        if self._stop.wait(wait_s):
            raise StoppedError
