"""A custom runtime of MLServer, as its documentation shows one; rows come and go as tensors."""

# mypy: ignore-errors
from __future__ import annotations

import os

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.serving.model import given


class Runtime(MLModel):
    """The version."""

    async def load(self) -> bool:
        """Take the model in."""
        self.assigner, _ = given(os.environ["BENCH_NUMBERS"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return cluster and distance of each row."""
        clusters, distances = self.assigner.assign(NumpyCodec.decode_input(payload.inputs[0]))
        outputs = [NumpyCodec.encode_output("cluster", clusters), NumpyCodec.encode_output("distance", distances)]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
