"""Bodies are read within bytes, time and a budget that all share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from contract.errors import DeadlineExceededError, OverloadedError, RequestTooLargeError
from serving.http.bodies_within_limits import SMALL_BYTES, BodyBudget, BodyReader

MOST, ALL = 4 * SMALL_BYTES, 6 * SMALL_BYTES


def _scope(length: int | str | None) -> dict[str, Any]:
    return {"headers": [] if length is None else [(b"content-length", str(length).encode())]}


def _sending(pieces: Sequence[bytes], pause_s: float = 0.0) -> Any:
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause_s)
        if not left:
            return {"type": "http.disconnect"}
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    return receive


def _read(reader: BodyReader, length: int | str | None, receive: Any, **more: Any) -> bytes:
    async def read() -> bytes:
        with reader.room() as room:
            return await reader.read(_scope(length), receive, room, **more)

    return asyncio.run(read())


@pytest.fixture
def budget() -> BodyBudget:
    """Room for one body and a half of the largest."""
    return BodyBudget(ALL)


@pytest.fixture
def reader(budget: BodyBudget) -> BodyReader:
    """A reader with that budget."""
    return BodyReader(MOST, 5, budget)


@pytest.mark.parametrize("sizes", [[0], [10], [MOST], [SMALL_BYTES, 1], [1000] * 200])
@pytest.mark.parametrize("told", [True, False])
def test_a_body_arrives_whole_and_its_room_is_free_again(
    reader: BodyReader, budget: BodyBudget, sizes: list[int], told: bool
) -> None:
    pieces = [bytes([i % 256]) * size for i, size in enumerate(sizes)]
    assert _read(reader, sum(sizes) if told else None, _sending(pieces)) == b"".join(pieces)
    assert budget.free == ALL


@pytest.mark.parametrize(
    ("length", "sizes", "most"),
    [
        (MOST + 1, [1], None),
        (None, [MOST, 1], None),
        (None, [MOST + 1], None),
        ("9" * 5000, [1], None),
        (101, [1], 100),
        (None, [101], 100),
    ],
)
def test_a_body_above_the_limit_is_refused(
    reader: BodyReader, budget: BodyBudget, length: Any, sizes: list[int], most: int | None
) -> None:
    with pytest.raises(RequestTooLargeError, match=r"the limit is"):
        _read(reader, length, _sending([b"x" * size for size in sizes]), most=most)
    assert budget.free == ALL


def test_what_all_bodies_together_may_have_is_held_before_it_is_there(reader: BodyReader, budget: BodyBudget) -> None:
    with reader.room() as first:
        first.hold(MOST)
        for length, sizes in ((3 * SMALL_BYTES, [1]), (None, [SMALL_BYTES, SMALL_BYTES, SMALL_BYTES])):
            with pytest.raises(OverloadedError, match="SWATHE_SERVING_BODIES_BYTES") as caught:
                _read(reader, length, _sending([b"x" * size for size in sizes]))
            assert caught.value.retry_after_s == 1
        # Small ones never wait for large ones, in however many pieces they come.
        for length in (SMALL_BYTES, None):
            assert len(_read(reader, length, _sending([b"x" * 1024] * 64))) == SMALL_BYTES
        # Less than it holds already takes nothing more, and gives nothing back.
        first.hold(1)
        assert budget.free == ALL - MOST
    assert budget.free == ALL
    assert len(_read(reader, MOST, _sending([b"x" * MOST]))) == MOST


def test_a_body_that_is_there_takes_no_turn_of_the_loop_and_one_that_waits_can_be_cancelled(reader: BodyReader) -> None:
    left = ["waiting"]

    async def there() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x"}

    async def never() -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            left.pop()
        raise AssertionError

    with reader.room() as room, pytest.raises(StopIteration) as whole:
        reader.read(_scope(1), there, room).send(None)
    assert whole.value.value == b"x"

    async def cancelled() -> None:
        with reader.room() as room:
            task = asyncio.create_task(reader.read(_scope(1), never, room))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancelled())
    assert left == []


def test_a_client_that_is_gone_or_late_leaves_no_room_taken(budget: BodyBudget) -> None:
    with pytest.raises(ClientDisconnect):
        _read(BodyReader(MOST, 5, budget), MOST, _sending([]))
    with pytest.raises(DeadlineExceededError, match="within"):
        _read(BodyReader(MOST, 0.02, budget), MOST, _sending([b"x"] * 9, pause_s=0.05))
    assert budget.free == ALL


def test_a_body_that_holds_room_and_comes_too_slowly_ends_early(
    budget: BodyBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.http.bodies_within_limits._SLOW_S", 0.05)
    reader = BodyReader(MOST, 60, budget)
    with pytest.raises(DeadlineExceededError, match="too slowly"):
        _read(reader, MOST, _sending([b"x"] * 1000, pause_s=0.02))
    # As slow, but small; and as large, but on its way to be whole in time.
    assert _read(reader, 10, _sending([b"x"] * 10, pause_s=0.02)) == b"x" * 10
    assert len(_read(reader, MOST, _sending([b"x" * (MOST // 8)] * 8, pause_s=0.02))) == MOST
