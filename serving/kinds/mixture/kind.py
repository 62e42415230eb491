"""Gaussian mixtures, as serving finds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, cast

from msgspec import Meta

from contract.artifact import Label, NumberFile
from contract.decoding import Decoder
from contract.kinds.mixture import MOST_COMPONENTS, MOST_WIDTH
from contract.model_version import SCORING_FILE
from scoring.golden import Golden
from scoring.likely import LikelyAssigner, disagreements
from scoring.mixture import MixtureScoring
from scoring.scorer import ClusterAssigner
from serving.kinds.clusters.artifact import typed
from serving.kinds.clusters.kind import ClusterKind
from serving.kinds.kind import ArtifactFile

_OF_WIDTH: Final = Meta(min_length=1, max_length=MOST_WIDTH)
_OF_COMPONENTS: Final = Meta(min_length=1, max_length=MOST_COMPONENTS)
_Point = Annotated[tuple[float, ...], _OF_WIDTH]
_Matrix = Annotated[tuple[_Point, ...], _OF_WIDTH]


class MixtureFile(NumberFile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `scoring.mixture.MixtureScoring` is made of."""

    weights: Annotated[tuple[float, ...], _OF_COMPONENTS]
    means: Annotated[tuple[_Point, ...], _OF_COMPONENTS]
    covariances: Annotated[tuple[_Matrix, ...], _OF_COMPONENTS]
    eigenvalues: Annotated[tuple[_Point, ...], _OF_COMPONENTS]
    eigenvectors: Annotated[tuple[_Matrix, ...], _OF_COMPONENTS]
    labels: Annotated[tuple[Label, ...], _OF_COMPONENTS]


MIXTURE: Final[Decoder[MixtureFile]] = Decoder(MixtureFile, most_bytes=8 * 2**20, most_values=150_000)


def read_scoring(body: bytes) -> MixtureScoring:
    """Return the numbers in a scoring file.

    Raises
    ------
    ValueError: not a scoring file.
    """
    file = MIXTURE.decode(body)
    return MixtureScoring(
        file.features,
        file.surrogates,
        file.mean,
        file.std,
        file.weights,
        file.means,
        file.covariances,
        file.eigenvalues,
        file.eigenvectors,
        file.labels,
        *typed(file),
    )


def _disagreements(golden: Golden, assigner: ClusterAssigner) -> Sequence[int]:
    return disagreements(golden, cast("LikelyAssigner", assigner))


KIND: Final = ClusterKind(
    "gaussian-mixture",
    "swathe_spark_gaussian_mixture",
    ArtifactFile(SCORING_FILE, MIXTURE.most_bytes),
    read_scoring,
    _disagreements,
    is_likely=True,
)
