"""Pages over a thousand versions: made beside the event loop, once for all who ask, and anew when there is another."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
import pytest

from serving.kinds.installed import kinds
from serving.metrics import Metrics
from serving.pages import openapi
from serving.pages.kept import Pages
from serving.service import Service
from serving.versions.catalogue import Catalogue
from tests.unit.serving.served_numbers import catalogue, scoring, version


class Moment:
    """Where a catalogue of the test's own stands in for what is picked up."""

    def __init__(self, found: Catalogue) -> None:
        self.catalogue = found
        self.last_error = None


def _pages(moment: Moment) -> Pages:
    given: Any = moment
    service = Service(given, kinds(), None, "http://mlflow")
    return Pages(service, Metrics(lambda: moment.catalogue, kinds()), kinds(), with_key=False)


async def _longest_stall(work: Any) -> float:
    """Return for how long the loop stood still while ``work`` was done."""
    longest, done = 0.0, asyncio.ensure_future(work)
    while not done.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - began)
    await done
    return longest


@pytest.mark.parametrize("name", ["openapi", "models", "metrics"])
def test_the_loop_goes_on_while_a_thousand_versions_are_listed(name: str) -> None:
    found = scoring(width=20)
    moment = Moment(catalogue(*(version(i, found) for i in range(1, 1001))))

    async def scenario() -> float:
        return await _longest_stall(getattr(_pages(moment), name)())

    # It takes half a second on a machine of its own, and more here; on the loop it would be one stall.
    assert min(asyncio.run(scenario()) for _ in range(3)) < 0.3


def test_the_loop_s_own_thread_makes_no_page_and_gives_the_one_that_is_made() -> None:
    found = scoring(width=20)
    moment = Moment(catalogue(*(version(i, found) for i in range(1, 1001))))

    async def scenario() -> tuple[float, float]:
        pages, began = _pages(moment), time.thread_time()
        body = await pages.openapi()
        made = time.thread_time() - began
        # The next look at the registry found the same.
        moment.catalogue = Catalogue(moment.catalogue.models, checked_at=9.0)
        asked_at = time.perf_counter()
        assert await pages.openapi() is body
        return made, time.perf_counter() - asked_at

    made, again = asyncio.run(scenario())
    # Processor time, which no busy machine adds to: making it takes ten times as long.
    assert made < 0.03 and again < 0.1


def test_all_who_ask_get_the_same_and_it_is_made_once_for_each_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Catalogue] = []

    def document(found: Catalogue, *_: Any, **__: Any) -> dict[str, Any]:
        made.append(found)
        return {"versions": len(found.models["m"].versions)}

    monkeypatch.setattr(openapi, "document", document)
    one, again, two = catalogue(version(1)), catalogue(version(1)), catalogue(version(1), version(2))
    moment = Moment(one)

    async def scenario() -> None:
        pages = _pages(moment)
        assert len(set(await asyncio.gather(*(pages.openapi() for _ in range(20))))) == 1
        # Another look at the registry that found the same.
        moment.catalogue = Catalogue(dict(again.models), checked_at=9.0)
        moment.catalogue.models["m"].versions[1] = one.models["m"].versions[1]  # type: ignore[index] # a dict
        await pages.openapi()
        assert len(made) == 1
        moment.catalogue = two
        assert orjson.loads(await pages.openapi()) == {"versions": 2}
        assert len(made) == 2

    asyncio.run(scenario())


def test_what_cannot_be_made_is_told_to_all_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = Moment(catalogue(version(1)))

    def document(*_: Any, **__: Any) -> dict[str, Any]:
        raise RuntimeError("nobody foresaw this")

    async def scenario() -> None:
        pages = _pages(moment)
        with monkeypatch.context() as broken:
            broken.setattr(openapi, "document", document)
            told = await asyncio.gather(*(pages.openapi() for _ in range(3)), return_exceptions=True)
            assert [type(each) for each in told] == [RuntimeError] * 3
        assert orjson.loads(await pages.openapi())["openapi"]
        index = orjson.loads(await pages.index(only_ready=True))
        assert index == [{"name": "m", "version": "1", "state": "READY", "reason": ""}]
        assert orjson.loads(await pages.models())[0]["name"] == "m"

    asyncio.run(scenario())
