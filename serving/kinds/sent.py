"""How predictors come to workers: whole once, and by their key from then on."""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from typing import Any, Final, NamedTuple

from serving.kinds.prediction import PredictRequest

# A smaller one is sooner sent again than asked for.
_SMALL_BYTES: Final = 16 * 1024
_MOST_KEPT: Final = 16
_MOST_BYTES: Final = 64 * 2**20


class Sent(NamedTuple):
    """A predictor by the hash of its ``body``, which is None where the worker should have it."""

    key: bytes
    body: bytes | None


class Sender:
    """Makes requests ready for workers. One thread at a time."""

    def __init__(self) -> None:
        # By identity: to compare predictors would be to compare all their numbers. Held, so that it stays theirs.
        self._made: OrderedDict[int, tuple[Any, Sent]] = OrderedDict()

    def ready(self, request: PredictRequest, *, whole: bool) -> PredictRequest:
        """Return ``request`` with its predictors as they are sent: large ones by their keys, or ``whole``."""
        shadow = request.shadow and self._sent(request.shadow, whole=whole)
        return request._replace(predictor=self._sent(request.predictor, whole=whole), shadow=shadow)

    def _sent(self, predictor: Any, *, whole: bool) -> Any:
        known = self._made.pop(id(predictor), None)
        if known is None:
            body = pickle.dumps(predictor, pickle.HIGHEST_PROTOCOL)
            known = predictor, Sent(hashlib.blake2b(body, digest_size=16).digest(), body)
            if len(self._made) >= _MOST_KEPT:
                self._made.popitem(last=False)
        self._made[id(predictor)] = known
        sent = known[1]
        return sent if whole or len(sent.body or b"") <= _SMALL_BYTES else sent._replace(body=None)


class Receiver:
    """What a worker keeps of the predictors that it was sent."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, tuple[Any, int]] = OrderedDict()

    def whole(self, request: PredictRequest) -> PredictRequest | None:
        """Return ``request`` with its predictors; None where one of them has to be sent whole."""
        predictor = self._predictor(request.predictor)
        shadow = request.shadow and self._predictor(request.shadow)
        if predictor is None or (request.shadow is not None and shadow is None):
            return None
        return request._replace(predictor=predictor, shadow=shadow)

    def _predictor(self, sent: Any) -> Any:
        if not isinstance(sent, Sent):
            return sent
        known = self._kept.pop(sent.key, None)
        if known is None and sent.body is not None:
            # From our own API process, over LitServe's own queue, which is made of pickles.
            known = pickle.loads(sent.body), len(sent.body)  # noqa: S301 - as above
        if known is None:
            return None
        self._kept[sent.key] = known
        while len(self._kept) > 1 and (len(self._kept) > _MOST_KEPT or self._bytes() > _MOST_BYTES):
            self._kept.popitem(last=False)
        return known[0]

    def _bytes(self) -> int:
        return sum(size for _, size in self._kept.values())
