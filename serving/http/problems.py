"""Errors to HTTP: the one shape of every error, and the status code of each. With `routes`, all that knows codes."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from contract.errors import (
    AccessDeniedError,
    DeadlineExceededError,
    InterruptedRequestError,
    InvalidRequestError,
    MalformedRequestError,
    ModelArtifactError,
    NotReadyError,
    OverloadedError,
    RequestTooLargeError,
    ServiceDownError,
    SwatheError,
    UnknownNameError,
    UnreadableAnswerError,
    UnsupportedMediaError,
    VersionUnavailableError,
)
from serving.http.base_path import base_of
from serving.http.codings import CODINGS

logger = logging.getLogger(__name__)

STATUS: Final[Mapping[type[SwatheError], int]] = {
    MalformedRequestError: 400,
    UnknownNameError: 404,
    VersionUnavailableError: 409,
    RequestTooLargeError: 413,
    UnsupportedMediaError: 415,
    InvalidRequestError: 422,
    OverloadedError: 429,
    AccessDeniedError: 502,
    ModelArtifactError: 502,
    UnreadableAnswerError: 502,
    ServiceDownError: 503,
    NotReadyError: 503,
    InterruptedRequestError: 503,
    DeadlineExceededError: 504,
}
CODES: Final = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "unknown",
    405: "method_not_allowed",
    409: "unavailable",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "overloaded",
    431: "head_too_large",
    500: "internal",
    502: "bad_stored_data",
    503: "service_down",
    504: "deadline_exceeded",
}


def problem(
    status: int,
    message: str,
    request_id: str,
    *,
    errors: list[dict[str, Any]] | None = None,
    protocol: bool = False,
    **headers: str,
) -> Response:
    """Return the one shape of every error. A client's half of a surrogate pair is written as it came, by its escape.

    ``protocol``: with what clients of the Open Inference Protocol look for, beside our own fields.
    """
    fields = {
        **({"error": message} if protocol else {}),
        "code": CODES.get(status, f"http_{status}"),
        "message": message,
        "errors": errors or [],
        "request_id": request_id,
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(fields), status, headers=named, media_type="application/json")


def from_error(error: SwatheError, request_id: str, *, protocol: bool = False) -> Response:
    """Return the answer to a request that met ``error``."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    faults = [{"loc": fault.loc, "msg": fault.msg} for fault in getattr(error, "faults", ())]
    headers = {"retry-after": str(error.retry_after_s)} if isinstance(error, OverloadedError) else {}
    if isinstance(error, UnsupportedMediaError):
        headers = {"accept-encoding": ", ".join(CODINGS)}
    answer = problem(status, str(error), request_id, errors=faults, protocol=protocol)
    answer.headers.update(headers)
    return answer


def request_id_of(request: Request) -> str:
    """Return the id that the middleware gave the request."""
    return str(request.scope.get("request_id", ""))


async def http_exception(request: Request, error: Exception) -> Response:
    """Answer what the framework itself refuses, such as a path that there is not."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    path = quote(request.scope["path"], safe="/~!$&'()*+,;=:@")[:200]
    nothing = f"there is nothing at {path}; see {base_of(request.scope)}/docs"
    answer = refused(request.scope, error.status_code, nothing if error.status_code == 404 else error.detail)
    answer.headers.update(error.headers or {})
    return answer


def refused(scope: Scope, status: int, message: str, **headers: str) -> Response:
    """Answer a request that no route has answered, in the shape that its path calls for."""
    protocol = scope["path"] == "/v2" or scope["path"].startswith("/v2/")
    answer = problem(status, message, str(scope.get("request_id", "")), protocol=protocol)
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return answer


async def hung_up(_request: Request, _error: Exception) -> Response:
    """Answer a client that is gone: nobody reads it, the count and the log do."""
    return Response(status_code=499)


async def unexpected(request: Request, error: Exception) -> Response:
    """Answer an error that nobody foresaw; what it was is in the log, under the request's id."""
    request_id = request_id_of(request)
    logger.error("unexpected error request_id=%s path=%r", request_id, request.scope["path"], exc_info=error)
    message = f"unexpected error; the server's log has it under {request_id}"
    # This answer is sent from outside of what adds the header to all others.
    return refused(request.scope, 500, message, x_request_id=request_id)


async def unauthorized(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request without the right key."""
    message = "the key in X-API-Key is missing or another one"
    answer = refused(scope, 401, message, www_authenticate='Basic realm="Swathe", charset="UTF-8"')
    await answer(scope, receive, send)


async def forbidden(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    """Answer a request that is not meant for this server, or that its sender did not mean."""
    await refused(scope, 403, reason)(scope, receive, send)
