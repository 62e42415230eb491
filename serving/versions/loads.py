"""When versions are loaded: in the background, what is asked most first, and what fails ever less often."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final, NamedTuple

from contract.decoding import shortened
from contract.errors import RetryError, SwatheError
from serving.told import Told
from serving.versions.catalogue import Numbers
from serving.versions.registered import RegisteredVersion

logger = logging.getLogger(__name__)

# A version is half a dozen small questions to the tracking server, which answers several at once.
_AT_ONCE: Final = 4
# So that what is wanted next can still be asked for first.
_MOST_BEGUN: Final = 32
# Half of the threads stay free for what was never tried.
_MOST_TRIED_AGAIN: Final = 2
_FIRST_WAIT_S: Final = 15.0
_LONGEST_WAIT_S: Final = 240.0
# A service comes back sooner than an artifact is mended.
_SERVICE_WAIT_S: Final = 1.0
_LONGEST_SERVICE_WAIT_S: Final = 15.0


class Identity(NamedTuple):
    """What a loaded version stays the same by."""

    model: str
    number: int
    run_id: str
    source: str


@dataclass(frozen=True)
class Loaded:
    """The numbers of a version, and where its run is."""

    numbers: Numbers
    experiment_id: str | None


@dataclass(frozen=True)
class Fault:
    """Why a version could not be loaded, how often that was tried, and when it is tried again."""

    reason: str
    tries: int
    again_at: float


def identity(entry: RegisteredVersion) -> Identity:
    """Return what tells ``entry`` from every other version."""
    return Identity(entry.model, entry.number, entry.run_id, entry.source)


class Loads:
    """Loads versions by ``load``, and keeps what became of each. One thread asks; ``clock`` is in seconds."""

    def __init__(
        self, load: Callable[[RegisteredVersion], Loaded], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load, self._clock = load, clock
        self._pool = ThreadPoolExecutor(_AT_ONCE, "load")
        self._begun: dict[Identity, Future[Loaded]] = {}
        self._outcomes: dict[Identity, Loaded | Fault] = {}
        self._told = Told(logger)

    def want(self, entries: Iterable[RegisteredVersion]) -> None:
        """Begin to load ``entries``, the first first; all others are forgotten."""
        wanted = {identity(entry): entry for entry in entries}
        for gone in [known for known in self._outcomes if known not in wanted]:
            del self._outcomes[gone]
            self._told.over(_subject(gone))
        for name, entry in wanted.items():
            if name not in self._begun and name not in self._outcomes and len(self._begun) < _MOST_BEGUN:
                self._begun[name] = self._pool.submit(self._load, entry)
        for name, entry in wanted.items():
            if name not in self._begun and self._is_due(name) and self._tried_again() < _MOST_TRIED_AGAIN:
                self._begun[name] = self._pool.submit(self._load, entry)

    def wait(self, seconds: float) -> bool:
        """Wait until all that was begun has an end, but no longer than ``seconds``; return whether it has."""
        wait(self._begun.values(), timeout=seconds)
        for name, future in list(self._begun.items()):
            if future.done():
                del self._begun[name]
                self._outcomes[name] = self._ended(name, future)
        return not self._begun

    def outcome(self, entry: RegisteredVersion) -> Loaded | Fault | None:
        """Return what became of ``entry`` last, or None where it was never tried to the end."""
        return self._outcomes.get(identity(entry))

    def stop(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _is_due(self, name: Identity) -> bool:
        before = self._outcomes.get(name)
        return isinstance(before, Fault) and self._clock() >= before.again_at

    def _tried_again(self) -> int:
        return sum(name in self._outcomes for name in self._begun)

    def _ended(self, name: Identity, future: Future[Loaded]) -> Loaded | Fault:
        before = self._outcomes.get(name)
        tries = before.tries + 1 if isinstance(before, Fault) else 1
        error = future.exception()
        if error is None:
            self._told.over(_subject(name))
            logger.info("version ready model=%s version=%d run_id=%s", name.model, name.number, name.run_id)
            return future.result()
        foreseen = isinstance(error, SwatheError)
        reason = shortened(str(error) if foreseen else f"{type(error).__name__}: {error}".removesuffix(": "))
        self._told.fault(_subject(name), reason, unforeseen=None if foreseen else error)
        return Fault(reason, tries, self._clock() + _wait_s(tries, passing=isinstance(error, RetryError)))


def _subject(name: Identity) -> str:
    return f"version unavailable model={name.model} version={name.number}"


def _wait_s(tries: int, *, passing: bool) -> float:
    first, longest = (_SERVICE_WAIT_S, _LONGEST_SERVICE_WAIT_S) if passing else (_FIRST_WAIT_S, _LONGEST_WAIT_S)
    return float(min(longest, first * 2 ** min(tries - 1, 16)))
