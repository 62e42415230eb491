"""What is known of a series whose registry was edited: from the registry, the ledger, and the runs."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from contract.model_version import (
    TAG_ALIASED,
    TAG_BATCH,
    TAG_GATE,
    TAG_GATE_REASON,
    TAG_KIND,
    TAG_REASON,
    TAG_SCHEME,
    TAG_STATE,
    TAG_STREAM,
    TAG_TRAIN_KEY,
)
from pipeline.train.ledger.ledger import Artifact, KnownSeries, Ledger
from pipeline.train.ledger.version_record import GATE_FILE, RECORD_FILE, VersionRecord
from pipeline.train.mlflow_client.registry import RegisteredModel, RegisteredVersion, Registry, fitting
from pipeline.train.mlflow_client.runs import TAG_BATCH as TAG_RUN_BATCH
from pipeline.train.mlflow_client.runs import TAG_ERROR
from pipeline.train.mlflow_client.runs import TAG_TRAIN_KEY as TAG_RUN_KEY
from pipeline.train.mlflow_client.tracking import Experiment, TrackedRun, Tracking

logger = logging.getLogger(__name__)

ORPHAN: Final = "orphan"
# What a version is, which nobody has reason to change; all else may be a person's own.
IDENTITY: Final = (TAG_STREAM, TAG_SCHEME, TAG_KIND, TAG_BATCH, TAG_TRAIN_KEY)
_OF_SERIES: Final = frozenset({TAG_STREAM, TAG_SCHEME, TAG_KIND})
ReadText = Callable[[TrackedRun, str], str | None]


@dataclass(frozen=True)
class Known:
    """A series as it was: ``versions`` by number, ``lost`` says by name what is not known any more."""

    series: KnownSeries
    versions: Mapping[int, RegisteredVersion]
    runs: Mapping[str, TrackedRun]
    experiments: tuple[Experiment, ...]
    lost: tuple[str, ...]


class Sources:
    """The three places that know something of the series of one registered model."""

    def __init__(self, registry: Registry, ledger: Ledger, read_text: ReadText) -> None:
        self._registry, self._ledger, self._read_text = registry, ledger, read_text
        self._tracking = Tracking(registry)
        self._model = registry.model

    def known(self) -> Known:
        """Return the series as it was, as far as it is known."""
        registered, noted = self._registry.versions(), self._ledger.versions()
        experiments, runs = self._runs(noted, registered)
        foreign = [number for number, version in registered.items() if not _is_ours(version, noted.get(number))]
        versions = dict(_of_both(registered, noted, foreign))
        last = max(versions, default=0)
        # Above what a ledger names there was nothing: runs of more are an earlier series' of the same name.
        told = self._of_runs(runs, versions) if not noted or len(versions) < last else {}
        versions = {**{n: found for n, found in told.items() if n < last or not noted}, **versions}
        last = max(versions, default=0)
        lost = [f"version {number} was not made by Swathe: delete it in MLflow first" for number in foreign]
        for number in sorted({*registered} & {*noted} - {*foreign}):
            now, before = registered[number], noted[number]
            if now.tags.get(TAG_STATE) != ORPHAN and now.run_id != before.run_id:
                lost.append(f"version {number} is run {now.run_id} in the registry, and was run {before.run_id}")
        lost += [f"nothing tells what version {n} was" for n in range(1, last + 1) if n not in versions]
        series = self._series(registered, versions)
        return Known(series, dict(sorted(versions.items())), runs, experiments, tuple(lost))

    def _series(
        self, registered: Mapping[int, RegisteredVersion], versions: Mapping[int, RegisteredVersion]
    ) -> KnownSeries:
        found, noted = self._registry.model_facts(), self._ledger.series()
        tags = versions[max(versions)].tags if versions else {}
        shown = found or RegisteredModel("", {}, {})
        before = noted or KnownSeries(tags.get(TAG_STREAM, ""), tags.get(TAG_SCHEME, ""), shown.description, {}, {})
        # An alias that is not there although its version is was taken away by somebody.
        lost = {alias: number for alias, number in before.aliases.items() if number not in registered}
        aliases = {alias: number for alias, number in {**lost, **shown.aliases}.items() if number in versions}
        return KnownSeries(
            stream=before.stream,
            scheme=before.scheme,
            description=shown.description if found else before.description,
            tags=shown.tags if found else before.tags,
            aliases=aliases,
        )

    def _runs(self, *versions: Mapping[int, RegisteredVersion]) -> tuple[tuple[Experiment, ...], dict[str, TrackedRun]]:
        """Return the runs of the model, and the experiments they are in."""
        noted = self._ledger.series()
        streams = {noted.stream} if noted else set()
        streams |= {each.tags[TAG_STREAM] for known in versions for each in known.values() if TAG_STREAM in each.tags}
        # Of a series of which nothing is known, the stream that has its name.
        names = streams or {self._model}
        found = [self._tracking.experiment(stream) for stream in sorted(streams)]
        runs: dict[str, TrackedRun] = {}
        holding = []
        for experiment in [each for each in found if each is not None] or self._tracking.experiments():
            here = self._tracking.runs(experiment.id, self._model)
            holding += [experiment] if here or experiment.name in names else []
            runs |= here
        return tuple(holding), runs

    def artifact(self, version: RegisteredVersion, runs: Mapping[str, TrackedRun]) -> Artifact | None:
        """Return what ``version`` was made of, or None where nobody knows."""
        noted = self._ledger.artifact(version.number)
        if noted is not None and f"models:/{noted.model_id}" == version.source:
            return noted
        record = self._record(runs[version.run_id]) if version.run_id in runs else None
        return record.artifact if record else None

    def _of_runs(
        self, runs: Mapping[str, TrackedRun], known: Mapping[int, RegisteredVersion]
    ) -> dict[int, RegisteredVersion]:
        """Return the versions that ``runs``, oldest first, tell of; the last of them that are ready or ``known``.

        A series is trained in order: what is followed by a run of an earlier batch was another series of that name.
        """
        numbers = {version.run_id: number for number, version in known.items()}
        newest = known[max(known)].tags if known else {}
        found: dict[int, RegisteredVersion] = {}
        for run in runs.values():
            version = known[numbers[run.id]] if run.id in numbers else self._finished(run) or self._failed(run)
            if version is None or any(
                version.tags.get(key, newest.get(key)) != newest.get(key) for key in newest.keys() & _OF_SERIES
            ):
                continue
            found = {n: before for n, before in found.items() if n < version.number} | {version.number: version}
        # Whether a failed run came to be a version is told by those after it alone.
        ready = [number for number, version in found.items() if version.tags.get(TAG_STATE) != "failed"]
        last = max([*known, *ready], default=0)
        shared = (
            {key: found[last].tags[key] for key in _OF_SERIES & found[last].tags.keys()} if last in found else newest
        )
        return {
            number: dataclasses.replace(version, tags={**shared, **version.tags})
            for number, version in found.items()
            if number <= last
        }

    def _finished(self, run: TrackedRun) -> RegisteredVersion | None:
        """Return the version that a finished run was: its logged model tells."""
        record = self._record(run) if run.status == "FINISHED" else None
        if record is None or record.artifact is None:
            return None
        # Under whatever number: one that came too late was an orphan.
        if not self._tracking.registered_as(record.artifact.model_id, self._model):
            return None
        tags = {**record.tags, **self._gate(run), TAG_STATE: "ready"}
        return fitting(RegisteredVersion(int(tags[TAG_BATCH]), run.id, record.source, tags, record.description))

    def _failed(self, run: TrackedRun) -> RegisteredVersion | None:
        """Return the version that the run of a batch is whose rows cannot be trained."""
        batch, reason = run.tags.get(TAG_RUN_BATCH, ""), run.tags.get(TAG_ERROR, "")
        if run.tags.get(TAG_STATE) != "failed" or not batch.isdigit():
            return None
        told = {TAG_BATCH: batch, TAG_TRAIN_KEY: run.tags.get(TAG_RUN_KEY, ""), TAG_REASON: reason}
        record = self._record(run) or VersionRecord(run.id, run.artifact_uri, told, f"**Failed**: {reason}.")
        tags = {**record.tags, TAG_STATE: "failed"}
        return fitting(RegisteredVersion(int(batch), run.id, record.source, tags, record.description))

    def _record(self, run: TrackedRun) -> VersionRecord | None:
        text = self._read_text(run, RECORD_FILE)
        try:
            return VersionRecord.from_json(text) if text else None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            logger.warning("record unreadable run_id=%s file=%s reason=%r", run.id, RECORD_FILE, error)
            return None

    def _gate(self, run: TrackedRun) -> dict[str, str]:
        try:
            told = json.loads(self._read_text(run, GATE_FILE) or "{}")
            return {TAG_GATE: told["earned"], TAG_GATE_REASON: told["reason"]}
        except (ValueError, TypeError, KeyError, RecursionError):
            return {}


def _is_ours(version: RegisteredVersion, noted: RegisteredVersion | None) -> bool:
    return TAG_TRAIN_KEY in version.tags or (noted is not None and noted.run_id == version.run_id)


def _of_both(
    registered: Mapping[int, RegisteredVersion], noted: Mapping[int, RegisteredVersion], foreign: list[int]
) -> Iterator[tuple[int, RegisteredVersion]]:
    """Yield the versions of registry and ledger; of an orphan, the version that it should have become."""
    registered = {number: version for number, version in registered.items() if number not in foreign}
    # Orphans first: where the ledger knows better, it counts.
    for version in registered.values():
        batch = version.tags.get(TAG_BATCH, "")
        if version.tags.get(TAG_STATE) == ORPHAN and batch.isdigit() and int(batch) >= 1:
            state = "failed" if TAG_REASON in version.tags else "ready"
            yield int(batch), dataclasses.replace(version, number=int(batch), tags={**version.tags, TAG_STATE: state})
    for number, before in noted.items():
        now = registered.get(number)
        yield number, before if now is None or now.run_id != before.run_id else _merged(before, now)
    for number, now in registered.items():
        if number not in noted and now.tags.get(TAG_STATE) != ORPHAN:
            yield number, now


def _merged(before: RegisteredVersion, now: RegisteredVersion) -> RegisteredVersion:
    identity = {key: before.tags[key] for key in IDENTITY if key in before.tags}
    return dataclasses.replace(now, tags={**now.tags, **identity})


def settled_for(versions: Mapping[int, RegisteredVersion], champion: int) -> dict[int, RegisteredVersion]:
    """Return ``versions``; those before ``champion`` are told to have got what their gate decided."""
    return {
        number: dataclasses.replace(version, tags={**version.tags, TAG_ALIASED: "true"})
        if number < champion and TAG_GATE in version.tags
        else version
        for number, version in versions.items()
    }
