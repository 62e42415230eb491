"""A predictor goes to each worker once, whatever its size, and answers there as it does here."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from scoring.kmeans import Assigner
from serving.kinds.clusters.predictor import ClusterPredictor
from serving.kinds.litserve_api import Predictions
from serving.kinds.prediction import PredictRequest
from serving.kinds.sent import Receiver, Sender, Sent
from tests.unit.serving.served_numbers import scoring

ROWS = b'{"instances": [[1, 2], [9, 11], [3, null], [4, 5], [30, 31]]}'


def _request(clusters: int) -> PredictRequest:
    return PredictRequest(ROWS, ClusterPredictor(Assigner(scoring(clusters=clusters))), b"}")


def _over_the_queue(request: PredictRequest) -> PredictRequest:
    sent: PredictRequest = pickle.loads(pickle.dumps(request))
    return sent


def test_a_large_predictor_is_asked_for_once_by_each_worker(tmp_path: Path) -> None:
    request, sender = _request(700), Sender()
    here = Predictions(tmp_path)
    expected = here.answer_soon(request)
    for worker in (Predictions(tmp_path), Predictions(tmp_path)):
        by_key = _over_the_queue(sender.ready(request, whole=False))
        assert len(pickle.dumps(by_key)) < 1000
        assert worker.encode_response(worker.predict(worker.decode_request(by_key))).is_unknown
        whole = _over_the_queue(sender.ready(request, whole=True))
        answer = worker.encode_response(worker.predict(worker.decode_request(whole)))
        assert answer == expected and answer.counts[0] == 3
        again = worker.encode_response(worker.predict(worker.decode_request(by_key)))
        assert again == expected


def test_a_small_one_is_sent_each_time_and_so_is_a_shadow() -> None:
    request = _request(2)._replace(shadow=_request(700).predictor)
    sent = Sender().ready(request, whole=False)
    assert sent.predictor.body and sent.shadow.body is None  # type: ignore[attr-defined] # they are Sent
    receiver = Receiver()
    assert receiver.whole(sent) is None
    found = receiver.whole(Sender().ready(request, whole=True))
    assert found is not None and receiver.whole(sent) == found


def test_what_was_used_last_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [_request(clusters) for clusters in (2, 3, 4)]
    sender, receiver = Sender(), Receiver()
    whole = [sender.ready(request, whole=True) for request in requests]
    keys = [each._replace(predictor=Sent(each.predictor.key, None)) for each in whole]  # type: ignore[attr-defined, arg-type] # as above
    monkeypatch.setattr("serving.kinds.sent._MOST_KEPT", 2)
    for each in (whole[0], whole[1], keys[0], whole[2]):
        assert receiver.whole(each) is not None
    assert [receiver.whole(each) is not None for each in keys] == [True, False, True]
    monkeypatch.setattr("serving.kinds.sent._MOST_BYTES", 1)
    assert receiver.whole(whole[1]) is not None
    assert [receiver.whole(each) is not None for each in keys] == [False, True, False]
