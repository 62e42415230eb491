"""A replay that is stopped says by what, as every command does."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from pipeline.replay.command import replay
from pipeline.replay.stop import Stop


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    were = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in were.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("first", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_is_the_one_that_counts(first: signal.Signals, code: int) -> None:
    stop = Stop()
    stop.listen()
    assert not stop.is_set()
    for number in (first, signal.SIGTERM, signal.SIGINT):
        signal.raise_signal(number)
        assert stop.wait(1) and stop.exit_code == code


def test_both_are_in_its_help() -> None:
    assert {130, 143} <= getattr(replay, "exits").keys()  # noqa: B009 - click's decorator has no type for it
