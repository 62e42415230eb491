"""Compares a new version with the one before it, and with all others through the reference sample."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from contract.kinds.clusters import Identity
from contract.lineage import Lineage
from contract.version_facts import LEAST_FLOW, MOST_FLOWS, Flow, VersionFacts
from pipeline.object_store import ObjectStore
from pipeline.train.kinds.clusters import drift
from pipeline.train.kinds.clusters.assign import Sample
from pipeline.train.kinds.clusters.drift import Profile
from pipeline.train.kinds.clusters.identity import Counts, first_lineage, follow, lineage_of_others, overlap
from pipeline.train.kinds.clusters.predecessor import History, Predecessor
from pipeline.train.kinds.clusters.reference import Reference, keep_reference, make_reference, reference_key
from scoring.scorer import ClusterNumbers

logger = logging.getLogger(__name__)

# Of more clusters a description counts the fates.
_FATES_SAID: Final = 20
_SAID: Final = {"stable": "stayed stable", "moderate": "drifted moderately", "large": "drifted far"}


@dataclass(frozen=True)
class Change:
    """How a version differs from ``earlier``; ``counts`` [k_before, k_after] are the batch's rows."""

    earlier: Predecessor
    counts: Counts
    metrics: Mapping[str, float]
    band: str
    sentence: str


@dataclass(frozen=True)
class Comparison:
    """A version beside the others: its labels, how its batch was distributed, its numbers on the reference sample.

    ``change`` is None for a series' first version and for one with other features than the version before.
    """

    lineage: Lineage
    profile: Profile
    reference: Reference
    reference_key: str
    quality: Mapping[str, float]
    change: Change | None
    apart: str = ""
    """Why it is not compared with the version before, where there is one."""

    @property
    def metrics(self) -> dict[str, float]:
        """All that can be measured, under `ref/`, `preq/`, `drift/` and `identity/`."""
        found = {f"ref/{name}": value for name, value in self.quality.items()}
        if self.change is not None:
            found |= self.change.metrics
            found |= {f"identity/{kind}": float(count) for kind, count in self.lineage.counts().items()}
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def told_in(self, facts: VersionFacts) -> VersionFacts:
        """Return ``facts`` with what the version says of itself beside others; nothing that no double can hold."""
        measured = {name: value if math.isfinite(value) else None for name, value in self.quality.items()}
        return dataclasses.replace(
            facts,
            reference=self.reference_key,
            ref_silhouette=measured["silhouette"],
            ref_wssse_per_row=measured["wssse_per_row"],
            drift=self.change.band if self.change else None,
            drift_reason=self.change.sentence if self.change else None,
            flows=_flows(self.change, self.lineage) if self.change else (),
        )

    @property
    def sentences(self) -> list[str]:
        """What the version's description says of it."""
        if self.change is None:
            return [self.apart] if self.apart else []
        return [self.change.sentence, _identity_sentence(self.lineage)]


class Comparer:
    """Compares the versions of one model, whose reference sample is in ``store``."""

    def __init__(self, store: ObjectStore, model: str, history: History, limits: Identity) -> None:
        self._store, self._model, self._history, self._limits = store, model, history, limits

    @np.errstate(over="ignore", invalid="ignore")
    def compare(self, number: int, scoring: ClusterNumbers, sample: Sample) -> Comparison:
        """Return how version ``number`` compares; ``sample`` are rows of its own batch with its clusters.

        Raises
        ------
        ModelArtifactError: the version before cannot be read.
        ChainError: the reference sample cannot.
        """
        key = reference_key(self._model, scoring.encoding)
        reference = keep_reference(self._store, key, make_reference(scoring, sample.rows, sample.cells))
        earlier = self._history.predecessor(number)
        lineage, change = self._change(earlier, scoring, sample, reference)
        return Comparison(
            lineage=lineage,
            profile=_profile(scoring, sample),
            reference=reference,
            reference_key=key,
            quality=reference.score(scoring, reference.rows, reference.cells),
            change=change,
            apart="" if change or earlier is None else _apart(earlier, scoring),
        )

    def _change(
        self, earlier: Predecessor | None, scoring: ClusterNumbers, sample: Sample, reference: Reference
    ) -> tuple[Lineage, Change | None]:
        k = len(scoring.centers)
        sizes = overlap(sample.clusters * 0, sample.clusters, 1, k)[0].tolist()
        if earlier is None:
            return first_lineage(sizes), None
        if earlier.scoring.encoding.declared != scoring.encoding.declared:
            return lineage_of_others(earlier.lineage, earlier.number, sizes), None
        before, _ = earlier.scoring.assigner().assign(sample.encoded(earlier.scoring.encoding))
        counts = overlap(before, sample.clusters, len(earlier.scoring.centers), k)
        lineage = follow(earlier.lineage, earlier.number, counts, self._limits)
        return lineage, _change(earlier, scoring, counts, sample, reference)


