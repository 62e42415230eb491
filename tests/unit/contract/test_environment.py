"""A misspelt setting is refused, never swallowed."""

from __future__ import annotations

import pytest

from contract.environment import check, librdkafka
from contract.errors import ConfigurationError


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"SWATHE_PORT_KAFKKA; did you mean SWATHE_PORT_KAFKA\?"):
        check({"SWATHE_PORT_KAFKKA": "1"})


def test_other_names_are_none_of_our_business() -> None:
    check({"HOME": "/", "SWATHE_PORT_KAFKA": "1", "SWATHE_KAFKA_SASL_MECHANISM": "PLAIN"})


def test_any_librdkafka_setting_passes_through() -> None:
    environ = {"SWATHE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "SWATHE_KAFKA_HEAP": "512m", "SWATHE_PORT_KAFKA": "1"}
    assert librdkafka(environ) == {"security.protocol": "SASL_SSL"}
