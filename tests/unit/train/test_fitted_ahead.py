"""While a batch is completed the next one is fitted: what that leaves where the first fails, or all is ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from contract.errors import ChainError, ServiceDownError
from pipeline.train import trainer
from pipeline.train.kinds.kmeans.kind import KMeansKind
from pipeline.train.mlflow_client.runs import TAG_ATTEMPTS, TAG_ERROR
from pipeline.train.publish.plan import Action, Step
from pipeline.train.publish.publisher import Publisher
from tests.unit.train.test_tried_again import DOWN, KEY, Line, empty, line

__all__ = ["empty", "line"]

# MLflow's own use of its database library.
pytestmark = pytest.mark.filterwarnings("ignore")

STEPS = [Step(number, KEY, Action.TRAIN, None) for number in (1, 2)]
WITHIN_S = 30.0


class Order:
    """What happened, in order; batch 1 is published when batch 2 has been fitted, and batch 2 after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[str] = []
        self.fitted = threading.Event()
        self.fault: BaseException | None = None
        monkeypatch.setattr(KMeansKind, "train", self._fit(KMeansKind.train))

    def _fit(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def fit(*given: Any) -> Any:
            self.told.append(f"fit {given[3].number}")
            if given[3].number == 2:
                self.fitted.set()
            return real(*given)

        return fit

    def publish(self, number: int, *_: object, **__: object) -> str:
        if number == 1:
            assert self.fitted.wait(WITHIN_S)
            if self.fault is not None:
                raise self.fault
        self.told.append(f"publish {number}")
        return "none"


@pytest.fixture
def order(line: Line, monkeypatch: pytest.MonkeyPatch) -> Order:
    found = Order(monkeypatch)
    monkeypatch.setattr(Publisher, "publish", lambda _, number, record, **more: found.publish(number, record, **more))
    return found


def ends(line: Line) -> list[list[str]]:
    return [[run.info.status for run in line.runs.of_batch(number)] for number in (1, 2)]


def test_versions_are_published_in_order_and_the_next_is_fitted_meanwhile(line: Line, order: Order) -> None:
    outcomes = list(line.trainer.take(STEPS, line.batches))
    assert order.told == ["fit 1", "fit 2", "publish 1", "publish 2"]
    assert [outcome.batch for outcome in outcomes] == [1, 2] and ends(line) == [["FINISHED"], ["FINISHED"]]


def test_what_was_fitted_ahead_fails_with_the_batch_before_it_and_is_one_run(line: Line, order: Order) -> None:
    order.fault = DOWN
    with pytest.raises(ServiceDownError):
        list(line.trainer.take(STEPS, line.batches))
    [second] = line.runs.of_batch(2)
    assert second.info.status == "FAILED" and len(line.models()) == 1
    assert second.data.tags[TAG_ERROR].startswith("given up with the batch before it: ")
    order.fault = None
    list(line.trainer.take(STEPS, line.batches))
    assert ends(line) == [["FINISHED"], ["FINISHED"]] and order.told[-1] == "publish 2"
    assert line.runs.of_batch(2)[0].data.tags[TAG_ATTEMPTS] == "2"


def test_what_ends_the_command_ends_both_runs_as_killed(line: Line, order: Order) -> None:
    order.fault = SystemExit(143)
    with pytest.raises(SystemExit):
        list(line.trainer.take(STEPS, line.batches))
    assert ends(line) == [["FINISHED"], ["KILLED"]] and order.told == ["fit 1", "fit 2"]


def test_whoever_takes_no_more_gives_up_what_was_fitted_ahead(line: Line, order: Order) -> None:
    outcomes = line.trainer.take(STEPS, line.batches)
    assert next(outcomes).batch == 1
    outcomes.close()
    assert ends(line) == [["FINISHED"], ["KILLED"]] and "publish 2" not in order.told


def test_a_part_that_is_gone_stops_its_own_batch_and_not_the_one_before(
    line: Line,
    order: Order,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check(_: object, batches: Any) -> None:
        if batches[-1].number == 2:
            order.fitted.set()
            raise ChainError("batch 2 names a part that is gone")

    monkeypatch.setattr(trainer, "check_parts", check)
    outcomes = line.trainer.take(STEPS, line.batches)
    assert next(outcomes).batch == 1 and order.told == ["fit 1", "publish 1"]
    with pytest.raises(ChainError, match="batch 2 names a part"):
        next(outcomes)
    assert ends(line) == [["FINISHED"], []]