def _change(
    earlier: Predecessor, scoring: ClusterNumbers, counts: Counts, sample: Sample, reference: Reference
) -> Change:
    by_feature, others = _by_feature(earlier, scoring, sample)
    shift_mean, shift_max = drift.centroid_shift(reference.centers(earlier.scoring), reference.centers(scoring))
    before, _ = earlier.scoring.assigner().assign(reference.encoded(earlier.scoring.encoding))
    after, _ = scoring.assigner().assign(reference.encoded(scoring.encoding))
    agreement = drift.adjusted_rand_index(before, after)
    of_clusters = drift.psi(earlier.shares, (counts.sum(axis=1) / max(int(counts.sum()), 1)).tolist())
    prequential = reference.score(earlier.scoring, sample.rows, sample.cells)
    metrics = {
        # Test, then train: the earlier version has seen none of these rows.
        **{f"preq/{name}": value for name, value in prequential.items()},
        **{f"drift/psi/{name}": value for name, value in by_feature.items()},
        **{f"drift/other_share/{name}": value for name, value in others.items()},
        "drift/psi_max": max(by_feature.values()),
        "drift/psi_clusters": of_clusters,
        "drift/centroid_shift_mean": shift_mean,
        "drift/centroid_shift_max": shift_max,
        "drift/adjusted_rand_index": agreement,
    }
    worst = max(by_feature, key=lambda name: by_feature[name])
    sentence = (
        f"Against version {earlier.number}, features {_SAID[drift.band(by_feature[worst])]} (PSI at most "
        f"{by_feature[worst]:.3f}, `{worst}`) and cluster shares {_SAID[drift.band(of_clusters)]} (PSI "
        f"{of_clusters:.3f}); on the reference sample both agree to an adjusted Rand index of {agreement:.3f}."
    )
    return Change(earlier, counts, metrics, drift.band(max(by_feature[worst], of_clusters)), sentence)


def _apart(earlier: Predecessor, scoring: ClusterNumbers) -> str:
    before, now = (dict.fromkeys(numbers.encoding.declared) for numbers in (earlier.scoring, scoring))
    gone = _names(each for each in before if each not in now)
    come = _names(each for each in now if each not in before)
    told = [f"{said} {names}" for said, names in (("without", gone), ("with", come)) if names]
    how = ", ".join(told) or "in another order"
    return (
        f"Not compared with version {earlier.number}, whose features are others (now {how}): all clusters have new "
        f"labels, and the reference sample is one of these features."
    )


def _names(declared: Iterable[Sequence[str | bool]]) -> str:
    names = [f"`{feature[0]}`" for feature in declared]
    more = len(names) - _FATES_SAID
    return ", ".join(names[:_FATES_SAID]) + (f" and {more} more" if more > 0 else "")


def _profile(scoring: ClusterNumbers, sample: Sample) -> Profile:
    if sample.cells is None:
        return drift.profile(scoring.features, sample.rows)
    return drift.profile_of_cells(sample.cells)


def _by_feature(
    earlier: Predecessor, scoring: ClusterNumbers, sample: Sample
) -> tuple[dict[str, float], dict[str, float]]:
    """Return each feature's stability index, and of each category the share of values that are new to ``earlier``."""
    if sample.cells is None:
        return drift.feature_psi(earlier.profile, scoring.features, sample.rows), {}
    return drift.psi_of_cells(earlier.profile, sample.cells), drift.other_shares(earlier.profile, sample.cells)


def _flows(change: Change, lineage: Lineage) -> tuple[Flow, ...]:
    shares = change.counts / np.maximum(change.counts.sum(axis=1), 1)[:, None]
    return tuple(
        Flow(before, lineage.labels[after], float(row[after]))
        for before, row in zip(change.earlier.lineage.labels, shares, strict=True)
        for after in np.argsort(-row, kind="stable")[:MOST_FLOWS]
        if row[after] >= LEAST_FLOW
    )


def _identity_sentence(lineage: Lineage) -> str:
    if len(lineage.transitions) > _FATES_SAID:
        told = ", ".join(f"{count} {kind}" for kind, count in lineage.counts().items() if count)
        return f"Clusters: {told}; `transitions.json` in the run has each."
    said = []
    for each in lineage.transitions:
        before, after = " and ".join(each.before), " and ".join(each.after)
        if each.kind == "survived":
            said.append(f"{before} survived ({each.share:.0%})")
        elif each.kind == "appeared":
            said.append(f"{after} appeared")
        elif each.kind == "vanished":
            said.append(f"{before} vanished")
        else:
            said.append(f"{before} {each.kind} into {after} ({each.share:.0%})")
    return f"Clusters: {', '.join(said)}."
