"""A Gaussian mixture as a kind of model."""

from __future__ import annotations

from collections.abc import Sequence

from contract.errors import DataError
from contract.kinds.mixture import MOST_WIDTH, GaussianMixture
from pipeline.train.kinds.clusters import evaluate
from pipeline.train.kinds.clusters.assign import assign
from pipeline.train.kinds.clusters.clustering import SCORING, Clustering
from pipeline.train.kinds.clusters.describe import preparing_params, preparing_sentences
from pipeline.train.kinds.clusters.evaluate import ClusterRows
from pipeline.train.kinds.clusters.prepared import Prepared
from pipeline.train.kinds.clusters.trained import Trained
from pipeline.train.kinds.kind import Batch
from pipeline.train.kinds.mixture.components import Components
from pipeline.train.kinds.mixture.fit import Fit, fit_mixture
from pipeline.train.stopwatch import Stopwatch
from scoring.mixture import MixtureScoring


class MixtureKind(Clustering):
    """A Gaussian mixture, opened for one series."""

    loader = "load_mixture"
    code = tuple(SCORING / f"{name}.py" for name in ("mixture", "likely", "load_mixture"))

    @staticmethod
    def read_numbers(body: bytes) -> MixtureScoring:
        """Return the numbers in a scoring file.

        Raises
        ------
        ValueError: not a scoring file of a Gaussian mixture.
        """
        return MixtureScoring.from_json(body)

    def train(self, prepared: Prepared, rows: int, batch: Batch, watch: Stopwatch) -> Trained:
        """Cluster ``prepared`` rows, ``rows`` of them.

        Raises
        ------
        DataError: they are too wide, hold fewer distinct points than components, or no density can be fitted to them.
        """
        model = self._opened.series.stream.section(GaussianMixture)
        refuse_wide(len(prepared.mean))
        with watch.measured("fit"):
            fit = fit_mixture(batch.spark, prepared, model, prepared.features)
        # Clusters have their numbers, until labels are known from the version before.
        unnamed = _scoring(prepared, fit.components, tuple(str(i) for i in range(model.k)))
        assigned = assign(prepared.rows, fit.model, unnamed)
        with watch.measured("statistics"):
            clusters = evaluate.cluster_rows(assigned, prepared.encoding, model.k)
        return Trained(
            prepared,
            fit.model,
            unnamed,
            clusters,
            assigned,
            rows,
            params={"k": model.k, "seed": model.seed, **preparing_params(model), "tol": model.tol},
            metrics={
                "iterations": fit.iterations,
                "converged": fit.iterations < model.max_iter,
                "log_likelihood_per_row": fit.log_likelihood / rows,
            },
            sentences=_said(model, fit, clusters),
        )


def refuse_wide(width: int) -> None:
    """Refuse rows of more numbers than a covariance is fitted to.

    Raises
    ------
    DataError: names both.
    """
    if width > MOST_WIDTH:
        raise DataError(
            f"the features are {width} numbers a row, and a Gaussian mixture takes {MOST_WIDTH}: each value of a "
            f"category is one; give categories a lower `max_categories`, leave features out, or choose another kind"
        )


def _scoring(prepared: Prepared, found: Components, labels: tuple[str, ...]) -> MixtureScoring:
    return MixtureScoring(
        prepared.features,
        prepared.surrogates,
        prepared.mean,
        prepared.std,
        found.weights,
        found.means,
        found.covariances,
        found.eigenvalues,
        found.eigenvectors,
        labels,
        prepared.factors,
        prepared.typed,
    )


def _said(model: GaussianMixture, fit: Fit, clusters: Sequence[ClusterRows]) -> list[str]:
    said = []
    if fit.iterations == model.max_iter:
        said.append(
            f"The fit **came to `max_iter`** ({model.max_iter}), maybe before the log-likelihood rose by no more than "
            f"{model.tol:g} (`tol`)."
        )
    empty = sum(not cluster.size for cluster in clusters)
    if empty:
        said.append(f"Of the {model.k} clusters, {empty} are the most probable one of no row.")
    return said + preparing_sentences(model)
