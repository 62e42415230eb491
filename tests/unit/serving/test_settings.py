"""Settings that cannot be meant are refused, with their name."""

from __future__ import annotations

import pytest

from contract.errors import ConfigurationError, InvalidRequestError, RequestError
from serving.http.problems import STATUS
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


@pytest.mark.parametrize("key", ["qx7", "k" * 15, " " * 20, "k" * 16 + "\n", "schlüssel-schlüssel"])
def test_a_key_that_protects_nothing_is_refused_with_how_to_make_one(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("SWATHE_SERVING_API_KEY", key)
    with pytest.raises(ConfigurationError, match=r"SWATHE_SERVING_API_KEY.*16 characters.*token_urlsafe") as refused:
        serving_settings()
    assert key not in str(refused.value)
    monkeypatch.setenv("SWATHE_SERVING_API_KEY", "k" * 16)
    assert serving_settings().api_key is not None


def test_beyond_loopback_an_empty_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWATHE_SERVING_API_KEY", "")
    with pytest.raises(ConfigurationError, match="set SWATHE_SERVING_API_KEY"):
        serving_settings(host="0.0.0.0")


def test_hosts_are_checked_on_loopback_and_where_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWATHE_SERVING_ALLOWED_HOSTS", raising=False)
    monkeypatch.setenv("SWATHE_SERVING_API_KEY", "k" * 16)
    assert serving_settings().own_hosts == ("localhost", "127.0.0.1", "[::1]")
    assert serving_settings(host="0.0.0.0").own_hosts == ()
    monkeypatch.setenv("SWATHE_SERVING_ALLOWED_HOSTS", "ml.example, *.internal")
    assert serving_settings(host="0.0.0.0").own_hosts[-2:] == ("ml.example", "*.internal")


@pytest.mark.parametrize("path", ["swathe", "//evil.example", "/a b", "/a/../b", "/api", "/v2/x", "/<script>", "/ä"])
def test_a_base_path_is_a_plain_path(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("SWATHE_SERVING_BASE_PATH", path)
    with pytest.raises(ConfigurationError, match="SWATHE_SERVING_BASE_PATH"):
        serving_settings()
    monkeypatch.setenv("SWATHE_SERVING_BASE_PATH", "/team/swathe/")
    assert serving_settings().base_path == "/team/swathe"


def test_the_first_model_that_is_named_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWATHE_SERVING_MODELS", "zebra, ant")
    assert serving_settings().default == "zebra"
    assert serving_settings(default_model="ant").default == "ant"
