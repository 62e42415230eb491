"""Every error that Swathe raises on purpose. A leaf says what the caller can do about it.

SwatheError
├── StopError                  nothing will change by itself: tell the person, exit non-zero
│   ├── ConfigurationError     a setting or a command-line flag
│   ├── StreamFileError        the stream file, with the line
│   ├── SourceFileError        the data file that is replayed, with line and column
│   ├── ChainError             landed objects, topic and registry contradict each other
│   ├── SchemaBrokenError      the share of rejected records is above the limit
│   ├── AccessDeniedError      a service answers, and refuses us
│   └── ModelArtifactError     stored numbers of a version that cannot be read or do not agree
├── RetryError                 may succeed later
│   ├── ServiceDownError       a service does not answer: name, address, command that starts it
│   │   └── ServiceUnwellError   it is there, and cannot do it now: what is in the way, and what mends it
│   └── UnreadableAnswerError  a service answers, with something that cannot be used
├── DataError                  this batch cannot be trained; the next one may
└── RequestError               a request that cannot be answered as it was asked
    ├── MalformedRequestError    not JSON, or not text
    ├── UnsupportedMediaError    a content type that is not read
    ├── RequestTooLargeError     more bytes than the limit
    ├── InvalidRequestError      fields that are not as they should be, each with its path
    ├── UnknownNameError         no such model, version, alias or row; the message names those there are
    ├── VersionUnavailableError  known, but with nothing to answer with; the message says why
    ├── NotReadyError            the registry was not read yet: the same one may succeed soon
    ├── OverloadedError          too many requests at once: the same one may succeed later
    ├── InterruptedRequestError  a worker process ended in the middle of it: the same one may succeed at once
    └── DeadlineExceededError    not answered in time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract import remedies
from contract.uri import without_credentials


class SwatheError(Exception):
    """Base of every error raised on purpose. ``str(error)`` is fit to be shown: no URI in it holds credentials."""

    def __str__(self) -> str:
        """Return the message."""
        return without_credentials(super().__str__())


class StopError(SwatheError):
    """Nothing will change by itself: the command ends and a person decides."""


class ConfigurationError(StopError):
    """A setting or a flag is unknown, misspelt or out of range."""


class StreamFileError(StopError):
    """A stream file says something that cannot be meant.

    Parameters
    ----------
    source: the file's name, as the person gave it
    line: 1-based line, or None where no single line is at fault
    problem: names the key, its value and what is expected
    """

    def __init__(self, source: str, line: int | None, problem: str) -> None:
        self.source = source
        self.line = line
        self.problem = problem
        where = source if line is None else f"{source}:{line}"
        super().__init__(f"{where}: {problem}")


class SourceFileError(StopError):
    """A data file cannot be replayed as the stream file describes it."""

    def __init__(self, source: str, line: int | None, column: str | None, problem: str) -> None:
        self.source = source
        self.line = line
        self.column = column
        self.problem = problem
        where = source if line is None else f"{source}:{line}"
        at = "" if column is None else f" column {column!r}:"
        super().__init__(f"{where}:{at} {problem}")


class ChainError(StopError):
    """Landed objects, topic and registry contradict each other; going on would lose or double rows."""


class SchemaBrokenError(StopError):
    """More records are rejected than the stream file tolerates."""


class AccessDeniedError(StopError):
    """A service answers and refuses us: credentials or permissions."""


class ModelArtifactError(StopError):
    """A version's stored numbers are missing, unreadable, or disagree with their golden file."""


class RetryError(SwatheError):
    """The same call may succeed later."""


class ServiceDownError(RetryError):
    """A service does not answer.

    Parameters
    ----------
    service: its name as `python -m infra status` shows it
    address: where it was looked for
    reason: what the client said, in one line
    """

    def __init__(self, service: str, address: str, reason: str) -> None:
        self.service = service
        self.address = without_credentials(address)
        self.reason = without_credentials(reason)
        super().__init__(
            f"{service} does not answer at {address} ({reason}). "
            f"Start it with {remedies.start_services()}, or point the settings at the one you mean: "
            f"{remedies.set_environment()}."
        )


class ServiceUnwellError(ServiceDownError):
    """A service is there and cannot do what it was asked now; starting it would not help.

    Parameters
    ----------
    remedy: what a person can do about it, as a sentence without its full stop
    """

    def __init__(self, service: str, address: str, reason: str, remedy: str) -> None:
        super().__init__(service, address, reason)
        self.args = (f"{service} at {address} cannot do this now ({reason}). {remedy}.",)


class UnreadableAnswerError(RetryError):
    """A service answers a question with an error of its own, or with what is no answer to it.

    Parameters
    ----------
    service: its name as `python -m infra status` shows it
    question: what it was asked for
    reason: what is wrong with the answer, in one line
    """

    def __init__(self, service: str, question: str, reason: str) -> None:
        self.service = service
        self.question = question
        self.reason = reason
        super().__init__(f"{service} answers {question} with what cannot be used: {reason}; see its log")


class DataError(SwatheError):
    """A batch whose rows cannot be trained: it takes its version number as `state=failed`, with this reason."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request: where, as a path of names and indexes, and what."""

    loc: tuple[str | int, ...]
    msg: str


class RequestError(SwatheError):
    """A request that cannot be answered as it was asked; never repeats the whole input."""


class MalformedRequestError(RequestError):
    """The body is not JSON."""


class UnsupportedMediaError(RequestError):
    """The body's content type is not one that is read."""


class RequestTooLargeError(RequestError):
    """The body has more bytes, or numbers, than the limit."""


class InvalidRequestError(RequestError):
    """Fields of the request are not as they should be.

    Parameters
    ----------
    message: one sentence over all
    faults: each field's path and what is wrong with it; there may be more than are listed
    """

    def __init__(self, message: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(message)

    def __reduce__(self) -> tuple[type[InvalidRequestError], tuple[str, tuple[Fault, ...]]]:
        """Travel between processes whole."""
        return type(self), (str(self), self.faults)


class UnknownNameError(RequestError):
    """A name in the path is not known.

    Parameters
    ----------
    kind: model, version or row; ``faults`` names the parameter of the path
    name: as it was asked for
    within: what it was looked for in
    known: those there are; a long list is cut
    """

    _SHOWN = 20

    def __init__(self, kind: str, name: str, known: Sequence[str] | None = None, *, within: str = "") -> None:
        self.kind = kind
        self.name = name
        there = ""
        if known is not None:
            listed = ", ".join(known[: self._SHOWN])
            more = f" and {len(known) - self._SHOWN} more" if len(known) > self._SHOWN else ""
            there = f"; known: {listed}{more}" if known else "; there are none yet"
        parameter = {"row": "row_id", "ready version": "version"}.get(kind, kind)
        self.faults = (Fault(("path", parameter), f"unknown{there}"),)
        super().__init__(f"no {kind} {name[:100]!r}{f' in {within}' if within else ''}{there}")


class VersionUnavailableError(RequestError):
    """A version is known, but has nothing to answer with."""


class OverloadedError(RequestError):
    """Too many requests are being answered or are waiting; ``retry_after_s`` is when to ask again."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class NotReadyError(RequestError):
    """The registry was not read whole yet."""


class InterruptedRequestError(RequestError):
    """The process that worked on the request ended."""


class DeadlineExceededError(RequestError):
    """The request was not answered in time."""
