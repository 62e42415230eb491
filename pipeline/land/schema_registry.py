"""The schema registry of a topic's producers: each schema is asked for once, and a silent registry is waited for."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

import tenacity

from contract.errors import ServiceDownError
from pipeline.land.formats.avro.schema import UnreadableSchemaError
from pipeline.land.formats.framing import LARGEST_ID
from pipeline.land.patient_store import LONGEST_WAIT_S, StoppedError
from pipeline.land.registry_client import RegisteredSchema, RegistryClient, RegistrySettings

logger = logging.getLogger(__name__)

UNKNOWN_FOR_S: Final = 10.0
"""So long an id that the registry does not know is not asked for again."""
_MOST_UNKNOWN: Final = 10_000
_ASKED_AT_ONCE: Final = 64


class SchemaRegistry:
    """Asks a registry that speaks Confluent's protocol. Safe to share between threads.

    Parameters
    ----------
    stop: while the registry does not answer it is asked again, until this is set; None: its silence is an error
    """

    def __init__(self, url: str, settings: RegistrySettings, stop: threading.Event | None = None) -> None:
        self.failure: str | None = None
        """What the registry last failed with, None while it answers."""
        self._stop = stop
        self._client = RegistryClient(url, settings, stop)
        # An id is asked for by one thread; a registry that is down is waited for by one thread.
        self._asking = [threading.Lock() for _ in range(_ASKED_AT_ONCE)]
        self._waiting = threading.Lock()
        self._known: dict[int, RegisteredSchema] = {}
        self._unknown: dict[int, tuple[float, str]] = {}

    def check(self) -> None:
        """Say what is wrong with the registry, or its address; raises as :meth:`schema`, and waits for nothing."""
        self._client.check()

    def schema(self, number: int) -> RegisteredSchema:
        """Return the schema of id ``number``; waits for a registry that does not answer.

        Raises
        ------
        UnreadableSchemaError: the registry has none, or not one of Avro.
        StoppedError: the process was told to stop meanwhile.
        StopError: the registry refuses us, or there is none.
        """
        if not 0 < number <= LARGEST_ID:
            raise UnreadableSchemaError(f"a registry counts its schemas from 1 to {LARGEST_ID}")
        with self._asking[number % _ASKED_AT_ONCE]:
            if (found := self._known.get(number)) is None:
                found = self._known[number] = self._asked(number)
            return found

    def _asked(self, number: int) -> RegisteredSchema:
        until, reason = self._unknown.get(number, (0.0, ""))
        if time.monotonic() < until:
            raise UnreadableSchemaError(reason)
        try:
            found = self._found(number)
        except UnreadableSchemaError as error:
            if len(self._unknown) >= _MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown[number] = time.monotonic() + UNKNOWN_FOR_S, str(error)
            raise
        logger.info("schema read; registry=%s id=%d", self._client.url, number)
        return found

    def _found(self, number: int) -> RegisteredSchema:
        try:
            return self._once(number)
        except ServiceDownError:
            if self._stop is None:
                raise
        with self._waiting:
            return self._until_answered(number)

    def _until_answered(self, number: int) -> RegisteredSchema:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(ServiceDownError),
            wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=LONGEST_WAIT_S),
            stop=tenacity.stop_never,
            before_sleep=self._say,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, number)
        finally:
            if self.failure is not None:
                logger.warning("schema registry is not waited for any more; address=%s", self._client.url)
                self.failure = None

    def _say(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if self.failure is None:
            logger.warning("landing waits for the schema registry; %s", error)
        self.failure = str(error)

    def _sleep(self, wait_s: float) -> None:
        if self._stop is not None and self._stop.wait(wait_s):
            raise StoppedError

    def _once(self, number: int) -> RegisteredSchema:
        if self._stop is not None and self._stop.is_set():
            raise StoppedError
        return self._client.schema(number)
