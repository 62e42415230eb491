"""ALS, the recommender, as serving finds it."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from serving.kinds.als.page.part import PART
from serving.kinds.als.pairs import OUTPUTS
from serving.kinds.als.predictor import OUTCOMES, RECOMMEND
from serving.kinds.als.readings import READINGS
from serving.kinds.als.recommendation import FILES, Recommendation, load
from serving.kinds.als.schemas import COMPONENTS, request
from serving.kinds.kind import ArtifactFiles, Counted, Posting
from serving.kinds.openapi_words import MAYBE_BOOLEAN, MAYBE_INTEGER, body_schema


def _rows(served: Recommendation | None) -> dict[str, Any]:
    if served is None:
        return {"schema": body_schema(None)}
    return {"schema": body_schema(served.inputs), "example": {"dataframe_records": [served.example]}}


def _ratings(served: Recommendation | None) -> dict[str, Any]:
    if served is None:
        return request([])
    return request([served.numbers.items.answered(int(place)) for place in served.numbers.rated.order[:3]])


class AlsKind:
    """The recommender."""

    name: ClassVar = "als"
    platform: ClassVar = "swathe_spark_als"
    files: ClassVar = FILES
    postings: ClassVar = (
        Posting(RECOMMEND, "The best items for a user's ratings", "Recommendations", _ratings, by_row=False),
        Posting("predict", "The rating of each pair of user and item", "PredictedRatings", _rows),
    )
    readings: ClassVar = READINGS
    counted: ClassVar = Counted("swathe_recommender_answers", "Users and pairs answered", "outcome", OUTCOMES)
    described: ClassVar = {"users": MAYBE_INTEGER, "items": MAYBE_INTEGER, "implicit": MAYBE_BOOLEAN}
    schemas: ClassVar = COMPONENTS
    page: ClassVar = PART
    outputs: ClassVar = OUTPUTS

    def load(self, bodies: ArtifactFiles) -> Recommendation:
        """Return the recommender in the files of an artifact.

        Raises
        ------
        ModelArtifactError: a file is not what it should be, or disagrees with another or with the golden file.
        """
        return load(bodies)


KIND: Final = AlsKind()
