"""What is written of a recommender beside its factors: statistics, parameters, and the sentences of its description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

from contract.kinds.als import Als
from contract.recommender import Columns, IdColumn, Measured, RecommenderStatistics, Spread
from contract.stream import Stream
from pipeline.train.kinds.als.comparison import Comparison
from pipeline.train.kinds.als.fit import Vocabulary
from pipeline.train.kinds.als.measure import MEANS, POPULARITY
from pipeline.train.kinds.als.ranking import AT
from pipeline.train.kinds.als.ratings import Ratings

_NDCG = f"ndcg_at_{AT}"


def params(model: Als) -> dict[str, object]:
    """Return the parameters of a run; `alpha` is that of implicit models."""
    left_out = {"kind", "scheme"} if model.implicit else {"kind", "scheme", "alpha"}
    return dict(model.model_dump(exclude=left_out))


def statistics(stream: Stream, known: Vocabulary, comparison: Comparison, ratings: Ratings) -> RecommenderStatistics:
    """Return the statistics that travel with a version."""
    model = stream.section(Als)
    return RecommenderStatistics(
        columns=Columns(_id_column(stream, model.user), _id_column(stream, model.item), model.rating),
        implicit=model.implicit,
        users=len(known.users),
        items=len(known.items),
        ratings=known.ratings,
        density=known.ratings / (len(known.users) * len(known.items)),
        rating=Spread(known.low, known.high, known.mean, known.deviation),
        left_out=ratings.left_out,
        superseded=ratings.records - ratings.left_out - known.pairs,
        held_out=comparison.held_out,
        prequential=comparison.prequential,
        before=comparison.before,
    )


def _id_column(stream: Stream, name: str) -> IdColumn:
    # The stream file's check leaves no other.
    return IdColumn(name, cast("Literal['string', 'int32', 'int64']", stream.columns[name].type))


def metrics(said: RecommenderStatistics, comparison: Comparison, rows: int) -> dict[str, float]:
    """Return the metrics of a run."""
    counts = {"users": said.users, "items": said.items, "ratings": said.ratings, "rows": rows}
    counts |= {"left_out": said.left_out, "superseded": said.superseded}
    return {**comparison.metrics, "density": said.density, **{name: float(value) for name, value in counts.items()}}


def sentences(said: RecommenderStatistics) -> list[str]:
    """Return what a description says of the ratings and of what was measured."""
    before = f"Version {said.before} on this batch, before it was trained"
    return [
        f"Fitted to {said.ratings:,} ratings of {said.items:,} items by {said.users:,} users: {said.density:.2%} of "
        "all pairs.",
        *_left(said),
        *_measured("On the ratings that were held out", said.held_out, implicit=said.implicit),
        *_measured(before, said.prequential, implicit=said.implicit),
    ]


def _left(said: RecommenderStatistics) -> Iterator[str]:
    if said.left_out:
        yield f"{said.left_out:,} records have no user, no item or no rating that is a number, and were left out."
    if said.superseded:
        yield f"{said.superseded:,} ratings were given again later: the newest of a user and an item counts."


def _measured(what: str, found: Measured | None, *, implicit: bool) -> Iterator[str]:
    if found is None or not found.values:
        return
    told = []
    if not implicit:
        means = [found.baselines[name]["rmse"] for name in MEANS if name in found.baselines]
        beside = f" (means of users and items: {min(means):.4g})" if means else ""
        told.append(f"RMSE {found.values['rmse']:.4g}{beside}")
    if POPULARITY in found.baselines:
        popular = found.baselines[POPULARITY][_NDCG]
        told.append(f"NDCG@{AT} {found.values[_NDCG]:.4g} (most rated items: {popular:.4g})")
    cold = f"; {found.cold:,} of {found.ratings:,} were cold and are left out" if found.cold else ""
    yield f"{what}: {', '.join(told)}{cold}."
