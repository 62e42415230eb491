"""The train key: two trainings with the same key give the same version, so the second is not done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from contract.features import training_parameters
from contract.sections import Scheme
from contract.stream import Stream

TRAINING_REVISION: Final = 2
"""Raised by hand when the same batch and parameters give other results; `test_golden_training` says when."""

_LENGTH = 32


def train_key(stream: Stream, scheme: Scheme, manifests: Sequence[bytes]) -> str:
    """Return the key of training ``manifests``, the bytes of each manifest that goes into the version.

    What is only reported or compared (gate, drift thresholds) is left out: it changes no result.
    """
    parameters = {
        "revision": TRAINING_REVISION,
        "scheme": scheme,
        "features": training_parameters(stream.features),
        "id": stream.id,
        "columns": {name: stream.columns[name].type for name in stream.trained_columns},
        "model": stream.model.training_parameters(),
        "manifests": [hashlib.sha256(body).hexdigest() for body in manifests],
    }
    return _digest(json.dumps(parameters, sort_keys=True).encode())


def data_digest(manifests: Sequence[bytes]) -> str:
    """Return the digest of the rows alone: MLflow allows at most 36 characters."""
    return _digest(b"".join(hashlib.sha256(body).digest() for body in manifests))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:_LENGTH]
