"""Asking an HTTP service whether it is well."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

from contract.errors import ServiceDownError


def probe(service: str, url: str, timeout_s: float) -> None:
    """Return if ``url`` answers 200.

    Raises
    ------
    ServiceDownError: it does not, within ``timeout_s``.
    """
    # No proxy: the services are on loopback, whatever HTTP_PROXY says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout_s) as answer:
            if answer.status == 200:
                return
            reason = f"HTTP {answer.status}"
    except urllib.error.HTTPError as error:
        reason = f"HTTP {error.code}"
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", None) or error or type(error).__name__)
    raise ServiceDownError(service, url, reason)
