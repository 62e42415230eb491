"""Settings that cannot be meant are refused, with their name."""

from __future__ import annotations

import pytest

from contract.errors import ConfigurationError, InvalidRequestError, RequestError
from serving.problems import STATUS
from serving.settings import serving_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SWATHE_SERVING_PORT", "80"),
        ("SWATHE_SERVING_PORT", "many"),
        ("SWATHE_SERVING_POLL_S", "0"),
        ("SWATHE_SERVING_HOST", "0.0.0.0"),
        ("SWATHE_SERVING_HOST", "example.org"),
        ("SWATHE_SERVING_LOG", "xml"),
        ("SWATHE_SERVING_PROT", "1"),
    ],
)
def test_a_setting_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        serving_settings()


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWATHE_SERVING_MODELS", "a, b")
    assert serving_settings().models == ("a", "b")
    assert serving_settings(models=("c",), port=None).models == ("c",)


def _leaves(kind: type[RequestError]) -> list[type[RequestError]]:
    return [leaf for below in kind.__subclasses__() for leaf in (_leaves(below) or [below])]


def test_every_request_error_has_a_status_code() -> None:
    assert InvalidRequestError in _leaves(RequestError)
    assert [leaf for leaf in _leaves(RequestError) if leaf not in STATUS] == []
