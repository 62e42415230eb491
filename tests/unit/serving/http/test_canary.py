"""Who is drawn, and what is compared."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import InterruptedRequestError
from serving.http.canary import Canary, Drawn, position
from serving.kinds.installed import kinds
from serving.kinds.prediction import Answer
from serving.metrics import Metrics
from serving.settings import Mode
from serving.versions.catalogue import Catalogue, ServedModel
from tests.unit.serving.served_numbers import catalogue, scoring, version

CHAMPION, CHALLENGER, OTHER = version(1), version(2), version(3, scoring(width=3))


def _canary(share: float, mode: Mode = "send") -> tuple[Canary, Metrics]:
    metrics = Metrics(Catalogue, kinds())
    return Canary(share, mode, metrics), metrics


def _model(**aliases: int) -> ServedModel:
    return catalogue(CHAMPION, CHALLENGER, OTHER, champion=1, **aliases).models["m"]


@given(st.text("abcdef0123456789", min_size=1))
def test_the_same_id_is_drawn_again(request_id: str) -> None:
    assert 0 <= position(request_id) < 1
    drawn = [_canary(0.5)[0].draw(_model(challenger=2), CHAMPION, request_id) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert (drawn[0].version is CHALLENGER) == (position(request_id) < 0.5)


def test_a_share_of_ids_is_drawn() -> None:
    canary, _ = _canary(0.25)
    drawn = [canary.draw(_model(challenger=2), CHAMPION, str(i)).version.number for i in range(4000)]
    assert 0.2 < drawn.count(2) / len(drawn) < 0.3


@pytest.mark.parametrize(
    ("share", "aliases"), [(0.0, {"challenger": 2}), (1.0, {}), (1.0, {"challenger": 3}), (1.0, {"challenger": 1}),
                           (1.0, {"challenger": 9})]
)  # fmt: skip
def test_nobody_is_drawn_without_a_share_and_another_version_of_the_same_features(
    share: float, aliases: dict[str, int]
) -> None:
    assert _canary(share)[0].draw(_model(**aliases), CHAMPION, "x") == Drawn(CHAMPION)


def test_the_modes_differ_in_who_answers() -> None:
    model = _model(challenger=2)
    assert _canary(1.0, "send")[0].draw(model, CHAMPION, "x") == Drawn(CHALLENGER, CHAMPION)
    assert _canary(1.0, "mirror")[0].draw(model, CHAMPION, "x") == Drawn(CHAMPION, CHALLENGER)


@pytest.mark.parametrize("drawn", [Drawn(CHALLENGER, CHAMPION), Drawn(CHAMPION, CHALLENGER)])
def test_disagreements_are_counted_after_the_answer(drawn: Drawn) -> None:
    canary, metrics = _canary(1.0, "send" if drawn.version is CHALLENGER else "mirror")

    async def ask(shadow: Any) -> Answer:
        assert shadow is drawn.shadow
        return Answer(b"", (), differing=3)

    async def scenario() -> None:
        canary.compare_later(drawn, 10, ask)
        canary.compare_later(Drawn(CHAMPION), 10, ask)
        assert "swathe_canary_rows_total{" not in metrics.text().decode()
        while canary._waiting:
            await asyncio.sleep(0)

    asyncio.run(scenario())
    told = metrics.text().decode()
    pair = '{challenger="2",champion="1",model="m"}'
    assert f"swathe_canary_rows_total{pair} 10.0" in told
    assert f"swathe_canary_disagreements_total{pair} 3.0" in told


def test_a_flood_is_not_doubled_and_what_fails_is_no_errors_of_the_clients(caplog: pytest.LogCaptureFixture) -> None:
    canary, metrics = _canary(1.0)
    asked = 0

    async def ask(_shadow: Any) -> Answer:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.005)
        raise InterruptedRequestError("a worker ended")

    async def scenario() -> None:
        for _ in range(100):
            canary.compare_later(Drawn(CHALLENGER, CHAMPION), 1, ask)
        while canary._waiting:
            await asyncio.sleep(0.001)

    asyncio.run(scenario())
    assert asked == 8 and "not compared" in caplog.text
    assert "swathe_canary_rows_total{" not in metrics.text().decode()
