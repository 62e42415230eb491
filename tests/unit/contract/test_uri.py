"""Credentials never stay in what is shown; a tracking server is asked as MLflow's own client asks it."""

from __future__ import annotations

import io
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigurationError, ServiceDownError
from contract.log_lines import Formatter
from contract.tracking import tracking_server
from contract.uri import without_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://svc:secret@127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("https://secret@host", "https://host"),
        ("postgresql+psycopg://u:sec@ret@h:5432/d", "postgresql+psycopg://h:5432/d"),
        ("http://u:se/cr?et#x@host:1/", "http://host:1/"),
        ("postgresql:///d?user=u&password=secret&x=1", "postgresql:///d?user=u&password=***&x=1"),
        ("s3://b/k?X-Amz-Signature=secret", "s3://b/k?X-Amz-Signature=***"),
        (
            "API request to http://a:secret@h/api failed: http://h:80/p",
            "API request to http://h/api failed: http://h:80/p",
        ),
        ("twice http://a:secret@h and http://b:secret@[::1]:5/", "twice http://h and http://[::1]:5/"),
        ("http://host:80/a@b and mail a@b.c", "http://host:80/a@b and mail a@b.c"),
        ("http://host/#/experiments/1/runs/2", "http://host/#/experiments/1/runs/2"),
        ("http://h/?token=a?b=c&next=http://i/?x?secret=d", "http://h/?token=***&next=http://i/?x?secret=***"),
        # It may as well be a port and a path: docs/trust.md names it.
        ("http://svc:12/secret@host", "http://svc:12/secret@host"),
    ],
)
def test_credentials_are_taken_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
    assert without_credentials(shown) == shown


_NAME = st.text(st.characters(exclude_characters=" '\"<>/?#@:", min_codepoint=33, max_codepoint=126), min_size=1)
_PASSWORD = st.text(st.characters(exclude_characters=" '\"<>", min_codepoint=33, max_codepoint=126), min_size=1)


@given(_NAME, _PASSWORD.filter(lambda text: not text[0].isdigit()))
def test_no_password_is_shown_whatever_it_holds(name: str, password: str) -> None:
    uri = f"http://{name}:{password}@host.example:15000/path"
    assert without_credentials(f"at {uri}") == "at http://host.example:15000/path"


_PIECES = (
    "?",
    "&",
    "?token",
    "?token=",
    "&a=",
    "@",
    "http://",
    "http://a:",
    "a.",
    "://a:b@h",
    "http://a:1/",
    '"http://@',
)


@pytest.mark.parametrize("piece", _PIECES)
def test_a_megabyte_of_anything_takes_no_longer_than_its_length(piece: str) -> None:
    # In time squared, a twentieth of it took minutes.
    began = time.process_time()
    without_credentials("http://h/" + piece * (2**20 // len(piece)))
    assert time.process_time() - began < 10


def test_an_error_and_a_log_line_hold_none() -> None:
    try:
        try:
            raise ValueError("GET http://svc:secret@h/ failed")
        except ValueError as error:
            raise ServiceDownError("mlflow", "http://svc:secret@h", str(error)) from error
    except ServiceDownError as error:
        assert "secret" not in str(error) + error.address + error.reason
        out = io.StringIO()
        handler = logging.StreamHandler(out)
        handler.setFormatter(Formatter())
        record = logging.LogRecord("x", logging.ERROR, "", 1, "uri=%s", ("http://svc:secret@h",), None)
        record.exc_info = (type(error), error, error.__traceback__)
        handler.emit(record)
        assert "Traceback" in out.getvalue() and "ValueError" in out.getvalue() and "secret" not in out.getvalue()


def test_a_tracking_server_is_asked_as_somebody() -> None:
    plain = tracking_server("http://h:1/", username="", password="", token="")
    assert (plain.uri, dict(plain.headers)) == ("http://h:1", {})
    assert tracking_server("http://h", token="t").headers == {"Authorization": "Bearer t"}
    named = tracking_server("http://h", username="u", password="p", token="t")
    assert named.headers == {"Authorization": "Basic dTpw"}
    given_in_uri = tracking_server("http://u:p%40@[::1]:5/ml/", username="x", password="y")
    assert (given_in_uri.uri, given_in_uri.username, given_in_uri.password) == ("http://[::1]:5/ml", "u", "p@")
    assert given_in_uri.environment["MLFLOW_TRACKING_URI"] == "http://[::1]:5/ml"
    assert "p@" not in repr(given_in_uri)
    with pytest.raises(ConfigurationError, match="%2F") as refused:
        tracking_server("http://u:sec/ret@h:1")
    assert "sec" not in str(refused.value)
