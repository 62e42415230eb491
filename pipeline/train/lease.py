"""One trainer per model: an object in the store, taken, renewed and given back by conditional PUTs."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Final, Self

import psutil

from console.progress import put_line
from contract.errors import RetryError, StopError, SwatheError
from pipeline.object_store import ObjectStore
from pipeline.store_probe import refuse_racing_store

logger = logging.getLogger(__name__)

TTL_S: Final = 30.0
RENEW_S: Final = 5.0
_POLL_S: Final = 0.5


def lease_key(model: str) -> str:
    """Key of the model's lease in the batches bucket."""
    return f"leases/{model}.json"


@dataclass(frozen=True)
class Holder:
    """Who holds a lease. ``token`` is empty once it was given back; ``beat`` grows with each renewal."""

    token: str
    host: str
    pid: int
    started_at: float
    beat: int

    def is_dead(self) -> bool:
        """Whether the holder ran on this machine and is gone."""
        if self.host != socket.gethostname():
            return False
        try:
            # A process id is used again; its start time tells the two apart.
            return abs(psutil.Process(self.pid).create_time() - self.started_at) > 1.0
        except psutil.NoSuchProcess:
            return True


def this_process() -> Holder:
    """Return this process as a holder with a token of its own."""
    process = psutil.Process()
    return Holder(uuid.uuid4().hex, socket.gethostname(), os.getpid(), process.create_time(), 0)


def _tell_beside(said: str) -> None:
    put_line(said, err=True)


class Lease:
    """A context in which no other trainer of the same model works.

    Expiry is judged by a contender's own monotonic clock: it steals what it saw unchanged for ``ttl_s``. ``longer`` is
    the command that waits longer, ``on_wait`` (standard error) is told once of each holder that is waited for, and
    ``pause`` sleeps.
    """

    def __init__(
        self,
        store: ObjectStore,
        model: str,
        *,
        wait_s: float,
        ttl_s: float = TTL_S,
        renew_s: float = RENEW_S,
        longer: str = "",
        on_wait: Callable[[str], None] = _tell_beside,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._key, self._model = store, lease_key(model), model
        self._wait_s, self._ttl_s, self._renew_s = wait_s, ttl_s, renew_s
        self._longer, self._on_wait, self._pause = longer, on_wait, pause
        self._waited_for = ""
        self._me = this_process()
        self._etag = ""
        self._lost = False
        self._beating = threading.Lock()
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name=f"lease-{model}", daemon=True)

    def __enter__(self) -> Self:
        """Take the lease, waiting ``wait_s`` seconds at most.

        Raises
        ------
        RetryError: another trainer holds it for longer.
        ChainError: the object store cannot tell two trainers apart.
        """
        refuse_racing_store(self._store)
        deadline = time.monotonic() + self._wait_s
        seen, since, refused = "", time.monotonic(), ""
        while True:
            found = self._store.get(self._key)
            if found is None:
                etag = self._store.put_if_absent(self._key, self._body(self._me))
            else:
                holder, etag_seen = _holder(found[0]), found[1]
                if etag_seen != seen:
                    seen, since = etag_seen, time.monotonic()
                if holder.token == self._me.token:
                    # The answer to our own PUT was lost on the way back.
                    return self._taken(etag_seen)
                free = not holder.token or holder.is_dead() or time.monotonic() - since > self._ttl_s
                etag = self._store.put_if_match(self._key, self._body(self._me), etag_seen) if free else None
                if etag is None and free and refused != etag_seen:
                    # Refused because somebody took it: maybe ourselves, by a PUT whose answer was lost.
                    refused = etag_seen
                elif etag is None:
                    self._wait_for(holder, deadline)
            if etag is not None:
                return self._taken(etag)

    def _taken(self, etag: str) -> Self:
        self._etag = etag
        self._renewer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Give the lease back, by PUT: MinIO ignores `If-Match` on DELETE."""
        self._ended.set()
        self._renewer.join()
        if self._lost:
            return
        try:
            self._store.put_if_match(self._key, self._body(Holder("", "", 0, 0.0, 0)), self._etag)
        except SwatheError:
            logger.warning("lease not given back, it expires model=%s", self._model)

    def check(self) -> None:
        """Check that the lease is still ours, by renewing it now.

        Raises
        ------
        StopError: another trainer took it.
        """
        self._beat()
        if self._lost:
            raise StopError(
                f"the lease of model {self._model!r} was taken by another trainer while this one was held up; "
                f"nothing was registered, run it again"
            )

    def _wait_for(self, holder: Holder, deadline: float) -> None:
        if time.monotonic() >= deadline:
            longer = f"; {self._longer} waits longer" if self._longer else ""
            raise RetryError(
                f"model {self._model!r} is being trained by process {holder.pid} on {holder.host}; "
                f"run this again when that has ended (waited {self._wait_s:g} s{longer})"
            )
        if holder.token != self._waited_for:
            # Once a holder, not at every look.
            self._on_wait(f"waiting for process {holder.pid} on {holder.host}, which trains model {self._model!r}")
            self._waited_for = holder.token
        self._pause(_POLL_S)

    def _renew(self) -> None:
        while not self._ended.wait(self._renew_s):
            try:
                self._beat()
            except SwatheError as error:
                # A refusal may be as passing as silence: the next renewal tells, and `check` before each version.
                logger.warning("lease not renewed model=%s reason=%s", self._model, error)

    def _beat(self) -> None:
        with self._beating:
            if self._lost or self._ended.is_set():
                return
            self._me = Holder(**{**asdict(self._me), "beat": self._me.beat + 1})
            etag = self._store.put_if_match(self._key, self._body(self._me), self._etag)
            if etag is None:
                etag = self._own_write()
            if etag is None:
                self._lost = True
            else:
                self._etag = etag

    def _own_write(self) -> str | None:
        """A PUT whose answer was lost shows our own token under an ETag that we do not know."""
        found = self._store.get(self._key)
        return found[1] if found and _holder(found[0]).token == self._me.token else None

    @staticmethod
    def _body(holder: Holder) -> bytes:
        return json.dumps(asdict(holder)).encode()


def _holder(body: bytes) -> Holder:
    try:
        return Holder(**json.loads(body))
    except (ValueError, TypeError, RecursionError):
        # Not ours to read; it is stolen once it stays unchanged for the time to live.
        return Holder("unreadable", "unknown", 0, 0.0, 0)
